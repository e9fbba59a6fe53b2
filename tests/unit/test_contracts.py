"""The contracts: lint, generated code, and rules for every request field."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from shop.orders.v1 import orders_pb2
from shop.products.v1 import products_pb2

ROOT = Path(__file__).parents[2]
RULES = tomllib.loads((ROOT / "protos/rules.toml").read_text())["messages"]
FILES = (orders_pb2.DESCRIPTOR, products_pb2.DESCRIPTOR)
REQUESTS = [
    method.input_type
    for file in FILES
    for service in file.services_by_name.values()
    for method in service.methods
]


def test_buf_finds_nothing() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("buf"), "lint"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_generated_code_is_what_the_contracts_say() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tools.proto", "check"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("message", REQUESTS, ids=lambda message: message.name)
def test_every_request_field_has_a_rule_or_is_a_flag(message: Descriptor) -> None:
    without = {
        field.name
        for field in message.fields
        if field.type != FieldDescriptor.TYPE_BOOL
        and field.name not in RULES.get(message.full_name, {})
    }
    assert without == set()


def test_every_rule_is_about_a_field_that_exists() -> None:
    pool = descriptor_pool.Default()
    unknown = {
        f"{message}.{field}"
        for message, fields in RULES.items()
        for field in fields
        if field not in pool.FindMessageTypeByName(message).fields_by_name
    }
    assert unknown == set()
