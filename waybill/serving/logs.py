"""Structured logs: one JSON object a line, to stderr."""

import re
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

_DOTTED = re.compile(r"[\w-]++(?:\.[\w-]*+)++")
_JWT_START = "eyJ"
"""How every JWT begins: the base64url of `{"`."""


def make_logger(
    level: str = "info",
    stream: TextIO | None = None,
    **context: object,
) -> FilteringBoundLogger:
    """A logger of `level` and above to `stream` (stderr if None). Configures nothing global.

    Args:
        level: name of a level of the standard library's logging, in lower case.
        stream: where lines go.
        context: what every line says besides.
    """
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(sort_keys=False, default=str),
        _without_tokens,
    ]
    logger = structlog.wrap_logger(
        _Lines(stream or sys.stderr),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    return cast("FilteringBoundLogger", logger.bind(**context))


class _Lines(structlog.WriteLogger):
    """Writes lines, or loses them: a full disk fails no call and ends no work in the background."""

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):  # the second of a file that is closed
            super().msg(message)

    log = debug = info = warning = error = critical = msg


def _without_tokens(_logger: WrappedLogger, _name: str, line: EventDict) -> str:
    """The last line of defence: nothing logs a token, and if it does, this takes it out."""
    return _DOTTED.sub(_redacted, cast("str", line))


def _redacted(match: re.Match[str]) -> str:
    return "[token]" if _JWT_START in match[0] else match[0]
