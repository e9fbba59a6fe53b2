"""Resident memory of other processes."""

from collections.abc import Iterable, Mapping

import psutil


def resident_bytes(groups: Mapping[str, Iterable[int]]) -> dict[str, int]:
    """Resident set of each group of processes, in bytes; pages that they share count for each.

    Raises:
        ProcessLookupError: one of the processes is gone.
    """
    return {name: sum(map(_resident, pids)) for name, pids in groups.items()}


def _resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess as error:
        raise ProcessLookupError(f"process {pid} is gone") from error
