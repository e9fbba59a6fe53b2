"""What the Locust users of one process share: channels, listed pages, and the running phase."""

import os
import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from random import Random

import grpc

from loadtest.callers import (
    Caller,
    HealthCaller,
    ListCaller,
    OrderCaller,
    is_validate_only,
    orders_channel,
    request_ids,
)
from loadtest.holding import NewPages, OnePage, Pages, ReusedPages
from loadtest.listing import ListedPage, full_page, full_pages, listing_channel
from loadtest.pacing import endless, fixed_count
from loadtest.recorder import Recorder
from loadtest.results import Cell, Load, Method, RequestBytes, Warmth
from loadtest.tally import Parts
from loadtest.world import Job, World, holding
from waybill.strategy import Strategy

WARM_UP = "warm-up"
"""The phase before the one that is measured."""


class Phase:
    """One stretch of load on one cell, which all its users share.

    Each row of users has a recorder of its own; a comparison drives one row at a time.
    """

    def __init__(self, job: Job, load: Load, name: str, clock: Callable[[], float]) -> None:
        self.cell = job.cell
        self.load = load
        self.warms_up = name == WARM_UP
        """Nothing of it counts: it is there to be remembered."""
        self._clock = clock
        self._recorders = {job.cell.row: Recorder(clock)} if job.cell.row else {}
        self.seed = job.seed
        self._name = name
        self.request = RequestBytes(metadata=0, message=0)
        self._indices = count()

    def enter(self) -> int:
        """The number of the user who enters, from 0."""
        return next(self._indices)

    def recorder(self, row: str) -> Recorder:
        """Counts the calls of one row's users."""
        if row not in self._recorders:
            self._recorders[row] = Recorder(self._clock)
        return self._recorders[row]

    def parts(self) -> Parts:
        """What all users saw so far."""
        return {row: recorder.part() for row, recorder in self._recorders.items()}

    def sends(self, caller: Caller) -> None:
        """Note how large one request of this phase is."""
        self.request = caller.request_bytes()

    def arrivals(self, user: int) -> Iterator[float]:
        """When this user's calls are meant to start; endless where the phase has no length."""
        random = random_of(self.seed, f"arrivals/{self._name}", user)
        if self.load.duration_s:
            return fixed_count(share(self.load, user), self.load.duration_s, random)
        return endless(self.load.rate_per_s / self.load.users, random)


class Lab:
    """Holds what outlives a phase, so that connections and pages are warm. Close it after use."""

    def __init__(self, world: World, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self._world = world
        # Other generators of the same run have other ids: a repeated one would be no new order.
        self._request_ids = request_ids(f"{world.run_id}-{os.urandom(3).hex()}")
        self._listing = listing_channel(world.products_target)
        self._channels: dict[int, grpc.Channel] = {}
        self._listings: dict[int, grpc.Channel] = {}
        self._kept: dict[tuple[str, int, str, int], ListedPage] = {}
        self._callers: dict[int, Caller] = {}
        self.phase: Phase | None = None

    def prepare(self, job: Job) -> None:
        """Make the callers of a job's users before its first phase begins, with what they list.

        Raises:
            grpc.RpcError: the products service refused.
            ValueError: a customer's list is too short.
        """
        self._callers.clear()
        if job.cell.method in ORDERING:
            strategy = Strategy(job.cell.row)
            for user in range(job.load.users):
                caller = self._order_caller(strategy, job.cell, job.load, user, job.seed)
                self._callers[user] = caller

    def begin(self, job: Job, load: Load, name: str) -> Phase:
        """Start a phase of a job; users that enter from now on belong to it.

        Phases of different names have different arrivals, and the same orders.
        """
        self.phase = Phase(job, load, name, self.clock)
        return self.phase

    def channel(self, user: int) -> grpc.Channel:
        """The connection of one customer, the same for every row of the comparison."""
        if user not in self._channels:
            self._channels[user] = orders_channel(self._world.orders_target)
        return self._channels[user]

    def listing(self, user: int) -> grpc.Channel:
        """A customer's connection to the products service."""
        if user not in self._listings:
            self._listings[user] = listing_channel(self._world.products_target)
        return self._listings[user]

    def health_caller(self, user: int) -> Caller:
        """The floor's calls on a customer's connection."""
        return HealthCaller(self.channel(user))

    def caller(self, strategy: Strategy, phase: Phase, user: int) -> Caller:
        """A customer's calls with one strategy: the prepared ones, if there are any.

        Raises:
            grpc.RpcError: the products service refused.
            ValueError: the customer's list is too short.
        """
        cell = phase.cell
        if cell.method is Method.LIST:
            return ListCaller(self.listing(user), strategy, self._token(cell, user), cell.ids)
        if user in self._callers:
            return self._callers[user]
        return self._order_caller(strategy, cell, phase.load, user, phase.seed)

    def _order_caller(
        self, strategy: Strategy, cell: Cell, load: Load, user: int, seed: str
    ) -> Caller:
        return OrderCaller(
            self.channel(user),
            self._pages(strategy, cell, load, user),
            favourites=1 if cell.warmth is Warmth.COLD else load.favourites,
            validate_only=is_validate_only(cell.method),
            request_ids=self._request_ids,
            # Each method has its favourites, so that one cell does not warm the next one's cache.
            random=random_of(seed, f"orders/{cell.method}", user),
        )

    def _pages(self, strategy: Strategy, cell: Cell, load: Load, user: int) -> Pages:
        """What a customer orders from."""
        if cell.fresh:
            return self._fresh_pages(strategy, cell, load, user)
        return OnePage(self._kept_page(strategy, cell, user))

    def _fresh_pages(self, strategy: Strategy, cell: Cell, load: Load, user: int) -> Pages:
        token = self._token(cell, user)
        pages = full_pages(self.listing(user), strategy, token, cell.ids)
        if cell.orders_per_list:
            return ReusedPages(pages, cell.orders_per_list)
        warm_up = load.model_copy(update={"duration_s": load.warm_up_s})
        return NewPages(islice(pages, share(warm_up, user) + share(load, user)))

    def _kept_page(self, strategy: Strategy, cell: Cell, user: int) -> ListedPage:
        """The page that one customer holds; listed once. More users than customers share them."""
        key = (holding(cell), cell.ids, strategy.value, user % len(self._world.tokens(cell)))
        if key not in self._kept:
            token = self._token(cell, user)
            self._kept[key] = full_page(self._listing, strategy, token, cell.ids)
        return self._kept[key]

    def _token(self, cell: Cell, user: int) -> str:
        tokens = self._world.tokens(cell)
        return tokens[user % len(tokens)]

    def close(self) -> None:
        """Close all connections."""
        for channel in (self._listing, *self._channels.values(), *self._listings.values()):
            channel.close()


def random_of(seed: str, purpose: str, user: int) -> Random:
    """A generator of its own for each user and purpose."""
    return Random(f"{seed}/{purpose}/{user}")  # noqa: S311 - repeatable, not secret


def share(load: Load, user: int) -> int:
    """How many of a load's calls are one user's; all users' together are exactly the load's."""
    each, left = divmod(round(load.rate_per_s * load.duration_s), load.users)
    return each + (user % load.users < left)


ORDERING = frozenset({Method.VALIDATE, Method.PLACE})
