"""The products service on a real server: listing, getting, checking, granting, revoking."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from products_svc import paging
from products_svc.store.values import WantedGrant
from products_svc.store.writer import Writer
from shop.products.v1 import products_pb2 as pb
from shop.state.v1 import state_pb2 as v1
from shop.state.v2 import state_pb2 as v2
from tests.conftest import NewDatabase
from tests.products_kit import Lab, Service, refusal
from waybill import errors
from waybill.envelope import open_envelope
from waybill.jwks_file import JwksFile
from waybill.jwt import STATE_REFUSALS, JwtVerifier
from waybill.serving.rules import MAX_VIOLATIONS
from waybill.status import error_from

GRANTS = [
    WantedGrant("alice", "apple"),
    WantedGrant("alice", "pear", 5, 777),
    WantedGrant("bob", "fig"),
]


@pytest.fixture
def lab(tmp_path: Path, new_database: NewDatabase) -> Lab:
    lab = Lab(tmp_path, new_database())
    lab.fill(["apple", "fig", "pear"], GRANTS)
    return lab


@pytest.fixture
async def service(lab: Lab, request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    async with lab.service(**getattr(request, "param", {})) as service:
        yield service


def with_settings(**settings: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("service", [settings], indirect=True)


def state_entries(metadata: Any) -> list[tuple[str, str]]:
    return [(key, value) for key, value in metadata if key.startswith("waybill-state")]


def verified(lab: Lab, token: str, version: int) -> dict[str, Any]:
    verifier = JwtVerifier(
        JwksFile(lab.folder / "public.json"),
        typ=f"waybill-state-v{version}+jwt",
        issuer="products",
        audience="orders",
        refusals=STATE_REFUSALS,
        clock=lab.clock,
    )
    return dict(verifier.verify(token))


async def test_lists_only_what_is_granted_ordered_by_id(service: Service) -> None:
    answer = await service.listing()
    assert [each.product_id for each in answer.products] == ["apple", "pear"]
    assert answer.products[0] == pb.Product(
        product_id="apple",
        display_name="The apple",
        unit_price_micros=1000,
        currency_code="EUR",
    )
    assert (answer.products[1].unit_price_micros, answer.products[1].max_quantity) == (777, 5)
    assert (answer.revision, answer.next_page_token) == (3, "")


async def test_somebody_without_grants_gets_an_empty_page_with_state(service: Service) -> None:
    answer = await service.listing("nobody")
    assert not answer.products
    assert len(answer.state) == 1


async def test_default_strategy_seals_an_envelope_of_the_page(service: Service, lab: Lab) -> None:
    call = service.listing(page_size=1)
    answer = await call
    (envelope,) = answer.state
    assert envelope.payload_type == "shop.state.v2.AccessState"
    state = v2.AccessState.FromString(open_envelope(envelope, JwksFile(lab.folder / "public.json")))
    assert (state.issuer, state.audience, state.subject) == ("products", "orders", "alice")
    assert state.revision == answer.revision
    assert state.issue_time.seconds == int(lab.clock())
    assert state.expire_time.seconds == int(lab.clock()) + 300
    assert [(g.product_id, g.max_quantity, g.unit_price_micros) for g in state.grants] == [
        ("apple", 0, 1000)
    ]
    assert not state_entries(await call.initial_metadata())


@with_settings(state_versions="1,2")
async def test_every_configured_version_is_sealed(service: Service, lab: Lab) -> None:
    answer = await service.listing()
    types = [envelope.payload_type for envelope in answer.state]
    assert types == ["shop.state.v1.AccessState", "shop.state.v2.AccessState"]
    keys = JwksFile(lab.folder / "public.json")
    state = v1.AccessState.FromString(open_envelope(answer.state[0], keys))
    assert list(state.product_ids) == ["apple"], "a pear has a maximum"


@with_settings(state_versions="1,2")
async def test_metadata_jwt_comes_as_initial_metadata(service: Service, lab: Lab) -> None:
    call = service.listing(strategy="metadata-jwt")
    answer = await call
    assert not answer.state
    entries = dict(state_entries(await call.initial_metadata()))
    assert list(entries) == ["waybill-state-v1", "waybill-state-v2"]
    first = verified(lab, entries["waybill-state-v1"], 1)
    second = verified(lab, entries["waybill-state-v2"], 2)
    assert first["products"] == ["apple"], "a pear has a maximum"
    assert second["grants"] == [["apple", 0, 1000], ["pear", 5, 777]]
    assert (second["sub"], second["rev"]) == ("alice", answer.revision)
    assert (second["iat"], second["exp"]) == (int(lab.clock()), int(lab.clock()) + 300)


@pytest.mark.parametrize("strategy", ["replica", "direct-call"])
async def test_other_strategies_carry_nothing(service: Service, strategy: str) -> None:
    call = service.listing(strategy=strategy)
    answer = await call
    assert len(answer.products) == 2
    assert not answer.state
    assert not state_entries(await call.initial_metadata())


@with_settings(state_budget_bytes=400)
async def test_metadata_over_the_budget_is_refused_before_it_is_sent(service: Service) -> None:
    call = service.listing(strategy="metadata-jwt")
    refused = await refusal(call)
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        errors.StateTooLarge.reason,
    )
    assert int(refused.facts["bytes"]) > int(refused.facts["max_bytes"]) == 400
    assert not state_entries(await call.initial_metadata())
    assert (await service.listing()).state, "the budget is for metadata only"


async def test_an_unknown_strategy_is_an_invalid_request(service: Service) -> None:
    refused = await refusal(service.listing(strategy="pigeon"))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "metadata-jwt" in refused.violations["waybill-strategy"]


@with_settings(strategies="replica,message-field")
async def test_a_strategy_outside_the_settings_is_refused(service: Service) -> None:
    refused = await refusal(service.listing(strategy="metadata-jwt"))
    assert refused.reason == errors.StrategyNotAccepted.reason
    assert refused.facts["accepted"] == "message-field,replica"


@pytest.mark.parametrize(
    ("fields", "path"),
    [({"page_size": 10_001}, "page_size"), ({"page_size": -1}, "page_size")]
    + [({"page_token": text}, "page_token") for text in ("?", "x" * 513, "AAAA", "A")]
    + [({"page_token": paging.encode("a\0b", "alice")}, "page_token")],
)
async def test_a_bad_page_is_refused(service: Service, fields: dict[str, Any], path: str) -> None:
    refused = await refusal(service.listing(**fields))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(refused.violations) == [path]


async def test_a_page_token_serves_its_caller_only(service: Service) -> None:
    token = (await service.listing(page_size=1)).next_page_token
    assert [p.product_id for p in (await service.listing(page_token=token)).products] == ["pear"]
    refused = await refusal(service.listing("bob", page_token=token))
    assert list(refused.violations) == ["page_token"]


async def test_gets_what_is_granted(service: Service) -> None:
    answer = await service.call("GetProduct", pb.GetProductRequest(product_id="pear"), "alice")
    assert (answer.product.unit_price_micros, answer.revision) == (777, 3)


@pytest.mark.parametrize("product_id", ["fig", "no-such"])
async def test_what_exists_is_not_told_to_whom_it_is_not_granted(
    service: Service, product_id: str
) -> None:
    request = pb.GetProductRequest(product_id=product_id)
    refused = await refusal(service.call("GetProduct", request, "alice"))
    assert (refused.reason, refused.facts) == (
        errors.NotGranted.reason,
        {"product_ids": product_id},
    )


async def test_an_administrator_learns_what_exists(service: Service) -> None:
    missing = pb.GetProductRequest(product_id="no-such")
    refused = await refusal(service.call("GetProduct", missing, "root", "admin"))
    assert refused.reason == errors.ProductNotFound.reason
    there = pb.GetProductRequest(product_id="fig")
    refused = await refusal(service.call("GetProduct", there, "root", "admin"))
    assert refused.reason == errors.NotGranted.reason


async def test_check_access_tells_the_grants_among_the_asked(service: Service) -> None:
    request = pb.CheckAccessRequest(subject="alice", product_ids=["pear", "fig", "no-such"])
    answer = await service.call("CheckAccess", request, "orders", "service")
    assert list(answer.grants) == [
        pb.Grant(product_id="pear", max_quantity=5, unit_price_micros=777)
    ]
    assert answer.revision == 3


@pytest.mark.parametrize(
    ("method", "request_type", "role"),
    [
        ("CheckAccess", pb.CheckAccessRequest, "service"),
        ("GrantAccess", pb.GrantAccessRequest, "admin"),
        ("RevokeAccess", pb.RevokeAccessRequest, "admin"),
    ],
)
async def test_roles_are_required(
    service: Service, method: str, request_type: Any, role: str
) -> None:
    request = request_type(subject="alice", product_ids=["apple"])
    others = {"admin", "service", "other"} - {role}
    refused = await refusal(service.call(method, request, "alice", *others))
    assert (refused.reason, refused.facts) == (errors.RoleMissing.reason, {"role": role})


async def test_watching_needs_the_service_role(service: Service) -> None:
    stream = service.stub.WatchAccess(
        pb.WatchAccessRequest(), metadata=[service.lab.credential("root", "admin")], timeout=10
    )
    assert (await refusal(stream.read())).reason == errors.RoleMissing.reason


async def test_without_a_credential_nothing_is_told(service: Service) -> None:
    refused = await refusal(service.stub.ListProducts(pb.ListProductsRequest(), timeout=10))
    assert refused.reason == errors.CredentialMissing.reason


async def test_each_grant_has_a_revision_of_its_own(service: Service) -> None:
    assert await service.grant("carol", "apple", "fig") == 5
    assert await service.grant("carol", "fig", "pear", max_quantity=2) == 7
    listed = await service.listing("carol")
    assert [(p.product_id, p.max_quantity) for p in listed.products] == [
        ("apple", 0),
        ("fig", 2),
        ("pear", 2),
    ]


async def test_what_is_granted_already_changes_nothing(service: Service) -> None:
    assert await service.grant("alice", "apple") == 3
    assert await service.grant("alice", "apple", unit_price_micros=1000) == 3
    assert await service.grant("alice", "apple", unit_price_micros=0) == 4
    assert (await service.listing()).products[0].unit_price_micros == 0


async def test_granting_unknown_products_names_them_and_changes_nothing(service: Service) -> None:
    for validate_only in (False, True):
        refused = await refusal(
            service.grant("alice", "fig", "nope", "apple", "nada", validate_only=validate_only)
        )
        assert set(refused.violations) == {"product_ids[1]", "product_ids[3]"}
    assert len((await service.listing()).products) == 2


async def test_not_all_of_many_unknown_products_are_named(service: Service) -> None:
    refused = await refusal(service.grant("alice", "fig", *(f"nope-{n}" for n in range(1000))))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert len(refused.violations) == MAX_VIOLATIONS


async def test_revoking_takes_away_once(service: Service) -> None:
    assert await service.revoke("alice", "pear", "fig", "no-such") == 4
    assert await service.revoke("alice", "pear") == 4
    assert [p.product_id for p in (await service.listing()).products] == ["apple"]


async def test_validate_only_changes_nothing(service: Service) -> None:
    assert await service.grant("alice", "fig", validate_only=True) == 3
    assert await service.revoke("alice", "apple", validate_only=True) == 3
    assert len((await service.listing()).products) == 2


async def test_a_rule_broken_names_the_field(service: Service) -> None:
    refused = await refusal(service.grant("alice", "apple", "apple", max_quantity=-1))
    assert set(refused.violations) == {"product_ids[1]", "max_quantity"}


async def test_concurrent_grants_get_distinct_consecutive_revisions(service: Service) -> None:
    revisions = await asyncio.gather(
        *(service.grant(f"user-{number}", "apple") for number in range(20))
    )
    assert sorted(revisions) == list(range(4, 24))


async def test_a_locked_database_is_unavailable_and_then_works_again(lab: Lab) -> None:
    async with lab.service(database_timeout_s=0.05) as service:
        database = lab.database()
        with database.writing() as connection:
            Writer(connection, lab.clock, 1000)
            refused = await refusal(service.grant("alice", "fig"))
            assert refused.reason == errors.StorageUnavailable.reason
            assert (await service.listing()).revision == 3, "readers do not wait for a writer"
        database.close()
        assert await service.grant("alice", "fig") == 4


async def health(port: int) -> int:
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service="shop.products.v1.ProductsService")
        return int((await stub.Check(request, timeout=10)).status)


async def test_health_tells_of_keys_and_database(lab: Lab) -> None:
    async with lab.service() as service:
        assert await health(service.port) == health_pb2.HealthCheckResponse.SERVING


async def test_without_users_keys_it_does_not_serve(lab: Lab) -> None:
    (lab.folder / "users.json").unlink()
    async with lab.service() as service:
        with pytest.raises(grpc.RpcError) as caught:
            await service.listing()
        assert await health(service.port) == health_pb2.HealthCheckResponse.NOT_SERVING
    assert error_from(caught.value).reason == errors.KeysUnavailable.reason
