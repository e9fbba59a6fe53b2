"""From command line to exit code."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from client import exits
from client.commands import Context
from client.options import options_from
from client.output import Screen
from client.parser import build_parser
from client.problems import problem_of
from waybill.serving.paths import state_home


def main(
    argv: Sequence[str],
    environ: Mapping[str, str],
    screen: Screen,
    clock: Callable[[], float] = time.time,
) -> int:
    """Run one command; returns the exit code. What nobody foresaw is raised."""
    screen = replace(screen, as_json="--json" in argv)  # wrong command lines too
    try:
        _run(argv, environ, screen, clock)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        screen.show_problem(problem)
        return problem.exit_code
    return exits.OK


def _run(
    argv: Sequence[str],
    environ: Mapping[str, str],
    screen: Screen,
    clock: Callable[[], float],
) -> None:
    args = build_parser(environ).parse_args(argv)
    context = Context(args, options_from(args), state_home(environ), clock)
    screen.show(args.run(context))
