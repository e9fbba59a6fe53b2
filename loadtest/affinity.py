"""Keeps processes apart on the machine's CPUs."""

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Placement:
    """Which CPUs the processes of one shop are kept on."""

    orders: frozenset[int]
    generator: frozenset[int]
    others: frozenset[int]
    """Of the products service and the store of references."""

    @classmethod
    def of(cls, workers: int, available: Collection[int]) -> "Placement | None":
        """A CPU for each of the orders service's `workers`, and the rest for the others.

        The load generator has one of its own where there are enough. None where there are too few
        to keep the orders service apart.
        """
        cpus = sorted(available)
        orders, rest = cpus[:workers], cpus[workers:]
        if not rest:
            return None
        return cls(frozenset(orders), frozenset(rest[:1]), frozenset(rest[1:] or rest))

    def words(self, workers: int) -> dict[str, str]:
        """For a record: who is where, where orders has so many workers."""
        which = "" if workers == 1 else f" ({workers} workers)"
        return {f"{each.name}{which}": _listed(getattr(self, each.name)) for each in fields(self)}

    def keep(self, pids: Mapping[str, Iterable[int]]) -> None:
        """Keep a shop's services on their CPUs; `pids` by service."""
        for service, each in pids.items():
            pin(each, self.orders if service == "orders" else self.others)


def available() -> frozenset[int]:
    """The CPUs that this process may use; none where the system does not say."""
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


def pin(pids: Iterable[int], cpus: Collection[int]) -> None:
    """Let processes, with all threads that they have now, run on `cpus` only."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):  # a thread may end meanwhile
                os.sched_setaffinity(int(task.name), cpus)


def _listed(cpus: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(cpus)))
