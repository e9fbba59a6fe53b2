"""Locust users: one class for each row of the comparison.

Importing Locust patches the standard library for gevent, so only a process that is a load generator
may import this module. Each user is one customer with its own connection and an open model: calls
start when they are due, however long earlier ones take.
"""

from contextlib import suppress
from typing import ClassVar

import gevent
import grpc
import grpc.experimental.gevent as grpc_gevent
from gevent.pool import Group
from locust import User, task
from locust.exception import StopUser

from loadtest.callers import Caller
from loadtest.lab import Lab, Phase
from loadtest.pacing import pace
from loadtest.refusals import refusal_of
from loadtest.results import FLOOR, Method
from waybill.strategy import Strategy

grpc_gevent.init_gevent()  # before any channel is made, and after Locust has patched


class OpenModelUser(User):
    """Drives one row through the phase that `environment.lab` is in, then stops."""

    abstract = True
    row: ClassVar[str]
    """The name in every result."""

    def on_start(self) -> None:
        self._lab: Lab = self.environment.lab
        assert self._lab.phase is not None, "a phase must begin before users start"
        self._phase = self._lab.phase
        self._number = self._phase.enter()
        self._caller = self.caller(self._lab, self._phase, self._number)
        self._phase.sends(self._caller)
        self._recorder = self._phase.recorder(self.row)
        self._in_flight = Group()

    def caller(self, lab: Lab, phase: Phase, number: int) -> Caller:
        """Makes this row's calls."""
        raise NotImplementedError

    def method(self) -> Method:
        """What this row calls."""
        method: Method = self._phase.cell.method
        return method

    @task
    def run_phase(self) -> None:
        """Send all of this user's calls and wait for their answers."""
        arrivals = self._phase.arrivals(self._number)
        if self._phase.warms_up:
            with suppress(grpc.RpcError):  # what is refused will be refused again, and counted
                self._caller.warm_up(self._phase.load.timeout_s)
        try:
            pace(arrivals, self._send, clock=self._lab.clock, sleep=gevent.sleep)
            self._in_flight.join()
        finally:
            self._in_flight.kill()
        raise StopUser

    def _send(self, due: float) -> None:
        if len(self._in_flight) >= self._phase.load.max_in_flight:
            self._recorder.drop()
        else:
            self._in_flight.spawn(self._call, due)

    def _call(self, due: float) -> None:
        recorder = self._recorder
        started = recorder.start(due)
        try:
            size = self._caller.call(self._phase.load.timeout_s)
        except grpc.RpcError as error:
            recorder.refuse(due, refusal_of(error))
            self._tell_locust(due, 0, error)
        else:
            recorder.accept(due, started)
            self._tell_locust(due, size, None)

    def _tell_locust(self, due: float, size: int, error: Exception | None) -> None:
        self.environment.events.request.fire(
            request_type=self.method().value,
            name=self.row,
            response_time=(self._lab.clock() - due) * 1e3,
            response_length=size,
            exception=error,
            context={},
        )


class FloorUser(OpenModelUser):
    """The floor: bare health checks."""

    row = FLOOR

    def caller(self, lab: Lab, phase: Phase, number: int) -> Caller:  # noqa: ARG002
        return lab.health_caller(number)

    def method(self) -> Method:
        return Method.HEALTH


class StrategyUser(OpenModelUser):
    """Orders, or lists, with the state that one strategy carries."""

    abstract = True
    strategy: ClassVar[Strategy]

    def caller(self, lab: Lab, phase: Phase, number: int) -> Caller:
        return lab.caller(self.strategy, phase, number)


def user_class(strategy: Strategy) -> type[StrategyUser]:
    """The user of one strategy, such as `MetadataJwtUser`. Locust chooses users by class."""
    name = "".join(map(str.capitalize, strategy.split("-"))) + "User"
    values = {"strategy": strategy, "row": strategy.value, "__doc__": f"Orders with {strategy}."}
    return type(name, (StrategyUser,), values)


STRATEGY_USERS: tuple[type[StrategyUser], ...] = tuple(map(user_class, Strategy))
ALL_USERS: tuple[type[OpenModelUser], ...] = (FloorUser, *STRATEGY_USERS)
USERS = {user.row: user for user in ALL_USERS}
