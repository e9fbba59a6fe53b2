"""State that would not pass the path is not issued, whatever its strategy."""

import json
from pathlib import Path

import pytest

from products_svc.settings import Settings
from products_svc.store.values import WantedGrant
from tests.products_kit import Lab, refusal
from waybill.errors import StateTooLarge
from waybill.metadata import size_bytes
from waybill.serving.settings import BadSettings, read

PRODUCTS = [f"product-{n:04}" for n in range(500)]
NARROW = {"path_hops": "grpcio client, nginx, grpcio server:tuned"}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    lab.fill(PRODUCTS, [WantedGrant("alice", product, 0, None) for product in PRODUCTS])
    return lab


async def test_the_answer_must_pass_as_well(lab: Lab) -> None:
    """The request would pass nginx, which takes less in an answer's header."""
    async with lab.service(**NARROW) as service:
        refused = await refusal(service.listing(strategy="metadata-jwt", page_size=150))
        assert refused.reason == StateTooLarge.reason
        facts = refused.facts
        assert (facts["hop"], facts["direction"]) == ("nginx", "initial")
        assert facts["directive"] == "grpc_buffer_size"
        assert 8192 > int(facts["bytes"]) > int(facts["max_bytes"])
        for way_out in ("smaller page", "message-field", "page-proof", "raise the limit"):
            assert way_out in refused.message
        assert (await service.listing(strategy="metadata-jwt", page_size=10)).products
        assert (await service.listing(strategy="message-field", page_size=150)).state


async def test_by_default_7168_bytes_are_issued_and_no_more(lab: Lab) -> None:
    async with lab.service() as service:
        refused = await refusal(service.listing(strategy="metadata-jwt", page_size=500))
    assert refused.facts["max_bytes"] == "7168"
    assert refused.facts["hop"] == "grpcio server"


async def test_state_close_to_the_budget_is_logged_once_in_a_while(
    lab: Lab, capfd: pytest.CaptureFixture[str]
) -> None:
    async with lab.service() as service:
        call = service.listing(strategy="metadata-jwt", page_size=10)
        await call
        metadata = [entry for entry in await call.initial_metadata() if entry[0][:7] == "waybill"]
    size = size_bytes(metadata)
    capfd.readouterr()
    async with lab.service(state_budget_bytes=size, log_level="warning") as service:
        for _ in range(3):
            await service.listing(strategy="metadata-jwt", page_size=10)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (warning,) = [line for line in lines if line["event"] == "state_near_budget"]
    assert (warning["level"], warning["max_bytes"]) == ("warning", str(size))


def test_unknown_hops_are_a_line_that_names_the_known_ones(lab: Lab) -> None:
    paths = {
        "user_keys": "u",
        "signing_keys": "s",
        "public_keys": "p",
        "database_url": "sqlite:///p",
    }
    with pytest.raises(BadSettings) as bad:
        read(Settings, {"PRODUCTS_PATH_HOPS": "ngnix"}, paths)
    (line,) = bad.value.problems
    assert line.startswith("PRODUCTS_PATH_HOPS: ")
    assert "'ngnix'" in line
    assert "nginx:tuned" in line
