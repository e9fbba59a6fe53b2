"""How load goes on over time, in numbers of users who each have a rate of their own."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """So many users until so long after the beginning."""

    users: int
    until_s: float


def steady(users: int, seconds: float) -> Iterator[Stage]:
    """The same all the time."""
    yield Stage(users, seconds)


def steps(users: int, step_users: int, step_s: float) -> Iterator[Stage]:
    """In equal steps up to `users`."""
    counts = [*range(step_users, users, step_users), users]
    for number, count in enumerate(counts, start=1):
        yield Stage(count, number * step_s)


@dataclass(frozen=True, slots=True)
class Progressed:
    """What was answered well until a moment, in seconds from the beginning."""

    at_s: float
    ok: int


def kept_up(before: Progressed, now: Progressed, asked_per_s: float, share: float) -> bool:
    """Whether between two moments at least `share` of the asked calls were answered well."""
    elapsed_s = now.at_s - before.at_s
    return elapsed_s <= 0 or now.ok - before.ok >= share * asked_per_s * elapsed_s
