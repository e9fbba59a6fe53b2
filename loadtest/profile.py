"""What a comparison covers, as a TOML file: `loadtest/profiles/*.toml`, or one of the user's own.

A profile is a list of sweeps. A sweep is one experiment over one or more axes, and has a cell for
each combination of their values, each method and each strategy. What changes under load, such as
rights, has a table of its own each.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from loadtest.change.outage.knobs import OutageKnobs
from loadtest.change.rotation.knobs import RotationKnobs
from loadtest.change.skew.knobs import SkewKnobs
from loadtest.change.staleness.knobs import StalenessKnobs
from loadtest.results import DIRECT, Experiment, Load, Method
from loadtest.topics import Topic
from loadtest.values import Value
from mesh.table import parse_path
from products_svc.catalogue.ids import IdKind
from waybill.algorithms import ALGORITHMS, DEFAULT_ALGORITHM
from waybill.strategy import Strategy

FOLDER: Final = Path(__file__).with_name("profiles")

MAX_PAGE_SIZE: Final = 10_000
"""The contract's own bound on a listed page."""
MAX_GRANTS: Final = 1_000_000
MAX_ROUNDS: Final = 1000
RISING: Final = frozenset({Experiment.SATURATION})
"""Experiments that take several rates, from the lowest up."""
FLOORLESS: Final = frozenset({Experiment.CLIFF})
"""Experiments whose figures are shares of refused calls, which have no floor."""
METHODS: Final[Mapping[Experiment, tuple[Method, ...]]] = MappingProxyType(
    dict.fromkeys(Experiment, (Method.VALIDATE,)) | {Experiment.ISSUE: (Method.LIST,)}
)
"""What an experiment calls where its sweep does not say."""
MESH: Final = "mesh"
"""The path through the service mesh: edge and sidecars."""
UNDER_CHANGE: Final = tuple(topic for topic in Topic if topic is not Topic.COST)
"""Each is a table of a profile, of the same name; without its table it is not run."""


class BadProfile(ValueError):
    """A profile cannot be used; the text has a line for each problem."""


def _known_path(text: str) -> str:
    if text not in (DIRECT, MESH):
        parse_path(text)
    return text


Count = Annotated[int, Field(ge=1)]
Path_ = Annotated[str, AfterValidator(_known_path)]
Rate = Annotated[float, Field(gt=0, le=100_000)]


class Sweep(Value):
    """One experiment over axes: `page_sizes`, `grants` and so on are values of an axis each."""

    experiment: Experiment
    rounds: int | None = Field(None, ge=1, le=MAX_ROUNDS)
    """By default as many as the profile has; fewer are spread over those evenly."""
    floors: int = Field(1, ge=1, le=10)
    """How often a round takes the floor at each point; the more, the steadier are ratios to it."""
    rates_per_s: tuple[Rate, ...] = Field(min_length=1)
    """Calls a second, all customers together; more than one value where rates rise."""
    duration_s: float = Field(gt=0, le=3600)
    """Measured part of a cell in one round."""
    warm_up_s: float = Field(0.2, ge=0, le=600)
    page_sizes: tuple[Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)], ...] = Field(min_length=1)
    """Ids carried."""
    methods: tuple[Method, ...] = ()
    """By default PlaceOrder(validate_only), and ListProducts for the experiment `issue`."""
    grants: tuple[Annotated[int, Field(ge=0, le=MAX_GRANTS)], ...] = (0,)
    """Grants that a user has; 0 is as many as the page holds."""
    id_kinds: tuple[IdKind, ...] = (IdKind.SKU,)
    orders_per_list: tuple[Annotated[int, Field(ge=0)], ...] = (0,)
    """Orders of a journey, after which a page is listed anew; 0: listed once, before all calls."""
    workers: tuple[Annotated[int, Field(ge=1, le=64)], ...] = (1,)
    """Processes of the orders service."""
    algorithms: tuple[str, ...] = (DEFAULT_ALGORITHM,)
    """Of the keys that state is signed with."""
    via: tuple[Path_, ...] = (DIRECT,)
    """What stands in between: "direct", "mesh", or hops such as "envoy" and "nginx+haproxy"."""
    users: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = (4,)
    """Customers with a connection each: the concurrency."""
    max_in_flight: int = Field(256, ge=1)
    """Calls that one customer may have open."""
    timeout_s: float = Field(5.0, gt=0)
    strategies: tuple[Strategy, ...] = ()
    """By default all of the profile."""

    @model_validator(mode="after")
    def _fits_the_experiment(self) -> Self:
        rising = self.experiment in RISING
        if rising != (len(self.rates_per_s) > 1):
            many = "several rates that rise" if rising else "one rate"
            raise ValueError(f"experiment {self.experiment} takes {many} in rates_per_s")
        if list(self.rates_per_s) != sorted(set(self.rates_per_s)):
            raise ValueError("rates_per_s must rise from each to the next")
        listing = {method is Method.LIST for method in self.called}
        if listing != {self.experiment is Experiment.ISSUE} or Method.HEALTH in self.called:
            raise ValueError(
                "methods: experiment issue calls ListProducts and all others orders; "
                "the floor's health checks come by themselves"
            )
        reused = {orders > 0 for orders in self.orders_per_list}
        if reused != {self.experiment is Experiment.JOURNEY}:
            raise ValueError("orders_per_list: experiment journey needs it, and no other has it")
        if unknown := set(self.algorithms) - ALGORITHMS.keys():
            known = ", ".join(ALGORITHMS)
            raise ValueError(f"algorithms: {', '.join(sorted(unknown))} is none of {known}")
        return self

    @property
    def called(self) -> tuple[Method, ...]:
        """What its cells call."""
        return self.methods or METHODS[self.experiment]

    def load(self, rate_per_s: float, users: int) -> Load:
        """How a cell is driven."""
        return Load(
            rate_per_s=rate_per_s,
            duration_s=self.duration_s,
            warm_up_s=self.warm_up_s,
            users=users,
            max_in_flight=self.max_in_flight,
            timeout_s=self.timeout_s,
        )


class Changes(Value):
    """What a command line changes in a profile; None leaves it as it is."""

    strategies: tuple[Strategy, ...] | None = None
    experiments: tuple[Experiment, ...] | None = None
    grants: tuple[int, ...] | None = None
    page_sizes: tuple[int, ...] | None = None
    rate_per_s: float | None = None
    duration_s: float | None = None
    rounds: int | None = None
    via: tuple[str, ...] | None = None
    only: tuple[Topic, ...] | None = None


class Profile(Value):
    """A comparison. Each of `rounds` visits every cell once, unless a sweep says otherwise."""

    name: str
    about: str = ""
    rounds: int = Field(ge=1, le=MAX_ROUNDS)
    strategies: tuple[Strategy, ...] = Field(tuple(Strategy), min_length=1)
    sweep: tuple[Sweep, ...] = ()
    staleness: StalenessKnobs | None = None
    outage: OutageKnobs | None = None
    skew: SkewKnobs | None = None
    rotation: RotationKnobs | None = None

    @model_validator(mode="after")
    def _measures_something(self) -> Self:
        if not self.topics:
            known = ", ".join(f"[{topic}]" for topic in UNDER_CHANGE)
            raise ValueError(f"nothing is left to measure: it has no [[sweep]] and none of {known}")
        return self

    @property
    def topics(self) -> tuple[Topic, ...]:
        """What it covers."""
        cost = (Topic.COST,) if self.sweep else ()
        return (*cost, *(topic for topic in UNDER_CHANGE if getattr(self, topic) is not None))

    def rounds_of(self, sweep: Sweep) -> int:
        """How often each of its cells is visited."""
        return sweep.rounds or self.rounds

    def strategies_of(self, sweep: Sweep) -> tuple[Strategy, ...]:
        """Those of `sweep` that the profile has."""
        chosen = sweep.strategies or self.strategies
        return tuple(strategy for strategy in chosen if strategy in self.strategies)

    def changed(self, changes: Changes) -> "Profile":
        """The profile with `changes`, and a name that tells of them.

        The cliff keeps its sizes and rate, and a rising rate stays as it is: they are what those
        experiments are about.

        Raises:
            BadProfile: nothing is left, or a value is out of range.
        """
        wanted = changes.experiments or tuple(Experiment)
        sweeps = [_changed(s, changes) for s in self.sweep if s.experiment in wanted]
        values = self.model_dump() | {"sweep": sweeps}
        values |= {
            name: value
            for name in ("strategies", "rounds")
            if (value := getattr(changes, name)) is not None
        }
        values |= _left_out(changes)
        made = _validated(values, "the command line")
        return made if made == self else made.model_copy(update={"name": f"{self.name}, changed"})


def _left_out(changes: Changes) -> dict[str, Any]:
    """Nothing for each topic that is not wanted; experiments that are named are those of cost."""
    wanted = changes.only or ((Topic.COST,) if changes.experiments else tuple(Topic))
    without_cost = {} if Topic.COST in wanted else {"sweep": ()}
    return {**without_cost, **{topic: None for topic in UNDER_CHANGE if topic not in wanted}}


def _changed(sweep: Sweep, changes: Changes) -> dict[str, Any]:
    values = sweep.model_dump()
    if changes.rounds is not None:
        values["rounds"] = None
    if changes.duration_s is not None:
        values["duration_s"] = changes.duration_s
    if sweep.experiment is Experiment.CLIFF:
        return values
    for axis in ("grants", "page_sizes"):
        if getattr(changes, axis) is not None:
            values[axis] = getattr(changes, axis)
    if changes.via is not None:
        # An axis of what an order costs; all else is measured on the first path.
        values["via"] = changes.via if sweep.experiment is Experiment.COST else changes.via[:1]
    if changes.rate_per_s is not None and sweep.experiment not in RISING:
        values["rates_per_s"] = (changes.rate_per_s,)
    return values


def names() -> Sequence[str]:
    """The profiles that come with the lab."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Profile:
    """The profile of a name, such as `quick`, or of a file, such as `./mine.toml`.

    Raises:
        BadProfile: there is none, or it is wrong.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        known = ", ".join(names())
        reason = error.strerror or str(error)
        raise BadProfile(f"{path}: {reason}; a profile is one of {known}, or a TOML file") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadProfile(f"{path}: {error}") from None
    return _validated({"name": path.stem} | values, str(path))


def _validated(values: Mapping[str, Any], source: str) -> Profile:
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        lines = [f"{source}: {_where(each['loc'])}: {each['msg']}" for each in error.errors()]
        raise BadProfile("\n".join(lines)) from None


def _where(location: tuple[int | str, ...]) -> str:
    """`sweep[2].grants[0]`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "profile"
