"""`python -m client`: the only reader of the environment."""

import os
import sys

from rich.console import Console

from client.cli import main
from client.output import Screen
from waybill.otel import telemetry


def run() -> int:
    """Run the command line of this process."""
    screen = Screen(Console(), Console(stderr=True))
    try:
        with telemetry(os.environ, service="client") as observed:
            code = main(sys.argv[1:], os.environ, screen, providers=observed.providers)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


if __name__ == "__main__":
    sys.exit(run())
