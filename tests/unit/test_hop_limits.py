"""The library's table of limits is that of the measurement."""

from dataclasses import asdict
from pathlib import Path

import pytest

from mesh.known import LIMITS_FILE, LimitsFile
from tools import hop_limits
from waybill.budget import BOTH_WAYS, PathBudget
from waybill.header_limits import Direction
from waybill.hop_directives import directive
from waybill.hop_limits import HOPS, MEASURED_AT

MEASURED = LimitsFile.from_text(LIMITS_FILE.read_text("utf-8"))


def test_the_table_is_up_to_date() -> None:
    assert hop_limits.main(["check"]) == 0, "run `make hop-limits` and commit the result"


def test_the_table_says_what_was_measured() -> None:
    assert MEASURED.measured_at == MEASURED_AT
    assert {*MEASURED.subjects} == {*HOPS}
    for name, known in MEASURED.subjects.items():
        assert (HOPS[name].version, HOPS[name].role.value) == (known.version, known.role)
        for direction in Direction:
            limits, measured = HOPS[name].of(direction), known.directions.get(direction.value)
            assert (limits and asdict(limits)) == (measured and asdict(measured))


def test_a_stale_table_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = tmp_path / "table.py"
    stale.write_text("")
    monkeypatch.setattr(hop_limits, "TABLE", stale)
    assert hop_limits.main(["check"]) == 1
    assert hop_limits.main(["generate"]) == 0
    assert hop_limits.main(["check"]) == 0
    assert hop_limits.main([]) == 2


@pytest.mark.parametrize("hop", HOPS)
def test_every_hop_leaves_room_for_some_state(hop: str) -> None:
    """A limit below what every call sends of its own would be a fault of the measurement."""
    PathBudget([hop], directions=BOTH_WAYS).check([("waybill-state-v2", "x" * 256)] * 4)


@pytest.mark.parametrize("hop", [hop for hop in HOPS if not hop.startswith("grpc-js")])
def test_every_limit_has_a_directive_that_raises_it(hop: str) -> None:
    for direction in Direction:
        if HOPS[hop].of(direction):
            assert directive(hop, direction)


def test_a_chain_names_the_directives_of_each_hop() -> None:
    text = directive("nginx+envoy", Direction.REQUEST)
    assert text.startswith("nginx: large_client_header_buffers; envoy: max_request_headers_kb")
