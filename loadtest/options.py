"""The command line of `make compare`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from loadtest import profile
from loadtest.against import CannotReach, Deployment, tokens_from_file, tokens_from_keys
from loadtest.profile import BadProfile, Changes, Profile
from loadtest.results import DIRECT, Experiment
from loadtest.shop import ROOT
from loadtest.topics import Topic
from loadtest.wire import address_of
from waybill.algorithms import DEFAULT_ALGORITHM
from waybill.strategy import Strategy

RESULTS = ROOT / "build" / "compare"
DEFAULT_SEED = 1


def arguments(argv: Sequence[str] | None, description: str | None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.compare",
        usage="%(prog)s [options]; --help lists them",  # all of them would bury an error
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = ", ".join(profile.names())
    parser.add_argument("--profile", default="quick", help=f"{known}, or a TOML file of your own")
    parser.add_argument("--only", type=Topic, nargs="+", choices=list(Topic), help="these parts")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of arrivals and orders")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the records")
    parser.add_argument(
        "--postgres",
        action="store_true",
        help="both databases on a PostgreSQL of the lab's own, whose CPU is told as `database`",
    )
    parser.add_argument(
        "--gate",
        action="store_true",
        help="fail where the run shows a promise of the project not kept",
    )
    _add_changes(parser.add_argument_group("instead of the profile's"))
    _add_deployment(parser.add_argument_group("a deployment that is already running"))
    return parser.parse_args(argv)


def _add_changes(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--strategies", type=Strategy, nargs="+", choices=list(Strategy))
    group.add_argument("--experiments", type=Experiment, nargs="+", choices=list(Experiment))
    group.add_argument("--grants", type=int, nargs="+", help="of a user; 0: what the page holds")
    group.add_argument("--page-size", type=int, nargs="+", help="ids carried")
    group.add_argument("--rate", type=float, help="calls a second")
    group.add_argument("--duration", type=float, help="seconds a cell and round")
    group.add_argument("--rounds", type=int)
    group.add_argument(
        "--via",
        type=_paths,
        metavar="PATH[,PATH]",
        help="what stands in between: direct, mesh, or hops such as envoy and nginx+haproxy",
    )


def _add_deployment(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--against", metavar="ORDERS", help="host:port of the orders service")
    group.add_argument("--against-products", metavar="PRODUCTS", help="host:port of products")
    group.add_argument("--user-keys-dir", type=Path, help="keys of the development login")
    group.add_argument("--subjects", nargs="+", default=[], help="whom to log in with them")
    group.add_argument("--tokens", type=Path, help="file with user JWTs instead, one a line")
    group.add_argument("--orders-pids", type=int, nargs="+", default=[], help="for CPU columns")
    group.add_argument("--products-pids", type=int, nargs="+", default=[])


def _paths(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def profile_of(options: argparse.Namespace) -> Profile:
    """The profile with what the command line changes.

    Raises:
        BadProfile: it is wrong, or becomes so.
    """
    changes = Changes(
        strategies=options.strategies,
        experiments=options.experiments,
        grants=options.grants,
        page_sizes=options.page_size,
        rate_per_s=options.rate,
        duration_s=options.duration,
        rounds=options.rounds,
        via=options.via,
        only=options.only or ((Topic.COST,) if options.against or options.postgres else None),
    )
    made = profile.load(options.profile).changed(changes)
    if options.postgres and made.topics != (Topic.COST,):
        raise BadProfile("--postgres: only cost is measured on it")
    return made


def deployment_of(options: argparse.Namespace, chosen: Profile) -> Deployment | None:
    """The running deployment to measure; None for a shop of the lab's own.

    Raises:
        CannotReach: an option is missing, or the profile needs services of the lab's own.
    """
    if not options.against:
        return None
    if not options.against_products:
        raise CannotReach("--against needs --against-products: state comes from listing")
    for target in (options.against, options.against_products):
        _check_target(target)
    if options.postgres:
        raise CannotReach("--postgres needs services of the lab's own: others have their database")
    _require_measurable(chosen)
    pids = {"orders": tuple(options.orders_pids), "products": tuple(options.products_pids)}
    if any(pids.values()) and not all(pids.values()):
        raise CannotReach(
            "CPU is compared over both services: give --orders-pids and --products-pids"
        )
    return Deployment(
        orders_target=options.against,
        products_target=options.against_products,
        tokens=_tokens(options),
        pids=pids if all(pids.values()) else {},
    )


def _require_measurable(chosen: Profile) -> None:
    """Whether the services of somebody else can be measured with it.

    Raises:
        CannotReach: it needs services of the lab's own.
    """
    if chosen.topics != (Topic.COST,):
        raise CannotReach("only cost can be measured on services that somebody else runs")
    if any(sweep.via != (DIRECT,) for sweep in chosen.sweep):
        raise CannotReach("--via needs services of the lab's own: it puts proxies before them")
    if any(sweep.workers != (1,) for sweep in chosen.sweep):
        raise CannotReach("the profile varies workers, and a running deployment has its own")
    if any(sweep.algorithms != (DEFAULT_ALGORITHM,) for sweep in chosen.sweep):
        raise CannotReach("the profile varies algorithms, and a running deployment has its own")


def _check_target(target: str) -> None:
    try:
        address_of(target)
    except ValueError as error:
        raise CannotReach(str(error)) from None


def _tokens(options: argparse.Namespace) -> tuple[str, ...]:
    if options.tokens:
        return tokens_from_file(options.tokens)
    if options.user_keys_dir:
        return tokens_from_keys(options.user_keys_dir, options.subjects)
    raise CannotReach("--against needs --tokens, or --user-keys-dir with --subjects")


__all__ = ["BadProfile", "CannotReach", "arguments", "deployment_of", "profile_of"]
