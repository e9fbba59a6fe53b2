"""A client as a user of gRPC for Python has it, all defaults: what it sees is what users see.

Run as `python -m loadtest.limits.clients.grpcio HOST PORT`.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

import grpc

from client.channels import NO_PROXY
from loadtest.limits import entries
from loadtest.limits.asks import Ask, End, Outcome
from loadtest.limits.clients.lines import answer_lines
from loadtest.limits.clients.wire import INNOCENT_HOLD_S, ask_body, intact, message_body
from loadtest.limits.entries import Pair

FRAME_BYTES = 5
OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0), NO_PROXY)


class GrpcioClient:
    """Makes calls with grpcio on a channel that it keeps."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._kept: grpc.Channel | None = None

    def run(self, ask: Ask) -> list[Outcome]:
        """Do what is asked; one outcome for each call."""
        channel = self._channel(ask)
        innocents = [self._start_innocent(channel, ask) for _ in range(ask.innocents)]
        method: Any = channel.unary_unary(ask.method)
        sent = (*ask.extra, *entries.entries(ask.request))
        began = time.monotonic()
        calls = [
            method.future(ask_body(ask)[FRAME_BYTES:], timeout=ask.deadline_s, metadata=sent)
            for _ in range(ask.times)
        ]
        seen = [(call, call.code(), _held_ms(began)) for call in calls]
        lost = sum(call.code() is not grpc.StatusCode.OK for call in innocents)
        outcomes = [_outcome(ask, call, code, held_ms, lost) for call, code, held_ms in seen]
        if any(outcome.end is End.HUNG for outcome in outcomes):
            self._close()  # the connection may be stuck, and the next ask is to start afresh
        return outcomes

    def _close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _channel(self, ask: Ask) -> grpc.Channel:
        if ask.first:
            self._close()
        if self._kept is None:
            self._kept = grpc.insecure_channel(self._target, options=OPTIONS)
            if not ask.first:
                warm: Any = self._kept.unary_unary(ask.method)
                warm(b"", timeout=ask.deadline_s)
        return self._kept

    def _start_innocent(self, channel: grpc.Channel, ask: Ask) -> Any:
        body = message_body({"hold_s": INNOCENT_HOLD_S})[FRAME_BYTES:]
        method: Any = channel.unary_unary(ask.method)
        return method.future(body, timeout=ask.deadline_s)


def _held_ms(began: float) -> float:
    return round(1000 * (time.monotonic() - began), 1)


def _outcome(ask: Ask, call: Any, code: grpc.StatusCode, held_ms: float, lost: int) -> Outcome:
    initial, trailing = _pairs(call.initial_metadata()), _pairs(call.trailing_metadata())
    answered = code is grpc.StatusCode.OK
    return Outcome(
        end=End.HUNG if code is grpc.StatusCode.DEADLINE_EXCEEDED else End.ANSWERED,
        grpc=code.value[0],
        text=call.details() or "",
        intact=intact(ask, call.result(), initial, trailing) if answered else None,
        held_ms=held_ms,
        innocents=ask.innocents,
        innocents_lost=lost,
    )


def _pairs(metadata: Sequence[tuple[str, str | bytes]] | None) -> list[Pair]:
    return [(name, value) for name, value in metadata or () if isinstance(value, str)]


def main() -> None:
    """Read the command line and answer lines until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    given = parser.parse_args()
    answer_lines(GrpcioClient(f"{given.host}:{given.port}").run)


if __name__ == "__main__":
    main()
