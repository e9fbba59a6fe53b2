"""Keeps processes apart on the machine's CPUs."""

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path


def halves() -> tuple[frozenset[int], frozenset[int]] | None:
    """One CPU and the rest of what this process may use; None where there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    first, *rest = sorted(os.sched_getaffinity(0))
    return (frozenset({first}), frozenset(rest)) if rest else None


def pin(pids: Iterable[int], cpus: Collection[int]) -> None:
    """Let processes, with all threads that they have now, run on `cpus` only."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):  # a thread may end meanwhile
                os.sched_setaffinity(int(task.name), cpus)
