"""A deployment that is already running, whole, half-configured, or gone."""

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from loadtest import compare, preflight
from loadtest.options import arguments
from loadtest.plan import Turn
from loadtest.results import load_run
from loadtest.shop import Shop
from loadtest.stock import Stock
from loadtest.world import World

pytestmark = pytest.mark.e2e

SHORT: tuple[str, ...] = ("--experiments", "cost", "--strategies", "message-field", "direct-call")
SHORT += ("--rounds", "1", "--duration", "0.3", "--rate", "40", "--page-size", "5")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    stock = Stock(grants={"alice": 9, "bob": 9, "carol": 2})
    with Shop(tmp_path_factory.mktemp("shop"), stock=stock) as running:
        yield running


def against(shop: Shop, results: Path, *more: str) -> list[str]:
    targets = ("--against", shop.orders_target, "--against-products", shop.products_target)
    return [*targets, *SHORT, "--results", str(results), *more]


def keys(shop: Shop, *subjects: str) -> tuple[str, ...]:
    return ("--user-keys-dir", str(shop.home), "--subjects", *subjects)


def no_record(folder: Path) -> bool:
    return not list(folder.glob("**/results.json")) and not list(folder.glob("**/report.html"))


def test_measures_without_cpu_where_processes_are_not_known(shop: Shop, tmp_path: Path) -> None:
    assert compare.main(against(shop, tmp_path, *keys(shop, "alice", "bob"))) == 0
    run = load_run(tmp_path / "latest" / "results.json")
    assert run.head.settings["orders"] == shop.orders_target
    for sample in run.samples:
        assert sample.measured.cpu_s == sample.measured.memory_bytes == {}
        assert sample.measured.observed.ok == 12


def test_measures_cpu_of_processes_that_are_named(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("\n".join(map(shop.token, ("alice", "bob"))))
    pids = ("--orders-pids", *map(str, shop.orders_pids))
    pids += ("--products-pids", *map(str, shop.products.pids))
    assert compare.main(against(shop, tmp_path, "--tokens", str(tokens), *pids)) == 0
    run = load_run(tmp_path / "latest" / "results.json")
    assert all(sample.measured.cpu_s["orders"] > 0 for sample in run.samples)
    assert "× floor" in capsys.readouterr().out  # noqa: RUF001 - as printed


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "needs --tokens"),
        (("--tokens", "/nowhere"), "No such file"),
        (("--user-keys-dir", "/nowhere", "--subjects", "alice"), "users-signing-keys.json"),
        (("--profile", "full"), "varies workers"),
        (("--profile", "nothing"), "a profile is one of"),
        (("--orders-pids", "1"), "--products-pids"),
    ],
)
def test_what_is_missing_is_said(
    shop: Shop,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    said: str,
) -> None:
    assert compare.main(against(shop, tmp_path, *options)) == compare.MISUSED
    assert said in capsys.readouterr().err
    assert no_record(tmp_path)


def test_a_list_that_is_too_short_is_an_error(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main(against(shop, tmp_path, *keys(shop, "carol"))) == 1
    assert "5 ids is wanted, and the customer's list has 2" in capsys.readouterr().err
    assert no_record(tmp_path)


def test_tokens_of_another_issuer_are_an_error(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(shop.token("alice")[:-6] + "AAAAAA")
    assert compare.main(against(shop, tmp_path, "--tokens", str(tokens))) == 1
    assert "UNAUTHENTICATED" in capsys.readouterr().err
    assert no_record(tmp_path)


def test_orders_that_cannot_check_state_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stock = Stock(grants={"alice": 9})
    results = tmp_path / "results"
    wrong = {"ORDERS_STATE_ISSUER": "somebody-else"}
    with Shop(tmp_path, stock=stock, orders_env=wrong) as half:
        assert compare.main(against(half, results, *keys(half, "alice"))) == 1
    assert "message-field: UNAUTHENTICATED STATE_INVALID" in capsys.readouterr().err
    assert no_record(results)


def test_a_stopped_service_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results"
    with Shop(tmp_path, stock=Stock(grants={"alice": 9})) as stopped:
        stopped.orders.stop()
        arguments_ = [
            *("--against", stopped_target(stopped), "--against-products", stopped.products_target),
            *SHORT,
            *("--results", str(results)),
            *keys(stopped, "alice"),
        ]
        assert compare.main(arguments_) == 1
    assert "orders service at" in capsys.readouterr().err
    assert no_record(results)


def stopped_target(shop: Shop) -> str:
    """The port stays known after the process is gone."""
    return shop.orders_target


def test_a_service_that_stops_in_between_leaves_no_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    with Shop(tmp_path, stock=Stock(grants={"alice": 9})) as shop:
        check = preflight.check

        def check_and_stop(world: World, turns: Iterable[Turn]) -> None:
            check(world, turns)
            os.kill(shop.orders.pid, signal.SIGKILL)

        monkeypatch.setattr(preflight, "check", check_and_stop)
        assert compare.main(against(shop, results, *keys(shop, "alice"))) == 1
    assert "stopped answering" in capsys.readouterr().err
    assert no_record(results)


def test_the_help_names_the_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(["--help"], "about")
    assert "full, quick" in capsys.readouterr().out
