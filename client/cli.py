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
from waybill.providers import Providers
from waybill.serving.paths import state_home


def main(
    argv: Sequence[str],
    environ: Mapping[str, str],
    screen: Screen,
    clock: Callable[[], float] = time.time,
    providers: Providers | None = None,
) -> int:
    """Run one command; returns the exit code. What nobody foresaw is raised."""
    screen = replace(screen, as_json="--json" in argv)  # wrong command lines too
    try:
        args = build_parser(environ).parse_args(argv)
        options = options_from(args)
        context = Context(args, options, state_home(environ), clock, providers)
        screen.show(args.run(context))
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        screen.show_problem(problem)
        return problem.exit_code
    return exits.OK
