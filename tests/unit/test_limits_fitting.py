"""How many ids fit is the largest number whose token passes, and one more does not."""

import pytest

from loadtest.limits.fitting import ENCODINGS, GRPCIO_REQUEST, MOST_IDS, Tokens, fits, most_ids
from mesh.known import HeaderLimits, KnownLimits
from products_svc.catalogue.ids import IdKind
from waybill.signing import SigningKey

SERVER = KnownLimits("1", "server", {"request": HeaderLimits(8192, 32)})
RESPONSE = KnownLimits(
    "1", "path", {"request": HeaderLimits(8192, 32), "initial": HeaderLimits(4096, 0)}
)


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens(SigningKey.generate())


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", IdKind)
def test_one_more_id_does_not_fit(kind: IdKind, encoding: str, tokens: Tokens) -> None:
    limits = SERVER.directions["request"]
    most = most_ids(limits, GRPCIO_REQUEST, lambda n: tokens.entry(kind, encoding, n))
    assert limits.allows([*GRPCIO_REQUEST, tokens.entry(kind, encoding, most)])
    assert not limits.allows([*GRPCIO_REQUEST, tokens.entry(kind, encoding, most + 1)])


def test_an_authorization_takes_its_room(tokens: Tokens) -> None:
    found = fits({"server": SERVER}, tokens, (0, 1024))
    alone = [fit.ids for fit in found if fit.authorization_bytes == 0]
    beside = [fit.ids for fit in found if fit.authorization_bytes == 1024]
    assert all(more > less for more, less in zip(alone, beside, strict=True))


def test_a_smaller_response_decides(tokens: Tokens) -> None:
    for found in fits({"hop": RESPONSE}, tokens, (0,)):
        assert found.initial_ids == found.ids
        assert found.request_ids is not None
        assert found.request_ids > found.ids


def test_no_page_holds_more_than_its_most(tokens: Tokens) -> None:
    most = most_ids(HeaderLimits(), (), lambda n: tokens.entry(IdKind.INT, "jwt v1", n))
    assert most == MOST_IDS
