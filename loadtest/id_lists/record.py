"""The record of one measurement of the ladder: values only."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from loadtest.results import Machine

MEASURED = Path(__file__).parent / "measured.json"
"""A run whose bytes the report shows: they do not depend on the machine, times do."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListSize(_Value):
    """One kind of id, one list size, one rung."""

    kind: str
    ids: int
    rung: str
    smallest: bool
    """No rung takes fewer bytes."""
    size_bytes: int
    """Before base64, header byte included."""
    bound_bytes: float
    """log2 of the ways to choose this many from the catalogue of 100,000: for a reader who has it,
    which the orders service does not, except for numbers without gaps."""
    form_bytes: float
    """The same for a reader who knows only what ids of the kind look like."""
    token_bytes: int
    """As a JWT in metadata: the value's length."""
    encode_us: float
    """CPU time; so is `decode_us`."""
    decode_us: float

    @property
    def bytes_per_id(self) -> float:
        """Before base64."""
        return self.size_bytes / self.ids

    @property
    def times_form(self) -> float:
        """Over what there is to say of ids of this kind."""
        return self.size_bytes / self.form_bytes


class Crossing(_Value):
    """How many ids a token can list and surely pass a hop, on both ways.

    That is in the answer of ListProducts and in the request of PlaceOrder.
    """

    kind: str
    rung: str
    hop: str
    limit_bytes: int | None
    """The lowest bound that was found; what passes also depends on how the hop counts."""
    most_ids: int
    passes_all: bool
    """Even the largest page passes: `most_ids` is its size."""


class IdListRun(_Value):
    """One run. `complete` is false where it was stopped early."""

    format: Literal["waybill-id-lists/1"] = "waybill-id-lists/1"
    run_id: str
    begun: str
    seed: int
    commit: str
    versions: dict[str, str]
    machine: Machine
    complete: bool
    catalogue: int
    """Ids in each catalogue."""
    sizes: tuple[ListSize, ...]
    crossings: tuple[Crossing, ...]

    def save(self, folder: Path) -> Path:
        """Write `results.json` into `folder`, which is made, and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        return self.write(folder / "results.json")

    def write(self, path: Path) -> Path:
        """Write the file `path`, and return it."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return path


def load_id_lists(path: Path) -> IdListRun:
    """Read what `IdListRun.save` wrote.

    Raises:
        pydantic.ValidationError: the file is no such record.
    """
    return IdListRun.model_validate_json(path.read_text(encoding="utf-8"))
