"""Configurations, paths by name, and what is said when a hop cannot run."""

import dataclasses
import re
from pathlib import Path

import pytest

from loadtest.meshed import weights
from mesh.hop import DEFAULT, TUNED, Address, HopFailed, HopMissing
from mesh.hops.haproxy import HAProxy
from mesh.launcher import free_port, launch, program_path, render
from mesh.split import shift, weights_url
from mesh.table import HOPS, Placed, parse_path

LISTEN = Address("127.0.0.1", 1111)
UPSTREAM = Address("127.0.0.2", 2222)


@pytest.mark.parametrize("variant", [DEFAULT, TUNED])
@pytest.mark.parametrize("name", HOPS)
def test_every_blank_of_every_configuration_is_filled(name: str, variant: str) -> None:
    text = render(Placed(HOPS[name], variant), LISTEN, UPSTREAM, Path("/folder"))
    assert "1111" in text
    assert "2222" in text
    assert "${" not in text


@pytest.mark.parametrize("name", HOPS)
def test_the_default_sets_no_limit_and_the_tuned_one_does(name: str) -> None:
    limits = re.compile(r"_kb|headers_count|header_size|client_header|buffer_size|tune\.")
    default, tuned = (
        "\n".join(
            line
            for line in render(Placed(HOPS[name], v), LISTEN, UPSTREAM, Path("/f")).splitlines()
            if not line.strip().startswith("#")
        )
        for v in (DEFAULT, TUNED)
    )
    assert not limits.search(default)
    assert limits.search(tuned)


def test_a_path_is_read_from_caller_to_service() -> None:
    path = parse_path("envoy:tuned+nginx")
    assert [str(placed) for placed in path] == ["envoy:tuned", "nginx"]


@pytest.mark.parametrize("text", ["", "squid", "envoy:fast", "envoy+", "envoy nginx"])
def test_an_unknown_hop_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="hops are envoy, caddy, nginx, haproxy"):
        parse_path(text)


def test_a_missing_program_is_answered_with_the_command_that_installs_it() -> None:
    missing = dataclasses.replace(HAProxy(), program="no-such-program-anywhere")
    with pytest.raises(HopMissing, match="sudo apt-get install haproxy"):
        program_path(missing)


def test_a_hop_that_ends_at_once_says_what_it_logged() -> None:
    broken = dataclasses.replace(HAProxy(), program="sh", suffix=".cfg")
    with (
        pytest.raises(HopFailed, match="did not start listening"),
        launch(Placed(broken), UPSTREAM),
    ):
        pass


def test_all_weights_of_a_split_are_told_in_one_call() -> None:
    assert weights_url(LISTEN, weights(30)) == (
        "http://127.0.0.1:1111/runtime_modify?orders_split.orders=70&orders_split.orders-v2=30"
    )


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_part_of_all_orders_is_a_percentage(percent: int) -> None:
    with pytest.raises(ValueError, match="not from 0 to 100"):
        weights(percent)


def test_an_edge_that_is_not_there_takes_no_weights() -> None:
    with pytest.raises(HopFailed, match="did not take new weights"):
        shift(Address("127.0.0.1", free_port()), weights(30))
