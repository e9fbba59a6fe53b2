"""What the report consists of. A section without data is left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadtest.report import (
    axes,
    cost,
    coupling,
    fits,
    hops,
    id_lists,
    outage,
    paths,
    rolling,
    size,
    staleness,
)
from loadtest.report.figures import Figure, FigureOf
from loadtest.report.points import Findings


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with the figures below it."""

    id: str
    title: str
    lead: str
    figures: Sequence[Figure]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a section is made of."""

    id: str
    title: str
    lead: str
    figures: Sequence[FigureOf]


SECTIONS = (
    Plan(
        "cost",
        "Cost",
        "What an order costs the services, and how long the caller waits.",
        cost.FIGURES,
    ),
    Plan(
        "size",
        "Size",
        "How large an order becomes with the list that it carries, and where it stops getting "
        "through.",
        (*size.FIGURES, *hops.FIGURES, *fits.FIGURES, *id_lists.FIGURES),
    ),
    Plan(
        "time",
        "Time",
        "What happens when rights, services, versions and keys change while orders flow.",
        (*staleness.FIGURES, *outage.FIGURES, *rolling.FIGURES),
    ),
    Plan(
        "coupling",
        "Coupling",
        "Who depends on whom, and what a change on one side does to the other.",
        coupling.FIGURES,
    ),
    Plan(
        "axes",
        "Other axes",
        "The same order with one thing changed at a time.",
        (paths.figure, *axes.FIGURES),
    ),
)


def sections(findings: Findings) -> Iterator[Section]:
    """The sections that this run can fill."""
    for plan in SECTIONS:
        figures = [found for make in plan.figures if (found := make(findings))]
        if figures:
            yield Section(plan.id, plan.title, plan.lead, figures)
