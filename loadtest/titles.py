"""How the terminal names blocks of cells, and writes numbers."""
# ruff: noqa: RUF001 - the dash is meant

from loadtest.results import Cell, Method
from loadtest.summary import Row

USUAL = Cell(row="", ids=0, method=Method.VALIDATE)
"""What needs no mention."""
USUAL_USERS = 4


def block_title(row: Row) -> str:
    """The experiment and what the cells call, and each axis that is not at its usual value."""
    cell = row.cell
    told = f"{row.experiment}: {cell.method}, {row.requested_per_s:,.0f}/s asked"
    unusual = (
        (cell.ids, f"{cell.ids:,} ids"),
        (cell.grants > cell.ids and not cell.fresh, f"of {cell.grants:,} grants"),
        (cell.id_kind != USUAL.id_kind, cell.id_kind),
        (cell.orders_per_list, f"{cell.orders_per_list} orders a list"),
        (cell.workers != USUAL.workers, f"{cell.workers} workers"),
        (cell.algorithm != USUAL.algorithm, cell.algorithm),
        (cell.via != USUAL.via, f"via {cell.via}"),
        (row.load.users != USUAL_USERS, f"{row.load.users} customers"),
    )
    return ", ".join([told, *(text for shown, text in unusual if shown)])


def whole(value: int | None) -> str:
    """With thousands set apart; a dash for none."""
    return "–" if value is None else f"{value:,}"
