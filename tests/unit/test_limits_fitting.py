"""How many ids fit is the largest number of which an order passes, and one more does not."""

import io

import pytest

from loadtest.limits.carriages import (
    CONSTANT,
    ENCODINGS,
    HANDLE,
    MOST_IDS,
    PROOF_V2,
    TOKENS,
    Carriage,
    carriages,
)
from loadtest.limits.fit_tables import fits_tables, weights_table
from loadtest.limits.fitting import GRPCIO_REQUEST, fits, most_ids, weights
from loadtest.table import WIDTH, console
from mesh.known import HeaderLimits, KnownLimits
from products_svc.catalogue.ids import IdKind
from tests.unit.crypto_kit import key_of
from waybill.algorithms import ALGORITHMS

SERVER = KnownLimits("1", "server", {"request": HeaderLimits(8192, 32)})
CLIENT = KnownLimits("1", "client", {"initial": HeaderLimits(8192, 32)})
RESPONSE = KnownLimits(
    "1", "path", {"request": HeaderLimits(8192, 32), "initial": HeaderLimits(4096, 0)}
)
PLAIN = ("jwt v1", "jwt v2")
"""Encodings that are quick to make."""
WAYS = carriages({algorithm: key_of(algorithm) for algorithm in ALGORITHMS})


def ways(*encodings: str, algorithm: str | None = None) -> list[Carriage]:
    return [w for w in WAYS if w.encoding in encodings and algorithm in (None, w.algorithm)]


def test_every_encoding_is_there_with_every_algorithm() -> None:
    assert {way.encoding for way in WAYS} == set(ENCODINGS)
    for encoding in ENCODINGS:
        signed = {way.algorithm for way in ways(encoding)}
        assert signed == ({""} if encoding == HANDLE else set(ALGORITHMS))


@pytest.mark.parametrize("way", ways(*PLAIN), ids=lambda w: f"{w.encoding} {w.algorithm}")
@pytest.mark.parametrize("kind", IdKind)
def test_one_more_id_does_not_fit(kind: IdKind, way: Carriage) -> None:
    limits = SERVER.directions["request"]
    most = most_ids(limits, GRPCIO_REQUEST, lambda n: way.entry(kind, n))
    assert limits.allows([*GRPCIO_REQUEST, way.entry(kind, most)])
    assert not limits.allows([*GRPCIO_REQUEST, way.entry(kind, most + 1)])


def test_packing_makes_room() -> None:
    (plain,), (packed,) = (ways(e, algorithm="EdDSA") for e in ("jwt v1", "jwt v1 packed"))
    assert len(packed.entry(IdKind.INT, 500)[1]) < len(plain.entry(IdKind.INT, 500)[1]) / 2


def test_a_longer_signature_takes_its_room() -> None:
    for encoding in TOKENS:
        sizes = {w.algorithm: len(w.entry(IdKind.SKU, 10)[1]) for w in ways(encoding)}
        assert sizes["EdDSA"] == sizes["ES256"]
        assert sizes["RS256"] == sizes["EdDSA"] + 256, "192 bytes more, in base64"


def test_an_authorization_takes_its_room() -> None:
    found = fits({"server": SERVER}, ways(*PLAIN, algorithm="EdDSA"), (0, 1024))
    alone = [fit.ids or 0 for fit in found if fit.authorization_bytes == 0]
    beside = [fit.ids or 0 for fit in found if fit.authorization_bytes == 1024]
    assert len(alone) == len(beside) == 10
    assert all(more > less for more, less in zip(alone, beside, strict=True))


def test_a_smaller_response_decides() -> None:
    for found in fits({"hop": RESPONSE}, ways(*PLAIN, algorithm="EdDSA"), (0,)):
        assert found.initial_ids == found.ids
        assert found.request_ids is not None
        assert found.ids is not None
        assert found.request_ids > found.ids


def test_no_page_holds_more_than_its_most() -> None:
    (way,) = ways("jwt v1", algorithm="EdDSA")
    assert most_ids(HeaderLimits(), (), lambda n: way.entry(IdKind.INT, n)) == MOST_IDS


def test_proofs_and_handles_pass_whatever_the_page_holds() -> None:
    for found in fits({"hop": RESPONSE}, ways(*CONSTANT), (0, 1024)):
        assert found.request_ids == MOST_IDS
        assert found.initial_ids == (MOST_IDS if found.encoding == HANDLE else None)
        assert found.capped


def test_a_page_with_proofs_is_not_in_the_header_of_its_answer() -> None:
    for found in fits({"client": CLIENT}, ways(PROOF_V2), (0,)):
        assert found.ids is None


def test_weights_are_those_that_the_budgets_count() -> None:
    for weight in weights(ways(*CONSTANT)):
        if weight.encoding == HANDLE:
            assert weight.list_bytes == 71
        elif weight.page_ids == 100:
            assert weight.list_bytes <= (600 if weight.algorithm != "RS256" else 857)


def test_all_is_shown_within_100_columns() -> None:
    found = fits(
        {"grpcio server:tuned": SERVER, "hop": RESPONSE, "client": CLIENT},
        ways(*PLAIN, *CONSTANT),
        (0, 1024),
    )
    out = io.StringIO()
    for table in (weights_table(weights(ways(*PLAIN, *CONSTANT))), *fits_tables(found)):
        console(out).print(table)
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "…" not in text
    for word in ("page-proof v2", "reference", "RS256", "≥10,000", "ES256"):
        assert word in text
