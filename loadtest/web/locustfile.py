"""The comparison's users for Locust's own command line and web page; `make locust` opens it.

    locust -f loadtest/web/locustfile.py --world world.json

The file of `--world` is what `python -m loadtest.web` writes for a running shop.
"""

from argparse import Namespace
from pathlib import Path
from typing import Any

from locust import events

from loadtest.lab import Lab
from loadtest.results import Cell, Load, Method
from loadtest.users import ALL_USERS
from loadtest.web.sizes import IDS
from loadtest.world import Job, World

globals().update({user.__name__: user for user in ALL_USERS})  # Locust takes classes from here


def add_options(parser: Any, **_: object) -> None:
    """The lab's own options; the web page shows them as fields of a new test."""
    parser.add_argument("--world", required=True, help="file that describes the running shop")
    parser.add_argument(
        "--ids", type=int, default=100, choices=IDS, help="ids in a customer's list"
    )
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second of each user")
    parser.add_argument("--place", action="store_true", help="place the orders, not only check")
    parser.add_argument("--seed", default="1", help="of arrivals and orders")


def open_lab(environment: Any, **_: object) -> None:
    """Make what all users of this process share."""
    if environment.parsed_options is not None:
        text = Path(environment.parsed_options.world).read_text(encoding="utf-8")
        environment.lab = Lab(World.model_validate_json(text))


def begin_phase(environment: Any, **_: object) -> None:
    """A test is one phase without an end."""
    options = environment.parsed_options
    environment.lab.begin(job_of(options), load_of(options), "endless")


def close_lab(environment: Any, **_: object) -> None:
    """Close all connections."""
    if hasattr(environment, "lab"):
        environment.lab.close()


def load_of(options: Namespace) -> Load:
    """Each Locust user is one customer with `rate` calls a second, for ever."""
    return Load(rate_per_s=options.rate, duration_s=0, warm_up_s=0, users=1, max_in_flight=256)


def job_of(options: Namespace) -> Job:
    """What the options ask for; the row is each user's own."""
    method = Method.PLACE if options.place else Method.VALIDATE
    cell = Cell(row="", ids=options.ids, method=method)
    return Job(cell=cell, load=load_of(options), seed=options.seed)


def listen(hooks: Any) -> None:
    """Hook the above into Locust, which calls them."""
    hooks.init_command_line_parser.add_listener(add_options)
    hooks.init.add_listener(open_lab)
    hooks.test_start.add_listener(begin_phase)
    hooks.quitting.add_listener(close_lab)


listen(events)
