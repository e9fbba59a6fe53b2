"""What the Locust users of one process share: channels, listed pages, and the running phase."""

import time
from collections.abc import Callable, Iterator
from itertools import count
from random import Random

import grpc

from loadtest.callers import (
    Caller,
    HealthCaller,
    OrderCaller,
    is_validate_only,
    orders_channel,
    request_ids,
)
from loadtest.listing import ListedPage, listing_channel, whole_list
from loadtest.pacing import endless, fixed_count
from loadtest.recorder import Recorder
from loadtest.results import Load, RequestBytes
from loadtest.world import Job, World, subject
from waybill.strategy import Strategy


class Phase:
    """One stretch of load on one cell, which all its users share."""

    def __init__(self, job: Job, load: Load, name: str, recorder: Recorder) -> None:
        self.ids = job.cell.ids
        self.method = job.cell.method
        self.load = load
        self.recorder = recorder
        self._seed = job.seed
        self._name = name
        self.request = RequestBytes(metadata=0, message=0)
        self._indices = count()

    def enter(self) -> int:
        """The number of the user who enters, from 0."""
        return next(self._indices)

    def sends(self, caller: Caller) -> None:
        """Note how large one request of this phase is."""
        self.request = caller.request_bytes()

    def random(self, user: int, purpose: str) -> Random:
        """A generator of its own for each user and purpose."""
        return Random(f"{self._seed}/{purpose}/{user}")  # noqa: S311 - repeatable, not secret

    def arrivals(self, user: int) -> Iterator[float]:
        """When this user's calls are meant to start; endless where the phase has no length."""
        rate = self.load.rate_per_s / self.load.users
        random = self.random(user, f"arrivals/{self._name}")
        if self.load.duration_s:
            return fixed_count(rate, self.load.duration_s, random)
        return endless(rate, random)


class Lab:
    """Holds what outlives a phase, so that connections and pages are warm. Close it after use."""

    def __init__(self, world: World, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self._world = world
        self._request_ids = request_ids(world.run_id)
        self._listing = listing_channel(world.products_target)
        self._channels: dict[int, grpc.Channel] = {}
        self._pages: dict[tuple[Strategy, int, int], ListedPage] = {}
        self.phase: Phase | None = None

    def begin(self, job: Job, load: Load, name: str) -> Phase:
        """Start a phase of a job; users that enter from now on belong to it.

        Phases of different names have different arrivals, and the same orders.
        """
        self.phase = Phase(job, load, name, Recorder(self.clock))
        return self.phase

    def channel(self, user: int) -> grpc.Channel:
        """The connection of one customer, the same for every row of the comparison."""
        if user not in self._channels:
            self._channels[user] = orders_channel(self._world.orders_target)
        return self._channels[user]

    def page(self, strategy: Strategy, ids: int, user: int) -> ListedPage:
        """The page that one customer holds; listed once. More users than customers share them.

        Raises:
            grpc.RpcError: the products service refused.
            ValueError: the customer's list has another length.
        """
        user %= self._world.customers
        key = (strategy, ids, user)
        if key not in self._pages:
            token = self._world.tokens[subject(ids, user)]
            self._pages[key] = whole_list(self._listing, strategy, token, ids)
        return self._pages[key]

    def health_caller(self, user: int) -> Caller:
        """The floor's calls on a customer's connection."""
        return HealthCaller(self.channel(user))

    def order_caller(self, strategy: Strategy, phase: Phase, user: int) -> Caller:
        """A customer's orders."""
        return OrderCaller(
            self.channel(user),
            self.page(strategy, phase.ids, user),
            favourites=phase.load.favourites,
            validate_only=is_validate_only(phase.method),
            request_ids=self._request_ids,
            # Each method has its favourites, so that one cell does not warm the next one's cache.
            random=phase.random(user, f"orders/{phase.method}"),
        )

    def close(self) -> None:
        """Close all connections."""
        for channel in (self._listing, *self._channels.values()):
            channel.close()
