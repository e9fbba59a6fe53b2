"""The measurement of the ladder: its bounds, its rows, and where lists no longer pass."""

import io
import math
from pathlib import Path
from random import Random

import pytest

from loadtest import provenance
from loadtest.id_lists.carried import HARD, SOFT, Hop, Tokens, hops
from loadtest.id_lists.measure import crossings, list_sizes
from loadtest.id_lists.record import IdListRun, load_id_lists
from loadtest.id_lists.show import show
from loadtest.id_lists.universes import SERIAL, Universe, log2_choices
from loadtest.table import WIDTH, console
from mesh.known import HeaderLimits
from waybill import id_lists

IDS = [f"sku-{n:06d}" for n in Random(1).sample(range(30_000), 10_000)]
UNIVERSE = Universe(SERIAL, tuple(IDS), lambda k: log2_choices(30_000, k))
TOKENS = Tokens()


@pytest.mark.parametrize(
    ("of", "count"), [(10, 0), (10, 3), (100_000, 1000), (10**9, 10), (2**122, 7), (10**11, 500)]
)
def test_bits_of_a_choice(of: int, count: int) -> None:
    assert log2_choices(of, count) == pytest.approx(math.log2(math.comb(of, count)), rel=1e-5)


def test_a_row_for_each_rung_and_the_smallest_is_marked() -> None:
    rows = list(list_sizes(UNIVERSE, 100, TOKENS))
    assert [row.rung for row in rows] == list(id_lists.CODECS)
    least = min(row.size_bytes for row in rows)
    assert all(row.smallest == (row.size_bytes == least) for row in rows)
    assert all(row.size_bytes >= row.form_bytes >= row.bound_bytes for row in rows)
    assert all(row.token_bytes > row.size_bytes for row in rows)


def test_a_smaller_limit_lets_fewer_ids_by_and_a_better_rung_more() -> None:
    found = {
        (row.rung, row.hop): row
        for row in crossings(UNIVERSE, [Hop("soft", SOFT, SOFT), Hop("hard", HARD, HARD)], TOKENS)
    }
    for rung in id_lists.CODECS:
        assert 0 < found[rung, "soft"].most_ids <= found[rung, "hard"].most_ids
    assert found["json", "hard"].most_ids < found["delta", "soft"].most_ids
    assert found["delta", "hard"].passes_all


def test_the_narrower_way_decides() -> None:
    narrow = Hop("h", HeaderLimits(total_bytes=2000), HARD)
    wide = Hop("h", HARD, HARD)

    def entry(count: int) -> tuple[str, str]:
        return TOKENS.entry(UNIVERSE.ids[:count], "json")

    assert narrow.limit_bytes == 2000
    assert narrow.most_ids(entry) < wide.most_ids(entry)


def test_hops_without_a_measurement_are_those_of_grpc(tmp_path: Path) -> None:
    assert [hop.name for hop in hops(tmp_path / "none.json")] == ["grpc soft", "grpc hard"]
    assert {"grpc soft", "nginx", "envoy"} <= {hop.name for hop in hops()}


def test_the_record_is_read_back_and_shown_within_100_columns(tmp_path: Path) -> None:
    run = IdListRun(
        run_id="run",
        begun="2027-01-15T08:00:00+00:00",
        seed=1,
        commit="none",
        versions={},
        machine=provenance.machine(),
        complete=False,
        catalogue=len(UNIVERSE.ids),
        sizes=tuple(list_sizes(UNIVERSE, 1000, TOKENS)),
        crossings=tuple(crossings(UNIVERSE, hops(), TOKENS)),
    )
    assert load_id_lists(run.save(tmp_path)) == run
    out = io.StringIO()
    show(run, console(out))
    assert "Stopped early" in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) <= WIDTH
    assert "…" not in out.getvalue()
