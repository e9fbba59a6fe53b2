"""`make limits`: how long a header may be, measured at every hop of the lab or on a path of yours.

    python -m loadtest.limits [--hops nginx,envoy+haproxy]
    python -m loadtest.limits --target host:port [--tls]

Prints each limit in bytes and entries, and how many ids fit. docs/limits.md explains the figures.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from loadtest.limits import check, lab, probe_service, run, tables
from loadtest.limits.carriages import carriages, new_keys
from loadtest.limits.fitting import fits, weights
from loadtest.limits.target import Manners, NotAnswering, Target, is_this_machine, measure_target
from loadtest.table import console
from mesh.known import LIMITS_FILE, KnownLimits, LimitsFile

RESULTS = Path("build/limits.json")
AUTHORIZATION_BYTES = 1024
MANNERS = Manners()
MOVED = 1
WRONG = 2


def main(arguments: Sequence[str]) -> int:
    """Run a command. Returns the exit code: 0, 1 for moved limits, 2 for what cannot be done."""
    given = parser().parse_args(arguments)
    try:
        return int(given.do(given))
    except (ValueError, OSError, NotAnswering) as problem:
        print(f"limits: {problem}", file=sys.stderr)
        return WRONG


def parser() -> argparse.ArgumentParser:
    """All commands and options."""
    made = argparse.ArgumentParser(
        prog="python -m loadtest.limits",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _run_options(made)
    commands = made.add_subparsers(title="commands")
    checking = commands.add_parser("check", help="measure again; exit 1 where a limit moved")
    checking.add_argument("--hops", help="only these, separated by commas")
    checking.set_defaults(do=_check)
    serving = commands.add_parser("serve", help="the probe service, to put behind your own path")
    serving.add_argument("--host", default="127.0.0.1")
    serving.add_argument("--port", type=int, default=50059)
    serving.add_argument("--limits", choices=probe_service.LIMITS, default="wide-open")
    serving.set_defaults(do=_serve)
    return made


def _run_options(made: argparse.ArgumentParser) -> None:
    made.set_defaults(do=_run)
    made.add_argument("--hops", help="paths such as envoy,nginx:tuned,envoy+haproxy; default all")
    made.add_argument("--quick", action="store_true", help="the default configurations, coarsely")
    made.add_argument("--json", type=Path, default=RESULTS, metavar="FILE", help="all results")
    made.add_argument("--verbose", action="store_true", help="every refusal in words")
    made.add_argument("--update", action="store_true", help=f"write {LIMITS_FILE.name} as well")
    made.add_argument(
        "--authorization-bytes", type=int, default=AUTHORIZATION_BYTES, metavar="N",
        help="size of the authorization value beside which ids are to fit",
    )  # fmt: skip
    made.add_argument("--target", metavar="HOST:PORT", help="ask this path instead of the lab's")
    made.add_argument("--tls", action="store_true", help="the target speaks TLS")
    made.add_argument("--ca", metavar="FILE", help="certificates to trust for it")
    made.add_argument("--method", help="/package.Service/Method; default health check")
    made.add_argument("--max-bytes", type=int, default=MANNERS.max_bytes, metavar="N")
    made.add_argument("--max-calls", type=int, default=MANNERS.max_calls, metavar="N")
    made.add_argument("--yes", action="store_true", help="probe another machine without asking")


def _run(given: argparse.Namespace) -> int:
    if given.target:
        return _run_target(given)
    names = _names(given.hops) or (run.QUICK_SUBJECTS if given.quick else run.SUBJECTS)
    run.check_names(names)
    effort = lab.QUICK if given.quick else lab.FULL
    found = run.new_run(run.measure_subjects(names, effort, {}, _progress))
    found = _with_fits(found, given.authorization_bytes)
    _finish(given, found)
    if given.update:
        run.write(LIMITS_FILE, found.limits_file().to_text())
    return 0


def _with_fits(found: run.Run, authorization_bytes: int) -> run.Run:
    _progress("what fits")
    ways = carriages(new_keys())
    fitting = fits(found.known(), ways, tuple(dict.fromkeys((0, authorization_bytes))))
    return replace(found, fits=tuple(fitting), weights=tuple(weights(ways)))


def _run_target(given: argparse.Namespace) -> int:
    target = replace(Target.parse(given.target), tls=given.tls, ca=given.ca, method=given.method)
    if not (given.yes or is_this_machine(target.host) or _agreed(target)):
        return WRONG
    manners = Manners(max_bytes=given.max_bytes, max_calls=given.max_calls)
    _finish(given, run.new_run([measure_target(target, manners)]))
    return 0


def _agreed(target: Target) -> bool:
    """Ask whether another machine may be probed; without a terminal the answer is no."""
    if not sys.stdin.isatty():
        print(f"{target} is another machine; add --yes if you may probe it", file=sys.stderr)
        return False
    answer = input(f"{target} is another machine. Send it up to 300 large headers? [y/N] ")
    return answer.strip().lower() in ("y", "yes")


def _check(given: argparse.Namespace) -> int:
    before = LimitsFile.from_text(LIMITS_FILE.read_text(encoding="utf-8")).subjects
    names = _names(given.hops) or tuple(before)
    run.check_names(names)
    found = run.new_run(run.measure_subjects(names, lab.CHECK, before, _progress))
    for one in found.measured:
        if one.not_measured:
            print(f"{one.name}: not checked. {one.not_measured}")
    return _judge(before, found)


def _judge(before: Mapping[str, KnownLimits], found: run.Run) -> int:
    known = found.known()
    changes = list(check.moved(before, known))
    for change in changes:
        print(change)
    if changes:
        print("after a look at docs/limits.md: python -m loadtest.limits --update")
        return MOVED
    print(f"{len(known)} of {len(before)} subjects measured, no limit moved")
    return 0


def _serve(given: argparse.Namespace) -> int:
    asyncio.run(probe_service.serve(given.host, given.port, probe_service.LIMITS[given.limits]))
    return 0


def _finish(given: argparse.Namespace, found: run.Run) -> None:
    run.write(given.json, found.to_text())
    tables.show(found, console(), verbose=given.verbose)
    print(f"\nall results: {given.json}")


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text else ()


def _progress(name: str) -> None:
    if sys.stderr.isatty():
        print(f"measuring {name}", file=sys.stderr)
