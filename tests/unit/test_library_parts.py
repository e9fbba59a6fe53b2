"""What of the library runs on its own dependencies, and what asks for an extra."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import waybill

ROOT = Path(waybill.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
BROUGHT = {  # by extra, what it brings
    "serving": ["grpc_health", "grpc_reflection", "pydantic", "pydantic_settings", "structlog"],
    "valkey": ["valkey"],
    "nats": ["nats"],
    "postgresql": ["psycopg", "sqlalchemy"],
    "telemetry": ["opentelemetry.sdk", "opentelemetry.exporter", "prometheus_client"],
}
NOT_OURS = ["shop", "products_svc", "orders_svc", "client", "lmdb", "rich"]
LOOK = """
import importlib, json, pkgutil, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if any(name == each or name.startswith(each + ".") for each in json.loads(sys.argv[1])):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Missing())
import waybill
lacking = {}
for module in pkgutil.walk_packages(waybill.__path__, "waybill."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        lacking[module.name] = error.name
print(json.dumps(lacking))
"""


def test_only_these_parts_need_an_extra() -> None:
    missing = [*NOT_OURS, *(name for names in BROUGHT.values() for name in names)]
    looked = subprocess.run(
        [sys.executable, "-c", LOOK, json.dumps(missing)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    found: dict[str, set[str]] = {}
    for module, lacks in json.loads(looked.stdout).items():
        [extra] = [extra for extra, names in BROUGHT.items() if lacks in names]
        found.setdefault(extra, set()).add(module)
    serving, valkey = found.pop("serving"), found.pop("valkey")
    inside = {name for name in valkey if name.startswith("waybill.valkey_access.")}
    assert inside
    assert valkey - inside == {"waybill.references.valkey_store"}
    assert found == {
        "nats": {"waybill.jetstream"},
        "postgresql": {"waybill.serving.postgresql", "waybill.serving.sql"},
        "telemetry": {"waybill.otel_sdk"},
    }
    assert {name for name in serving if not name.startswith("waybill.serving.")} == {"waybill.otel"}


def test_the_page_names_every_extra() -> None:
    page = (ROOT / "docs/library.md").read_text("utf-8")
    extras = PROJECT["project"]["optional-dependencies"].keys()
    assert extras == BROUGHT.keys()
    assert set(re.findall(r"^\| `([a-z]+)`", page, re.MULTILINE)) == extras


def test_the_least_protobuf_is_what_generated_the_code() -> None:
    generated = (ROOT / "waybill/v1/envelope_pb2.py").read_text("utf-8")
    version = re.search(r"# Protobuf Python Version: (\S+)", generated)
    assert version is not None
    assert any(f"protobuf>={version[1]}," in each for each in PROJECT["project"]["dependencies"])
