"""The exit code of each kind of failure."""

from collections.abc import Mapping
from typing import Final

import grpc

OK = 0
OTHER = 1
USAGE = 2
INTERRUPTED = 130

EXIT_CODES: Final[Mapping[grpc.StatusCode, int]] = {
    grpc.StatusCode.UNAUTHENTICATED: 3,
    grpc.StatusCode.PERMISSION_DENIED: 4,
    grpc.StatusCode.FAILED_PRECONDITION: 5,
    grpc.StatusCode.UNAVAILABLE: 6,
    grpc.StatusCode.DEADLINE_EXCEEDED: 6,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 7,
    grpc.StatusCode.INVALID_ARGUMENT: 8,
    grpc.StatusCode.NOT_FOUND: 9,
    grpc.StatusCode.ALREADY_EXISTS: 9,
}

MEANINGS: Final[Mapping[int, str]] = {
    OK: "done",
    OTHER: "anything else, such as an unusable session file or a fault of a service",
    USAGE: "the command line is wrong",
    3: "not authentic: not logged in, or no believable credential or state",
    4: "authentic, and not allowed",
    5: "authentic, and too old",
    6: "cannot know now, not reachable, or out of time: worth repeating",
    7: "over a limit of size or concurrency",
    8: "the service finds the request invalid",
    9: "not found, or the name is taken",
    INTERRUPTED: "interrupted",
}


def exit_code(code: grpc.StatusCode) -> int:
    """The exit code for a failure of this kind."""
    return EXIT_CODES.get(code, OTHER)
