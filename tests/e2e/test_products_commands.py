"""The products service as a process: filling it, serving it, rotating its keys, ending it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from shop.products.v1 import products_pb2 as pb
from shop.products.v1.products_pb2_grpc import ProductsServiceStub
from tests.products_kit import Lab
from waybill.metadata import AUTHORIZATION

pytestmark = pytest.mark.e2e

COMMAND = [sys.executable, "-m", "products_svc"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "waybill"
    home.mkdir()
    (tmp_path / "users.json").write_text("{}")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PRODUCTS_")}
    return {**inherited, "XDG_STATE_HOME": str(tmp_path)}


def run(environ: Mapping[str, str], *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=50, check=False
    )


@contextmanager
def serving(environ: Mapping[str, str], *arguments: str, ready: int = 1) -> Iterator[list[int]]:
    """Port and process ids of the workers, while they serve."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env={**environ, "PRODUCTS_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(ready)]
        found = [re.fullmatch(r"ready port=(\d+) pid=(\d+)\n", line) for line in lines]
        matches = [match for match in found if match]
        assert len(matches) == ready, lines
        yield [int(matches[0][1]), *(int(match[2]) for match in matches)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_generate_import_and_errors(environ: dict[str, str], tmp_path: Path) -> None:
    products, grants = tmp_path / "products.jsonl", tmp_path / "grants.csv"
    size = ("--subjects", 3, "--grants-per-subject", 4, "--products", 20)
    made = ("generate", *size, "--id-kind", "gtin13", "--seed", 5)
    first = run(environ, *made, "--products-out", products, "--grants-out", grants)
    assert (first.returncode, first.stderr) == (0, "")
    texts = products.read_text(), grants.read_text()
    run(environ, *made, "--products-out", products, "--grants-out", grants)
    assert (products.read_text(), grants.read_text()) == texts
    imported = run(environ, "import", "--products", products, "--grants", grants)
    assert imported.stdout == "20 products and 12 grants read, 12 grants changed; revision 12\n"
    assert imported.stderr == "", "progress is for terminals"
    directly = run(environ, *made)
    assert directly.stdout == "20 products and 12 grants read, 0 grants changed; revision 12\n"
    with grants.open("a") as file:
        file.write("alice,no-such\n")
    refused = run(environ, "import", "--grants", grants)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("grants.csv:14: product no-such is not in the catalogue;")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("import",), 1, "name --products, --grants, or both"),
        (("import", "--grants", "nowhere.csv"), 1, "nowhere.csv: cannot be read"),
        (
            ("generate", "--subjects", 1, "--grants-per-subject", 9, "--products", 1),
            1,
            "grants per",
        ),
        (("generate", "--subjects", 1), 2, "required"),
        (("dance",), 2, "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_told(
    environ: dict[str, str], arguments: tuple[object, ...], code: int, text: str
) -> None:
    result = run(environ, *arguments)
    assert result.returncode == code
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_bad_settings_are_told(environ: dict[str, str]) -> None:
    environ |= {"PRODUCTS_STATE_VERSION": "2", "PRODUCTS_STRATEGIES": "replica"}
    result = run(environ)
    assert result.returncode == 2
    assert "PRODUCTS_STATE_VERSION: there is no such setting; did you mean" in result.stderr
    assert "PRODUCTS_DEFAULT_STRATEGY must be one of PRODUCTS_STRATEGIES" in result.stderr


def test_serves_with_workers_while_keys_rotate(environ: dict[str, str], tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    home = tmp_path / "waybill"
    (tmp_path / "users.json").rename(home / "users-jwks.json")
    run(environ, "generate", "--subjects", 1, "--grants-per-subject", 2, "--products", 2)
    with serving(environ, "serve", "--workers", "2", ready=2) as (port, *_pids):
        assert json.loads((home / "products-jwks.json").read_text())["keys"]
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub: Any = ProductsServiceStub(channel)
            credential = lab.credential_now("user-000001")
            assert credential[0] == AUTHORIZATION

            def key_id() -> str:
                answer = stub.ListProducts(
                    pb.ListProductsRequest(), metadata=[credential], timeout=10
                )
                assert len(answer.products) == 2
                return str(answer.state[0].signatures[0].key_id)

            old = key_id()
            rotated = run(environ, "rotate-keys")
            assert rotated.returncode == 0
            new = rotated.stdout.split()[0]
            assert f"still trusted: {old} (EdDSA)" in rotated.stdout
            while (current := key_id()) != new:
                assert current == old
    public = json.loads((home / "products-jwks.json").read_text())["keys"]
    assert [key["kid"] for key in public] == [new, old]
    assert (home / "products-signing-keys.json").stat().st_mode & 0o777 == 0o600


def test_a_new_epoch_is_above_the_old_one(environ: dict[str, str]) -> None:
    first, second = (run(environ, "new-epoch") for _ in range(2))
    epochs = [int(result.stdout.split()[1]) for result in (first, second)]
    assert epochs == sorted(set(epochs))
