"""Whole processes: the drain, the workers, the port."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from shop.orders.v1 import orders_pb2, orders_pb2_grpc
from tests.toy import ALICE, GOOD
from waybill.serving.workers import run_workers

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
READY = re.compile(r"ready port=(\d+) pid=(\d+)\n")

Start = Callable[..., "Process"]


@dataclass(frozen=True)
class Process:
    popen: subprocess.Popen[str]

    def line(self) -> str:
        assert self.popen.stdout
        return self.popen.stdout.readline()

    def ready(self) -> tuple[int, int]:
        """Port and pid of the next ready line."""
        line = self.line()
        found = READY.fullmatch(line)
        assert found, line
        return int(found[1]), int(found[2])

    def end(self) -> tuple[int, str]:
        """Exit code and what is left of stderr, once all who write to it are gone."""
        _, errors = self.popen.communicate()
        return self.popen.returncode, errors


@contextmanager
def started(environ: dict[str, str]) -> Iterator[Process]:
    own = {"TOY_USER_KEYS": "users.json", **environ}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.toy_process"],
        cwd=ROOT,
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as popen:
        try:
            yield Process(popen)
        finally:
            popen.kill()


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda **environ: stack.enter_context(started(environ))


@contextmanager
def client(port: int) -> Iterator["orders_pb2_grpc.OrdersServiceStub"]:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        yield orders_pb2_grpc.OrdersServiceStub(channel)


def place(port: int) -> grpc.StatusCode:
    """One call on a connection of its own."""
    with client(port) as orders:
        try:
            orders.PlaceOrder(GOOD, metadata=ALICE)
        except grpc.RpcError as error:
            code = error.code()
            assert isinstance(code, grpc.StatusCode)
            return code
    return grpc.StatusCode.OK


def test_a_call_in_flight_at_sigterm_finishes_and_a_new_one_is_refused(
    start: Start, tmp_path: Path
) -> None:
    go_on = tmp_path / "go-on"
    process = start(TOY_GO_ON_FILE=str(go_on), TOY_DRAIN_S="30")
    port, _ = process.ready()
    with client(port) as orders:
        call = orders.PlaceOrder.future(GOOD, metadata=ALICE)
        assert process.line() == "entered r-1\n"
        process.popen.send_signal(signal.SIGTERM)
        until_refused(port)
        assert not call.done()
        go_on.touch()
        assert call.result() == orders_pb2.PlaceOrderResponse()
    assert process.end()[0] == 0


def until_refused(port: int) -> None:
    """Connect until nobody listens; the signal needs a moment to arrive."""
    while True:
        with client(port) as orders:
            call = orders.PlaceOrder.future(GOOD)  # without credential: never waits
            if call.code() == grpc.StatusCode.UNAVAILABLE:
                return
            # The second is of a call that came as the server stopped: see client/retries.py.
            assert call.code() in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.CANCELLED}
            time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_service_ends_with_0(start: Start, number: signal.Signals) -> None:
    process = start()
    process.ready()
    process.popen.send_signal(number)
    assert process.end()[0] == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_service_on_the_port_ends_with_1_and_advice(start: Start, workers: str) -> None:
    for first_workers in ("1", "2"):
        port, _ = start(TOY_WORKERS=first_workers).ready()
        code, errors = start(TOY_PORT=str(port), TOY_WORKERS=workers).end()
        assert code == 1
        assert f"cannot listen on 127.0.0.1:{port}" in errors
        assert "TOY_PORT" in errors
        assert "Traceback" not in errors


def test_bad_settings_end_with_2_and_one_line(start: Start) -> None:
    code, errors = start(TOY_WORKRES="2").end()
    assert code == 2
    assert errors == "TOY_WORKRES: there is no such setting; did you mean TOY_WORKERS?\n"


def test_a_killed_worker_comes_back_on_the_port_and_sigterm_ends_all(start: Start) -> None:
    process = start(TOY_WORKERS="2")
    ready = [process.ready(), process.ready()]
    ((port, first), (same_port, second)) = ready
    assert port == same_port
    assert len({first, second, process.popen.pid}) == 3
    os.kill(first, signal.SIGKILL)
    again, third = process.ready()
    assert (again, third not in {first, second}) == (port, True)
    assert place(port) == grpc.StatusCode.OK
    process.popen.send_signal(signal.SIGTERM)
    assert process.end()[0] == 0
    for pid in (first, second, third):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert place(port) == grpc.StatusCode.UNAVAILABLE


def test_workers_end_when_their_parent_is_killed(start: Start) -> None:
    process = start(TOY_WORKERS="2")
    port, _ = process.ready()
    process.ready()
    process.popen.kill()
    process.end()  # returns when the last writer of its output is gone
    assert place(port) == grpc.StatusCode.UNAVAILABLE


def test_workers_whose_settings_are_wrong_are_not_started_again(start: Start) -> None:
    from tests.toy import settings

    command = [sys.executable, "-c", "raise SystemExit(2)"]
    assert run_workers(command, 2, settings=settings(), environ=os.environ) == 2
