"""The launcher of the store of references."""

import socket
from pathlib import Path

import psutil
import pytest
import valkey

from loadtest.processes import StartFailed
from loadtest.valkey import ValkeyServer


def test_it_listens_on_loopback_alone_keeps_nothing_and_is_bounded(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path, memory_bytes=50_000_000) as server:
        addresses = {
            listening.laddr.ip
            for listening in psutil.Process(server.pid).net_connections("inet")
            if listening.status == psutil.CONN_LISTEN
        }
        with valkey.Valkey.from_url(server.url) as client:
            options = client.config_get("maxmemory", "maxmemory-policy", "save", "appendonly")
        left = psutil.Process(server.pid)
    assert addresses == {"127.0.0.1"}
    assert options == {
        "maxmemory": "50000000",
        "maxmemory-policy": "noeviction",
        "save": "",
        "appendonly": "no",
    }
    assert not left.is_running()
    assert [path.name for path in tmp_path.iterdir()] == ["valkey.log"]


def test_two_at_the_same_time_have_a_port_each(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path) as one, ValkeyServer(tmp_path) as other:
        assert one.port != other.port


def test_a_port_that_is_taken_is_a_failure_that_says_why(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            pytest.raises(StartFailed, match="Address already in use"),
            ValkeyServer(tmp_path, port=taken.getsockname()[1]),
        ):
            pass


def test_what_was_killed_comes_back_empty_on_its_port(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path) as server:
        url = server.url
        with valkey.Valkey.from_url(url) as client:
            client.set("key", "value")
        server.kill()
        server.start_again()
        assert server.url == url
        with valkey.Valkey.from_url(url) as client:
            assert client.get("key") is None
