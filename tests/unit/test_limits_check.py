"""The file of known limits, and noticing that one moved."""

import dataclasses

import pytest

from loadtest.limits.check import moved
from mesh.known import LIMITS_FILE, HeaderLimits, KnownLimits, LimitsFile
from mesh.table import HOPS

BEFORE = KnownLimits(
    version="1.0.0",
    role="path",
    directions={"request": HeaderLimits(61440, 0, entries=100)},
    edges={"request single": 61280, "initial total": 3900},
    random=("initial total",),
)


def test_the_committed_file_knows_every_hop_and_endpoint() -> None:
    known = LimitsFile.from_text(LIMITS_FILE.read_text(encoding="utf-8")).subjects
    assert {*HOPS, "grpcio server", "grpcio client", "grpc-js server"} <= set(known)
    assert all(known[name].directions["request"].total_bytes for name in HOPS)


def test_the_file_reads_what_it_writes() -> None:
    file = LimitsFile("2027-01-01T00:00:00+00:00", "Linux", {"hop": BEFORE})
    assert LimitsFile.from_text(file.to_text()) == file


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"subjects": {"a": 1}}'])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        LimitsFile.from_text(text)


def test_nothing_moved() -> None:
    assert list(moved({"hop": BEFORE}, {"hop": BEFORE})) == []


def test_a_limit_that_an_upgrade_moved_is_named_with_both_versions() -> None:
    after = dataclasses.replace(BEFORE, version="1.1.0", edges={"request single": 16288})
    (change,) = moved({"hop": BEFORE}, {"hop": after})
    assert str(change) == "hop (1.0.0 → 1.1.0): request single 61,280 → 16,288"


def test_estimates_may_differ_a_little_and_no_more() -> None:
    near = dataclasses.replace(BEFORE, edges={"initial total": 3960})
    far = dataclasses.replace(BEFORE, edges={"initial total": 8000})
    assert list(moved({"hop": BEFORE}, {"hop": near})) == []
    assert len(list(moved({"hop": BEFORE}, {"hop": far}))) == 1


def test_a_region_of_chance_is_held_by_its_two_limits() -> None:
    region = KnownLimits("1", "server", {"request": HeaderLimits(8192, 32, refused_above=16384)})
    smaller = KnownLimits("2", "server", {"request": HeaderLimits(4096, 32, refused_above=16384)})
    (change,) = moved({"server": region}, {"server": smaller})
    assert change.edge == "request soft limit"


def test_a_header_fits_by_every_rule() -> None:
    limits = HeaderLimits(total_bytes=100, entry_bytes=8, value_bytes=50, entries=2)
    assert limits.allows([("a", "x" * 50), ("b", "x" * 32)])
    assert not limits.allows([("a", "x" * 50), ("b", "x" * 33)])
    assert not limits.allows([("a", "x" * 51)])
    assert not limits.allows([("a", ""), ("b", ""), ("c", "")])
