"""The comparison's users for Locust's own command line and web page; `make locust` opens it.

    locust -f loadtest/web/locustfile.py --world world.json

The file of `--world` is what `python -m loadtest.web` writes for a running shop. The users and the
load shapes are the lab's; histograms of several processes are merged exactly.
"""

from argparse import Namespace
from pathlib import Path
from typing import Any

from locust import events

from loadtest.lab import Lab
from loadtest.options import RESULTS
from loadtest.results import Cell, Load, Method
from loadtest.shapes import SHAPES, shape_named
from loadtest.users import ALL_USERS
from loadtest.web.reports import Reports
from loadtest.web.sizes import IDS
from loadtest.web.tabs import Tabs
from loadtest.world import Job, World

# Locust takes the classes of users and shapes from this module's names.
globals().update({each.__name__: each for each in (*ALL_USERS, *SHAPES.values())})


def add_options(parser: Any, **_: object) -> None:
    """The lab's own options; the web page shows them as fields of a new test."""
    parser.add_argument("--world", required=True, help="file that describes the running shop")
    parser.add_argument(
        "--ids", type=int, default=100, choices=IDS, help="ids in a customer's list"
    )
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second of each user")
    parser.add_argument("--place", action="store_true", help="place the orders, not only check")
    parser.add_argument("--seed", default="1", help="of arrivals and orders")
    parser.add_argument("--step-users", type=int, default=2, help="more users with each step")
    parser.add_argument("--step-s", type=float, default=10.0, help="length of a step")
    parser.add_argument(
        *("--load-shape",), choices=list(SHAPES), include_in_web_ui=False, help="without the page"
    )
    parser.add_argument(
        *("--histograms",), include_in_web_ui=False, help="folder to keep the histograms in"
    )


def open_lab(environment: Any, **_: object) -> None:
    """Make what all users of this process share, and what they report by."""
    options = environment.parsed_options
    if options is None:
        return
    text = Path(options.world).read_text(encoding="utf-8")
    environment.lab = Lab(World.model_validate_json(text))
    environment.reports = Reports(environment)
    choose_shape(environment, options)
    if environment.web_ui is not None:
        Tabs(environment.web_ui, environment.reports.total, RESULTS)


def choose_shape(environment: Any, options: Namespace) -> None:
    """Locust would take the first one of this file unasked."""
    named = options.load_shape
    environment.shape_class = shape_named(named, environment.runner) if named else None


def begin_phase(environment: Any, **_: object) -> None:
    """A test is one phase without an end."""
    options = environment.parsed_options
    worker = getattr(environment.runner, "worker_index", 0)
    environment.lab.begin(job_of(options, worker), load_of(options), "endless")


def close_lab(environment: Any, **_: object) -> None:
    """Close all connections."""
    if hasattr(environment, "lab"):
        environment.lab.close()


def load_of(options: Namespace) -> Load:
    """Each Locust user is one customer with `rate` calls a second, for ever."""
    return Load(rate_per_s=options.rate, duration_s=0, warm_up_s=0, users=1, max_in_flight=256)


def job_of(options: Namespace, worker: int) -> Job:
    """What the options ask for; the row is each user's own, and each worker has other arrivals."""
    method = Method.PLACE if options.place else Method.VALIDATE
    cell = Cell(row="", ids=options.ids, method=method)
    return Job(cell=cell, load=load_of(options), seed=f"{options.seed}/{worker}")


def listen(hooks: Any) -> None:
    """Hook the above into Locust, which calls them."""
    hooks.init_command_line_parser.add_listener(add_options)
    hooks.init.add_listener(open_lab)
    hooks.test_start.add_listener(begin_phase)
    hooks.quitting.add_listener(close_lab)


listen(events)
