"""What fits, as tables of 100 columns."""
# ruff: noqa: RUF001 - the dash and the sign for "at least" are meant

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar

from rich.table import Table

from loadtest.limits.carriages import CONSTANT, TOKENS
from loadtest.limits.fitting import WEIGHED_AT, Fit, Weight
from products_svc.catalogue.ids import IdKind

NOTHING = "–"
BOTH_WAYS = "The least of request and response. ʳ the response is the smaller one."
CAPPED = (
    "For every kind of id, alone and beside bytes of authorization. ≥10,000: a page holds no\n"
    "more. – nothing of it is in that header. What is on other pages does not count."
)
WEIGHED = (
    "State entries only: name, value and 32 bytes. Below each kind of id, how many are listed."
)

Cells = tuple[str, ...]
Shared = TypeVar("Shared", bound=Hashable)


class Column(NamedTuple):
    """A cell for each subject."""

    title: str
    cells: Cells


def weights_table(weights: Sequence[Weight]) -> Table:
    """A row for each way to carry, a column for each kind and size of page."""
    table = new_table("\nBytes that an order of one product carries in its header", 23)
    for ids in WEIGHED_AT:
        for kind in IdKind:
            table.add_column(f"{kind}\n{ids:,}", justify="right", no_wrap=True)
    for encoding in dict.fromkeys(each.encoding for each in weights):
        own = [each for each in weights if each.encoding == encoding]
        sizes = {each.algorithm: _bytes(own, each.algorithm) for each in own}
        for cells, algorithms in _alike(sizes):
            table.add_row(f"{encoding} {', '.join(algorithms)}".strip(), *cells)
    return _with_caption(table, WEIGHED)


def fits_tables(fits: Sequence[Fit]) -> Iterator[Table]:
    """One for each encoding of tokens and authorization; what hardly grows shares the last one."""
    sizes = sorted({fit.authorization_bytes for fit in fits})
    for size in sizes:
        for encoding in TOKENS:
            own = [f for f in fits if (f.encoding, f.authorization_bytes) == (encoding, size)]
            if not own:
                continue
            title = f"Ids that fit into one token, {encoding}, {_beside(size)}"
            yield _with_caption(_fits_table(title, own, _by_kind(own)), BOTH_WAYS)
    if constant := [fit for fit in fits if fit.encoding in CONSTANT]:
        title = "Ids that may be on the page of which one is ordered"
        yield _with_caption(_fits_table(title, constant, _least(constant)), CAPPED)


def new_table(title: str, width: int, first: str = "") -> Table:
    """An empty table with its first column."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False,
        padding=(0, 1, 0, 0),
    )  # fmt: skip
    side: Literal["left", "right"] = "right" if first else "left"
    table.add_column(first, min_width=width, justify=side, no_wrap=True)
    return table


def _with_caption(table: Table, caption: str) -> Table:
    table.caption = caption
    table.caption_justify = "left"
    return table


def _fits_table(title: str, fits: Sequence[Fit], columns: Iterable[Column]) -> Table:
    subjects = list(dict.fromkeys(fit.subject for fit in fits))
    table = new_table(f"\n{title}", 20)
    shown = list(columns)
    for column in shown:
        table.add_column(column.title, justify="right", no_wrap=True)
    for place, subject in enumerate(subjects):
        table.add_row(subject, *(column.cells[place] for column in shown))
    return table


def _by_kind(fits: Sequence[Fit]) -> Iterator[Column]:
    """A column for each kind of id, once for all algorithms under which they are the same."""
    algorithms = dict.fromkeys(fit.algorithm for fit in fits)
    blocks = {a: tuple(_cells(fits, a, kind) for kind in IdKind) for a in algorithms}
    for block, alike in _alike(blocks):
        for kind, cells in zip(IdKind, block, strict=True):
            yield Column("\n".join((*alike, kind)), cells)


def _least(fits: Sequence[Fit]) -> Iterator[Column]:
    """A column for each way and authorization: the kind of id of which the fewest fit."""
    for encoding in dict.fromkeys(fit.encoding for fit in fits):
        for size in dict.fromkeys(fit.authorization_bytes for fit in fits):
            own = [f for f in fits if (f.encoding, f.authorization_bytes) == (encoding, size)]
            least = {f.algorithm: _least_cells(own, f.algorithm) for f in own}
            for cells, algorithms in _alike(least):
                head = (encoding, *algorithms, f"beside {size:,}" if size else "alone")
                yield Column("\n".join(filter(None, head)), cells)


def _least_cells(fits: Sequence[Fit], algorithm: str) -> Cells:
    least: dict[str, Fit] = {}
    for fit in fits:
        if fit.algorithm == algorithm:
            known = least.setdefault(fit.subject, fit)
            if fit.ids is not None and known.ids is not None and fit.ids < known.ids:
                least[fit.subject] = fit
    return tuple(map(_cell, least.values()))


def _cells(fits: Sequence[Fit], algorithm: str, kind: IdKind) -> Cells:
    return tuple(_cell(fit) for fit in fits if (fit.algorithm, fit.kind) == (algorithm, kind))


def _bytes(weights: Sequence[Weight], algorithm: str) -> Cells:
    own = [each for each in weights if each.algorithm == algorithm]
    return tuple(
        f"{each.list_bytes:,}" for ids in WEIGHED_AT for each in own if each.page_ids == ids
    )


def _alike(named: Mapping[str, Shared]) -> Iterator[tuple[Shared, Sequence[str]]]:
    """Each different value, with the names that have it."""
    names: dict[Shared, list[str]] = {}
    for name, value in named.items():
        names.setdefault(value, []).append(name)
    yield from names.items()


def _beside(size: int) -> str:
    return f"beside {size:,} bytes of authorization" if size else "alone"


def _cell(fit: Fit) -> str:
    if fit.ids is None:
        return NOTHING
    smaller = fit.initial_ids is not None and fit.request_ids not in (None, fit.ids)
    return f"{'≥' * fit.capped}{fit.ids:,}{'ʳ' * smaller}"
