"""Page proofs beside other ways to prove the same: one of many products is granted to this subject.

Each peer issues for all products, presents one, and checks that one, as its documentation has it:
signature, expiry and subject included, nothing remembered from call to call. What a peer can do
beyond that (attenuation, a logic of its own, key binding) is not asked for here, and so not shown.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self

import biscuit_auth
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt as jose_jwt
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry
from jwcrypto.jwk import JWK
from pymacaroons import MACAROON_V2, Macaroon, Verifier
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from client.carriers.base import KeptPage
from client.carriers.table import CARRIERS
from loadtest.bench.carried import Primitive, Trade, page
from loadtest.bench.contest import Contest
from loadtest.finished import finished
from orders_svc.access import AccessQuery
from products_svc.catalogue.ids import IdKind
from products_svc.issuing import AccessPage
from waybill.strategy import Strategy
from waybill.values import CarriedState

SIZES = (100, 1_000, 10_000)
KIND = IdKind.SKU
ISSUE, CHECK = "prove: issue", "prove: check"
LIFETIME = timedelta(hours=1)
MAX_BYTES = 4 << 20


class Peer(Protocol):
    """One way to prove. `granted` is all products, `shown` the one that is ordered."""

    def issue(self) -> Any:
        """What the issuer makes for its customer."""
        ...

    def present(self, issued: Any) -> Any:
        """What the customer sends with an order."""
        ...

    def size_bytes(self, presented: Any) -> int:
        """Its bytes."""
        ...

    def check(self, presented: Any) -> bool:
        """Whether it proves that the product is granted."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """Who is granted what, and what is ordered of it."""

    page: AccessPage
    subject: str
    granted: Sequence[str]
    ordered: str

    @classmethod
    def about(cls, page: AccessPage) -> Self:
        """Whether the product in the middle of `page` is granted."""
        granted = [grant.product_id for grant in page.grants]
        return cls(page, page.subject, granted, granted[len(granted) // 2])

    def claims(self) -> dict[str, Any]:
        """The answer as claims of a token."""
        now = int(time.time())
        expiry = now + int(LIFETIME.total_seconds())
        said = {"iss": "products", "aud": "orders", "sub": self.subject, "iat": now, "exp": expiry}
        return {**said, "products": self.granted}

    def is_answered_by(self, claims: dict[str, Any]) -> bool:
        """Whether verified claims grant the product."""
        return claims["sub"] == self.subject and self.ordered in claims["products"]


class TextPeer:
    """A peer whose customer sends text as it came."""

    def present(self, issued: str) -> str:
        return issued

    def size_bytes(self, presented: str) -> int:
        return len(presented)


class PyJwt(TextPeer):
    """The list as a claim of a token."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._key = Ed25519PrivateKey.generate()
        self._public = self._key.public_key()

    def issue(self) -> str:
        return jwt.encode(self._question.claims(), self._key, algorithm="EdDSA")

    def check(self, presented: str) -> bool:
        claims = jwt.decode(
            presented, self._public, ["EdDSA"], audience="orders", issuer="products"
        )
        return self._question.is_answered_by(claims)


class Joserfc(TextPeer):
    """The same, by another library."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._key = OKPKey.generate_key("Ed25519")
        self._rules = jose_jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": "products"},
            aud={"essential": True, "value": "orders"},
            exp={"essential": True},
        )
        self._registry = JWSRegistry(algorithms=["Ed25519"])
        self._registry.max_payload_length = MAX_BYTES  # its own limit is 128,000

    def issue(self) -> str:
        claims = self._question.claims()
        return jose_jwt.encode({"alg": "Ed25519"}, claims, self._key, registry=self._registry)

    def check(self, presented: str) -> bool:
        token = jose_jwt.decode(presented, self._key, registry=self._registry)
        self._rules.validate(token.claims)
        return self._question.is_answered_by(token.claims)


class SdJwt(TextPeer):
    """A digest of each product in the token, and the customer discloses one (RFC 9901)."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._key = JWK.generate(kty="OKP", crv="Ed25519")

    def issue(self) -> str:
        claims = self._question.claims()
        claims["products"] = [SDObj(each) for each in claims["products"]]
        issuer = SDJWTIssuer(claims, self._key, sign_alg="EdDSA")
        return str(issuer.sd_jwt_issuance)

    def present(self, issued: str) -> str:
        holder, question = SDJWTHolder(issued), self._question
        ordered = question.ordered
        holder.create_presentation({"products": [each == ordered for each in question.granted]})
        return str(holder.sd_jwt_presentation)

    def check(self, presented: str) -> bool:
        claims = SDJWTVerifier(presented, lambda *_: self._key).get_verified_payload()
        in_time = claims["iat"] <= time.time() < claims["exp"]
        right_parties = (claims["iss"], claims["aud"]) == ("products", "orders")
        return in_time and right_parties and self._question.is_answered_by(claims)


class Macaroons(TextPeer):
    """The list as a caveat under a chain of HMACs: whoever can check can also issue."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._key = "a secret that both services know"

    def issue(self) -> str:
        claims = self._question.claims()
        macaroon = Macaroon("products", "grants", self._key, version=MACAROON_V2)
        macaroon.add_first_party_caveat(f"aud = {claims['aud']}")
        macaroon.add_first_party_caveat(f"sub = {claims['sub']}")
        macaroon.add_first_party_caveat(f"exp = {claims['exp']}")
        macaroon.add_first_party_caveat(f"products = {' '.join(claims['products'])}")
        return str(macaroon.serialize())

    def check(self, presented: str) -> bool:
        verifier = Verifier()
        verifier.satisfy_exact("aud = orders")
        verifier.satisfy_exact(f"sub = {self._question.subject}")
        verifier.satisfy_general(self._holds)
        return bool(verifier.verify(Macaroon.deserialize(presented), self._key))

    def _holds(self, caveat: str) -> bool:
        name, _, value = caveat.partition(" = ")
        if name == "exp":
            return time.time() < int(value)
        return name == "products" and self._question.ordered in value.split()


class Biscuit:
    """A fact for each product under Ed25519, and a policy that asks for one of them."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._key = biscuit_auth.KeyPair()

    def issue(self) -> bytes:
        question, expiry = self._question, datetime.now(UTC) + LIFETIME
        builder = biscuit_auth.BiscuitBuilder(
            'subject({subject}); audience("orders"); check if time($now), $now < {expiry};',
            {"subject": question.subject, "expiry": expiry},
        )
        for each in question.granted:
            builder.add_fact(biscuit_auth.Fact("right({product})", {"product": each}))
        return bytes(builder.build(self._key.private_key).to_bytes())

    def present(self, issued: bytes) -> bytes:
        return issued

    def size_bytes(self, presented: bytes) -> int:
        return len(presented)

    def check(self, presented: bytes) -> bool:
        token = biscuit_auth.Biscuit.from_bytes(presented, self._key.public_key)
        builder: Any = biscuit_auth.AuthorizerBuilder(  # whose stubs lack its limits
            'allow if subject({subject}), audience("orders"), right({product});',
            {"subject": self._question.subject, "product": self._question.ordered},
        )
        limits = builder.limits()
        limits.max_facts, limits.max_time = 100_000, timedelta(seconds=10)
        builder.set_limits(limits)
        builder.set_time()
        return bool(builder.build(token).authorize() == 0)


class PageProof:
    """This project's: a Merkle proof under one signature."""

    def __init__(self, question: Question) -> None:
        self._question = question
        trade = Trade()
        self._issuer = dict(trade.issuers())[Strategy.PAGE_PROOF]
        self._resolver = trade.resolver(Strategy.PAGE_PROOF, None)

    def issue(self) -> CarriedState:
        return finished(self._issuer.issue(self._question.page))

    def present(self, issued: CarriedState) -> CarriedState:
        page = KeptPage(frozenset(self._question.granted), 1, issued)
        return CARRIERS[Strategy.PAGE_PROOF].carry([page], [self._question.ordered])

    def size_bytes(self, presented: CarriedState) -> int:
        return sum(len(value) for _, value in presented.metadata)

    def check(self, presented: CarriedState) -> bool:
        ordered = self._question.ordered
        query = AccessQuery(
            subject=self._question.subject,
            product_ids=(ordered,),
            min_revision=0,
            metadata=presented.metadata,
            envelopes=(),
            time_left_s=None,
        )
        return ordered in finished(self._resolver.resolve(query))


PEERS: dict[str, Callable[[Question], Peer]] = {
    "page-proof": PageProof,
    "PyJWT": PyJwt,
    "joserfc": Joserfc,
    "sd-jwt": SdJwt,
    "pymacaroons": Macaroons,
    "biscuit": Biscuit,
}


def contests(ids: int, seed: int) -> Iterator[Contest]:
    """Issuing and checking by every peer, for a customer with `ids` products."""
    question = Question.about(page(ids, KIND, seed))
    for name, peer in PEERS.items():
        yield from _of_peer(name, peer(question), ids)


def _of_peer(name: str, peer: Peer, ids: int) -> Iterator[Contest]:
    presented = peer.present(peer.issue())
    if not peer.check(presented):
        raise ValueError(f"{name} does not prove what it should")
    primitive = Primitive(json.dumps("a short statement").encode())
    rows = (
        (ISSUE, "Ed25519 sign", peer.issue, primitive.sign),
        (CHECK, "Ed25519 verify", lambda: peer.check(presented), primitive.verify),
    )
    for step, floor_name, operation, floor in rows:
        yield Contest(
            step=step,
            strategy=name,
            ids=ids,
            id_kind=KIND.value,
            size_bytes=peer.size_bytes(presented),
            floor_name=floor_name,
            operation=operation,
            floor=floor,
        )
