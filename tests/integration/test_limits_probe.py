"""Short probes through real hops and at real endpoints."""

from collections.abc import Iterator

import pytest

from loadtest.limits import lab
from loadtest.limits.asks import Ask
from loadtest.limits.cases import Bench, Case, measure
from loadtest.limits.cli import main
from loadtest.limits.path_probes import passed_on, refused_by
from loadtest.limits.records import Direction, Shape
from loadtest.limits.run import measure_subjects
from mesh.known import LIMITS_FILE, LimitsFile
from mesh.launcher import launch_path, version
from mesh.table import HOPS, parse_path
from tests.needing import need

pytestmark = pytest.mark.engines

KNOWN = LimitsFile.from_text(LIMITS_FILE.read_text(encoding="utf-8")).subjects


@pytest.fixture(scope="module")
def service() -> Iterator[lab.Service]:
    with lab.wide_open_service() as started:
        yield started


@pytest.mark.parametrize("name", HOPS)
def test_a_hop_has_the_limit_that_the_file_says(name: str, service: lab.Service) -> None:
    need([HOPS[name]])
    case = Case(Direction.REQUEST, Shape.SINGLE, lab.REQUEST_BOUND)
    with (
        launch_path(parse_path(name), service.address) as running,
        lab.wire(running[0].address) as prober,
    ):
        guess = KNOWN[name].edges["request single"]
        limit = measure(Bench(prober, confirmations=2), case, guess=guess)
    assert not limit.random
    assert not any(refusal.silently_altered for refusal in limit.refusals)
    if version(HOPS[name]) == KNOWN[name].version:
        assert limit.largest == guess


def test_both_response_headers_come_back_whole(service: lab.Service) -> None:
    with (
        launch_path(parse_path("envoy"), service.address) as running,
        lab.wire(running[0].address) as prober,
    ):
        (outcome,) = prober.run(Ask(request=(9000, 0, 1), initial=(20_000,), trailing=(5, 30_000)))
    assert outcome.passed
    assert outcome.intact
    assert outcome.initial_bytes > 20_000
    assert outcome.trailing_bytes > 30_000


def test_huffman_and_plain_are_the_same_to_the_service(service: lab.Service) -> None:
    for huffman in (False, True):
        with lab.wire(service.address, huffman=huffman) as prober:
            assert prober.run(Ask(request=(50_000,)))[0].intact


def test_many_calls_at_once_and_innocent_ones(service: lab.Service) -> None:
    with lab.wire(service.address) as prober:
        outcomes = prober.run(Ask(request=(100,), times=20, innocents=2))
    assert len(outcomes) == 20
    assert all(outcome.passed and outcome.innocents_lost == 0 for outcome in outcomes)


def test_what_a_hop_adds_is_seen(service: lab.Service) -> None:
    passed = passed_on(parse_path("envoy"), service.address)
    assert "x-request-id" in [addition.name for addition in passed.added]
    assert passed.seen_bytes > passed.sent_bytes


def test_the_hop_of_a_chain_that_refused_is_named(service: lab.Service) -> None:
    path = parse_path("envoy+caddy")
    case = Case(Direction.REQUEST, Shape.SINGLE, lab.REQUEST_BOUND)
    with (
        launch_path(path, service.address) as running,
        lab.wire(running[0].address) as prober,
    ):
        limit = measure(Bench(prober, confirmations=1), case)
    assert refused_by(path, service.address, [limit]) == (("request single", "caddy"),)


def test_grpc_for_python_refuses_for_certain_above_its_hard_limit() -> None:
    measured = lab.measure_server("grpcio server", lab.Effort(3, 20, refine=False, views=False))
    (region,) = measured.regions
    assert (region.points[0].refused, region.points[-1].refused) == (0, 20)
    assert (region.stated_soft, region.stated_hard) == (8192, 16384)


def test_a_missing_hop_is_reported_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mesh.launcher.shutil.which", lambda *_args, **_kwargs: None)
    (found,) = measure_subjects(["haproxy"], lab.QUICK, {}, lambda _: None)
    assert found.not_measured == (
        "haproxy is not installed; install it with: sudo apt-get install haproxy"
    )


def test_a_target_on_this_machine_is_measured_without_a_question(
    service: lab.Service, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    results = f"{tmp_path}/limits.json"
    with launch_path(parse_path("caddy"), service.address) as running:
        bounds = ("--max-bytes", "30000", "--max-calls", "40")
        code = main(["--target", str(running[0].address), *bounds, "--json", results])
    shown = capsys.readouterr().out
    assert code == 0
    assert "not measured: stopped at 40 calls" in shown
    assert all(len(line) <= 100 for line in shown.splitlines())
