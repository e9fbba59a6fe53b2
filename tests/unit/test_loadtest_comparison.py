"""A cell that fails is recorded as failed; services that break end what needs them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest

from loadtest import comparison, preflight
from loadtest.affinity import Placement
from loadtest.comparison import Comparison
from loadtest.driver import CellFailed, GeneratorFailed
from loadtest.plan import ShopKind, Turn, turns
from loadtest.processes import StartFailed
from loadtest.profile import Profile, Sweep
from loadtest.progress import Progress
from loadtest.results import DIRECT, FLOOR, Measured, Run
from loadtest.setting import Site, Sites
from loadtest.world import Job, World
from tests.unit.loadtest_samples import measured, run_of
from waybill.strategy import Strategy

WORLD = World(
    run_id="test",
    orders_target="o:1",
    products_target="p:1",
    pids={},
    customers={"anybody": ("t",)},
)
PLACEMENT = Placement(frozenset({0}), frozenset({1}), frozenset({1}))


class FakeDriver:
    """Fails where it is told to, from some round on, and counts nothing."""

    def __init__(self, fails: dict[str, Exception], since: int) -> None:
        self._fails = fails
        self._since = since

    def __enter__(self) -> "FakeDriver":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def measure(self, job: Job) -> Measured:
        if job.cell.row in self._fails and int(job.seed.partition("/")[2]) >= self._since:
            raise self._fails[job.cell.row]
        return measured()


@contextmanager
def open_sites(kind: ShopKind, _turns: Sequence[Turn], folder: Path) -> Iterator[Sites]:
    assert folder.is_dir()
    if kind.algorithm == "RS256":
        raise StartFailed("no key could be made")
    yield {DIRECT: Site(WORLD, {}, PLACEMENT)}


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Whether targets are healthy; all are, until a test says otherwise."""
    health = {"o:1": True, "p:1": True}
    monkeypatch.setattr(preflight, "check", lambda *_: None)
    monkeypatch.setattr(preflight, "becomes_healthy", lambda target: health[target])
    return health


def run(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    fails: dict[str, Exception],
    algorithms: Sequence[str] = ("EdDSA",),
    since: int = 0,
) -> Run:
    monkeypatch.setattr(comparison, "_driver", lambda *_: FakeDriver(fails, since))
    sweep = Sweep.model_validate(
        {
            "experiment": "cost",
            "rates_per_s": [100],
            "duration_s": 2,
            "page_sizes": [5],
            "strategies": [Strategy.REPLICA, Strategy.MESSAGE_FIELD],
            "algorithms": algorithms,
        }
    )
    planned = list(turns(Profile(name="test", rounds=2, sweep=(sweep,)), seed=1))
    progress = Progress(len(planned), 1.0, StringIO())
    return Comparison(run_of().head, planned, progress).run(open_sites, folder)


@pytest.mark.usefixtures("healthy")
def test_a_failed_cell_is_recorded_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = run(monkeypatch, tmp_path, {"replica": CellFailed("the list is too short")})
    assert found.complete
    assert {sample.cell.row for sample in found.samples} == {FLOOR, "message-field"}
    assert [(f.cell.row, f.round, f.reason) for f in found.failures] == [
        ("replica", 0, "the list is too short"),
        ("replica", 1, "the list is too short"),
    ]
    assert found.head.affinity == {"orders": "0", "generator": "1", "others": "1"}


def test_what_is_left_for_broken_services_is_recorded_as_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, healthy: dict[str, bool]
) -> None:
    healthy["o:1"] = False
    found = run(monkeypatch, tmp_path, {"replica": CellFailed("no answer")}, since=1)
    assert not found.complete
    assert len(found.samples) >= 3
    assert len(found.samples) + len(found.failures) == 6
    assert {failure.reason for failure in found.failures} == {"no answer; o:1 is no longer healthy"}


@pytest.mark.usefixtures("healthy")
def test_services_that_do_not_start_fail_their_own_cells(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = run(monkeypatch, tmp_path, {}, algorithms=("EdDSA", "RS256"))
    assert {sample.cell.algorithm for sample in found.samples} == {"EdDSA"}
    assert {failure.cell.algorithm for failure in found.failures} == {"RS256"}
    assert not found.complete


@pytest.mark.usefixtures("healthy")
def test_without_anything_measured_there_is_an_error_and_no_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fails: dict[str, Exception] = {
        row: CellFailed("nothing works") for row in (FLOOR, "replica", "message-field")
    }
    with pytest.raises(GeneratorFailed, match="nothing works"):
        run(monkeypatch, tmp_path, fails)
    (tmp_path / "again").mkdir()
    with pytest.raises(StartFailed, match="no key"):
        run(monkeypatch, tmp_path / "again", {}, algorithms=("RS256",))


@pytest.mark.usefixtures("healthy")
def test_ctrl_c_keeps_what_was_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stop: dict[str, Exception] = {"replica": KeyboardInterrupt()}  # type: ignore[dict-item]
    found = run(monkeypatch, tmp_path, stop)
    assert not found.complete
    assert found.failures == ()
    assert {sample.cell.row for sample in found.samples} <= {FLOOR, "message-field"}


@pytest.mark.parametrize(
    ("workers", "cpus", "expected"),
    [
        (1, range(1), None),
        (2, range(2), None),
        (1, range(2), ({0}, {1}, {1})),
        (1, (3, 5, 7, 9), ({3}, {5}, {7, 9})),
        (2, range(3), ({0, 1}, {2}, {2})),
    ],
)
def test_orders_is_kept_apart_where_there_are_enough_cpus(
    workers: int, cpus: Sequence[int], expected: tuple[set[int], set[int], set[int]] | None
) -> None:
    placed = Placement.of(workers, cpus)
    assert placed == (Placement(*map(frozenset, expected)) if expected else None)


def test_a_record_says_who_was_where() -> None:
    placed = Placement(frozenset({1, 0}), frozenset({2}), frozenset({3, 4}))
    assert placed.words(2) == {
        "orders (2 workers)": "0, 1",
        "generator (2 workers)": "2",
        "others (2 workers)": "3, 4",
    }
