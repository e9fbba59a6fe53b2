"""The ladder as two tables within 100 columns."""
# ruff: noqa: RUF001 - the multiplication sign and the dash are meant

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.id_lists.record import Crossing, IdListRun, ListSize

_NOTES = (
    "packed: before base64; * marks the smallest. bytes/id beside form: what there is to say of an",
    "id for a reader who knows what ids look like; known: for one who has the catalogue of 100,000",
    "at hand. token: the JWT in metadata, in which a packed list is in base64 twice, a JSON list",
    "once. CPU of encoding and decoding, least of three.",
)
_CROSSING_NOTES = (
    "Most ids that a token can list and surely pass a hop as it comes, both ways, beside the other",
    "headers; – is all of the largest page, 10,000. Under a hop its lowest bound in bytes.",
)


def show(run: IdListRun, out: Console) -> None:
    """Print the run."""
    title = f"Waybill: bytes of a list of ids, run {run.run_id}, commit {run.commit}, seed "
    out.print(Text(f"{title}{run.seed}\n", style="bold"))
    if not run.complete:
        out.print(Text("Stopped early: what was measured until then.", style="yellow"))
    out.print(size_table(run.sizes))
    _print_notes(_NOTES, out)
    out.print(crossing_table(run.crossings))
    _print_notes(_CROSSING_NOTES, out)


def size_table(sizes: Sequence[ListSize]) -> Table:
    """A row for each rung, a block for each kind and list size."""
    table = _table("kind", "ids", "rung", "packed", "bytes/id", "form", "× form", "known", "token")
    table.add_column("encode µs", justify="right")
    table.add_column("decode µs", justify="right")
    for _, block in groupby(sizes, key=lambda size: (size.kind, size.ids)):
        for size in block:
            table.add_row(*_size_cells(size))
        table.add_section()
    return table


def crossing_table(crossings: Sequence[Crossing]) -> Table:
    """A row for each kind and rung, a column for each hop."""
    names = list(dict.fromkeys((each.hop, each.limit_bytes) for each in crossings))
    table = _table("kind", "rung", *(f"{hop}\n{_bytes(limit)}" for hop, limit in names))
    for (kind, rung), row in groupby(crossings, key=lambda each: (each.kind, each.rung)):
        table.add_row(
            kind, rung, *("–" if each.passes_all else f"{each.most_ids:,}" for each in row)
        )
    return table


def _table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for name in names:
        table.add_column(name, justify="left" if name in {"kind", "rung"} else "right")
    return table


def _size_cells(size: ListSize) -> Iterator[str]:
    yield from (size.kind, f"{size.ids:,}", size.rung)
    yield f"{size.size_bytes:,}{'*' if size.smallest else ' '}"
    yield f"{size.bytes_per_id:.2f}"
    yield f"{size.form_bytes / size.ids:.2f}"
    yield f"{size.times_form:.3f}"
    yield f"{size.bound_bytes / size.ids:.2f}"
    yield f"{size.token_bytes:,}"
    yield f"{size.encode_us:,.0f}"
    yield f"{size.decode_us:,.0f}"


def _most(crossing: Crossing) -> str:
    return "–" if crossing.passes_all else f"{crossing.most_ids:,}"


def _bytes(limit: int | None) -> str:
    return "–" if limit is None else f"{limit:,}"


def _print_notes(notes: Sequence[str], out: Console) -> None:
    for note in notes:
        out.print(Text(note, style="dim"))
    out.print()
