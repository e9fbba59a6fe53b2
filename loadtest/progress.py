"""Tells on standard error how far a run is, on one line where that is a terminal."""

import sys
import time
from collections.abc import Callable
from typing import TextIO


class Progress:
    """Counts steps of about equal length. `every` spaces the lines where there is no terminal."""

    def __init__(
        self,
        steps: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        every: int = 10,
    ) -> None:
        self._steps = steps
        self._stream = stream or sys.stderr
        self._clock = clock
        self._every = every
        self._begin = clock()
        self._done = 0

    def step(self, what: str) -> None:
        """A step begins; `what` names it."""
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[2K{self._line(what)}")
            self._stream.flush()
        elif self._done % self._every == 0:
            self._stream.write(f"{self._line(what)}\n")
            self._stream.flush()
        self._done += 1

    def end(self) -> None:
        """Leave the line clean."""
        if self._stream.isatty():
            self._stream.write("\r\x1b[2K")
            self._stream.flush()

    def _line(self, what: str) -> str:
        return f"[{self._done + 1}/{self._steps}] {what}{self._left()}"

    def _left(self) -> str:
        if not self._done:
            return ""
        seconds = (self._clock() - self._begin) / self._done * (self._steps - self._done)
        return f", about {seconds:.0f} s left"
