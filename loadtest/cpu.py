"""CPU time of other processes, to the nanosecond."""

import sys
import time
from collections.abc import Callable, Iterable, Mapping

import psutil

_CPUCLOCK_SCHED = 2
"""Linux: the clock that counts user and system time of all threads of a process."""


def _clock_id(pid: int) -> int:
    """The Linux clock id of a process's CPU time, as `clock_getcpuclockid(3)` makes it."""
    return ((~pid) << 3) | _CPUCLOCK_SCHED


def _psutil_seconds(pid: int) -> float:
    """CPU seconds with the resolution of the system's accounting, 10 ms on most systems."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def process_cpu_s(pid: int) -> float:
    """CPU seconds, user and system, that process `pid` has used with all its threads.

    Raises:
        ProcessLookupError: there is no such process.
    """
    try:
        if sys.platform != "linux":
            return _psutil_seconds(pid)
        return time.clock_gettime(_clock_id(pid))
    except (psutil.NoSuchProcess, OSError) as error:
        raise ProcessLookupError(f"process {pid} is gone") from error


def family_cpu_s(pid: int) -> float:
    """CPU seconds of process `pid` and of all that it has started, those that ended with them.

    Raises:
        ProcessLookupError: there is no such process.
    """
    ended = psutil.Process(pid).cpu_times() if psutil.pid_exists(pid) else None
    ended_s = ended.children_user + ended.children_system if ended else 0.0
    return process_cpu_s(pid) + ended_s + sum(map(_still_s, descendants(pid)))


def descendants(pid: int) -> list[int]:
    """The processes that `pid` has started, and those that they have."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _still_s(pid: int) -> float:
    """CPU seconds of a process that may have ended meanwhile, and then counts as ended."""
    try:
        return process_cpu_s(pid)
    except ProcessLookupError:
        return 0.0


class CpuMeter:
    """Sums the CPU time of groups of processes."""

    def __init__(
        self,
        groups: Mapping[str, Iterable[int]],
        read: Callable[[int], float] = process_cpu_s,
    ) -> None:
        self._groups = {name: tuple(pids) for name, pids in groups.items()}
        self._read = read

    def read(self) -> dict[str, float]:
        """CPU seconds of each group since its processes began.

        Raises:
            ProcessLookupError: one of the processes is gone.
        """
        return {name: sum(map(self._read, pids)) for name, pids in self._groups.items()}

    def since(self, before: Mapping[str, float]) -> dict[str, float]:
        """CPU seconds that each group has used since it was read as `before`."""
        return {name: now - before[name] for name, now in self.read().items()}
