"""What strategies are ranked by, in words."""

from collections.abc import Iterator

from loadtest.ranking import MARGIN, names
from loadtest.report.points import Findings
from loadtest.results import Experiment

BASIS = {
    Experiment.JOURNEY: "the CPU time of whole journeys",
    Experiment.COST: "the CPU time of checks alone",
}
"""What is ranked by: journeys, or checks where a run has none."""


def defined(orders: int) -> str:
    """What a journey of so many orders is."""
    many = "one order" if orders == 1 else f"{orders:,} orders"
    return (
        f"A journey is one ListProducts and {many} from its page (PlaceOrder, validate_only), then "
        "a new page. Its cost is the CPU time of all services for each order: of the orders "
        "service, and of products and the store of references beyond their work at rest."
    )


def ranking_words(findings: Findings) -> str:
    """The ranking, or why there is none."""
    found = {point.cell.row: point.row.rank for point in findings.ranked if point.row.rank}
    if not found:
        return "Too few rounds to rank by."
    return (
        f"Ranked by {BASIS[findings.ranked[0].experiment]}: {names(found)}. Those joined by = are "
        f"not told apart: their rounds do not differ, or by less than {MARGIN:.0%}."
    )


def lines(findings: Findings) -> Iterator[str]:
    """The ranking, after what it goes by."""
    point = next(iter(findings.ranked), None)
    if point and point.experiment is Experiment.JOURNEY:
        yield defined(point.cell.orders_per_list)
    if point:
        yield ranking_words(findings)
