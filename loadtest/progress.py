"""Tells on standard error how far a run is, on one line where that is a terminal."""

import sys
import time
from collections.abc import Callable
from typing import TextIO


class Progress:
    """Counts steps, which are planned to take `total_s` seconds in all; without it, equally long.

    `every_s` spaces the lines where there is no terminal.
    """

    def __init__(
        self,
        steps: int,
        total_s: float | None = None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        every_s: float = 10.0,
    ) -> None:
        self._steps = steps
        self._total_s = steps if total_s is None else total_s
        self._stream = stream or sys.stderr
        self._clock = clock
        self._every_s = every_s
        self._begin = self._told = 0.0
        self._done = 0
        self._done_s = 0.0

    def step(self, what: str, seconds: float = 1.0) -> None:
        """A step begins that is planned to take so many `seconds`; `what` names it."""
        now = self._clock()
        if not self._done:
            self._begin = now
        if self._stream.isatty():
            self._write(f"\r\x1b[2K{self._line(what, now)}")
        elif not self._done or now - self._told >= self._every_s:
            self._told = now
            self._write(f"{self._line(what, now)}\n")
        self._done += 1
        self._done_s += seconds

    def end(self) -> None:
        """Leave the line clean."""
        if self._stream.isatty():
            self._write("\r\x1b[2K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def _line(self, what: str, now: float) -> str:
        return f"[{self._done + 1}/{self._steps}] {what}{self._left(now)}"

    def _left(self, now: float) -> str:
        """At the pace so far."""
        if not self._done_s:
            return ""
        seconds = (now - self._begin) / self._done_s * (self._total_s - self._done_s)
        return f", about {seconds:.0f} s left"
