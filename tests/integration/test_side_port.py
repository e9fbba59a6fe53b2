"""The HTTP port beside gRPC's, over real connections."""

import http.client
import json
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from waybill.keys import KeySet
from waybill.serving import side_port as module
from waybill.serving.jwks_page import PATH, JwksPage
from waybill.serving.server import CannotListen
from waybill.serving.settings import ServingSettings
from waybill.serving.side_port import Environ, StartResponse, pages, served_pages, side_port
from waybill.signing import SigningKey, public_jwks

TIMEOUT_S = 10


def hello(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (b"hello",)


def broken(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    raise RuntimeError("secret")


def ask(
    port: int, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request(method, path, headers=sent)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


@pytest.fixture
def port() -> Iterator[int]:
    with side_port("127.0.0.1", 0, pages({"/hello": hello, "/broken": broken})) as taken:
        yield taken


def test_a_page(port: int) -> None:
    response, body = ask(port, "/hello")
    assert (response.status, body) == (200, b"hello")
    assert ask(port, "/hello?query")[0].status == 200


def test_the_head_of_a_page(port: int) -> None:
    response, body = ask(port, "/hello", "HEAD")
    assert (response.status, body) == (200, b"")


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 404), ("/hello/", "GET", 404), ("/hello", "POST", 405), ("/hello", "PUT", 405)],
)
def test_nothing_else(port: int, path: str, method: str, status: int) -> None:
    assert ask(port, path, method)[0].status == status


def test_a_broken_page_tells_nothing(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    response, body = ask(port, "/broken")
    assert response.status == 500
    assert b"secret" not in body
    assert ask(port, "/hello")[0].status == 200


def test_no_http_at_all_ends_that_connection_alone(port: int) -> None:
    for nonsense in (b"", b"\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"x" * 70_000):
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
            connection.sendall(nonsense)
    assert ask(port, "/hello")[0].status == 200


def test_who_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CUT_OFF_S", 0.0)
    with side_port("127.0.0.1", 0, hello) as port:
        silent = [socket.create_connection(("127.0.0.1", port), TIMEOUT_S) for _ in range(8)]
        for connection in silent:
            connection.settimeout(TIMEOUT_S)
            assert connection.recv(1) == b""
            connection.close()


def test_too_many_at_once_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 2)
    entered, leave = threading.Barrier(3), threading.Event()

    def slow(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        entered.wait(TIMEOUT_S)
        leave.wait(TIMEOUT_S)
        return hello(environ, start_response)

    with side_port("127.0.0.1", 0, slow) as port:
        callers = [threading.Thread(target=ask, args=(port, "/")) for _ in range(2)]
        for caller in callers:
            caller.start()
        entered.wait(TIMEOUT_S)
        with pytest.raises((http.client.HTTPException, OSError)):
            ask(port, "/")
        leave.set()
        for caller in callers:
            caller.join()


def test_a_port_that_is_taken(port: int) -> None:
    with (
        pytest.raises(CannotListen, match=f"127.0.0.1:{port}"),
        side_port("127.0.0.1", port, hello),
    ):
        pass


def settings(**values: object) -> ServingSettings:
    return ServingSettings(user_keys=Path("users.json"), **values)  # type: ignore[arg-type]


def test_without_a_setting_there_is_no_port() -> None:
    with served_pages(settings(), {"/hello": hello}) as port:
        assert port is None


def test_workers_take_ports_in_a_row(port: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    base = settings(http_port=free - 2, workers=3, worker=3)
    with served_pages(base, {"/hello": hello, "/none": None}) as taken:
        assert taken == free
        assert ask(free, "/none")[0].status == 404


def test_ports_for_all_workers_must_exist() -> None:
    with pytest.raises(ValueError, match="no room for the ports of all workers"):
        settings(http_port=65535, workers=2)


@pytest.fixture
def jwks(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    file = tmp_path / "products-jwks.json"
    file.write_text(public_jwks([SigningKey.generate()]))
    with side_port("127.0.0.1", 0, pages({PATH: JwksPage(file, 7)})) as port:
        yield file, port


def test_the_key_set(jwks: tuple[Path, int]) -> None:
    file, port = jwks
    response, body = ask(port, PATH)
    assert response.headers["Content-Type"] == "application/jwk-set+json"
    assert response.headers["Cache-Control"] == "public, max-age=7"
    assert list(KeySet.from_jwks(body)) == list(KeySet.from_jwks(file.read_bytes()))


def test_an_unchanged_key_set_is_not_sent_again(jwks: tuple[Path, int]) -> None:
    file, port = jwks
    etag = ask(port, PATH)[0].headers["ETag"]
    response, body = ask(port, PATH, If_None_Match=etag)
    assert (response.status, body) == (304, b"")
    file.write_text(public_jwks([SigningKey.generate()]))
    assert ask(port, PATH, If_None_Match=etag)[0].status == 200


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        json.dumps({"keys": [SigningKey.generate().to_private_jwk()]}),
    ],
)
def test_what_is_no_public_key_set_stays_inside(jwks: tuple[Path, int], content: str) -> None:
    file, port = jwks
    file.write_text(content)
    response, body = ask(port, PATH)
    assert (response.status, body) == (503, b"503 Service Unavailable\n")
    file.unlink()
    assert ask(port, PATH)[0].status == 503
