"""Tells how far a long command is, to people only."""

from typing import TextIO


class Progress:
    """One line that is written over, if `stream` is a terminal; nothing otherwise."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = stream.isatty()

    def __call__(self, what: str, count: int) -> None:
        """Show that `count` of `what` are done."""
        if self._shown:
            self._stream.write(f"\r\x1b[K{what} {count:,}")
            self._stream.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
