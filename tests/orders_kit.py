"""What tests of the orders service need besides it: keys, users' tokens, and signed state."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shop.orders.v1.orders_pb2 import OrderLine, PlaceOrderRequest
from shop.state.v1 import state_pb2 as v1
from shop.state.v2 import state_pb2 as v2
from waybill.metadata import AUTHORIZATION, STRATEGY, Entry, state_key
from waybill.signing import SigningKey, public_jwks, seal, sign_jwt
from waybill.strategy import Strategy
from waybill.v1.envelope_pb2 import Envelope

TTL_S = 300


def now() -> int:
    return int(time.time())


@dataclass
class Issuers:
    """The user issuer and the products service, as far as the orders service can tell."""

    folder: Path
    database_url: str = ""
    """Of orders; empty for a file in the folder."""
    users: SigningKey = field(default_factory=SigningKey.generate)
    products: SigningKey = field(default_factory=SigningKey.generate)

    def __post_init__(self) -> None:
        self.database_url = self.database_url or f"sqlite:///{self.folder / 'orders.db'}"
        self.publish()

    def publish(self) -> None:
        (self.folder / "users.json").write_text(public_jwks([self.users]))
        (self.folder / "products.json").write_text(public_jwks([self.products]))

    def settings(self, **others: object) -> dict[str, Any]:
        """Values for every setting of the orders service that has no default."""
        return {
            "port": 0,
            "user_keys": self.folder / "users.json",
            "state_keys": self.folder / "products.json",
            "database_url": self.database_url,
            "service_token_file": self.folder / "service-token",
            "replica_path": self.folder / "replica",
            "strategies": (Strategy.METADATA_JWT, Strategy.MESSAGE_FIELD),
            **others,
        }

    def credential(self, subject: str) -> Entry:
        claims = _claims("waybill-dev", "shop", subject)
        return AUTHORIZATION, f"Bearer {sign_jwt(claims, self.users, typ='at+jwt')}"

    def token(
        self,
        subject: str,
        grants: Mapping[str, int],
        *,
        version: int = 2,
        revision: int = 7,
        price: int | None = 5,
        **claims: object,
    ) -> Entry:
        """State as a metadata entry; `grants` is maximum quantity by product id."""
        content: dict[str, object] = {
            "products": list(grants),
            "grants": [[product_id, most, price] for product_id, most in grants.items()],
        }
        every = {**_claims("products", "orders", subject), "rev": revision, **content, **claims}
        key = state_key(version)
        return key, sign_jwt(every, self.products, typ=f"{key}+jwt")

    def envelope(
        self,
        subject: str,
        grants: Mapping[str, int],
        *,
        version: int = 2,
        revision: int = 7,
        price: int | None = 5,
    ) -> Envelope:
        """State as an envelope; `grants` is maximum quantity by product id."""
        message = v2.AccessState() if version == 2 else v1.AccessState()
        message.issuer, message.audience, message.subject = "products", "orders", subject
        message.revision = revision
        message.issue_time.seconds, message.expire_time.seconds = now(), now() + TTL_S
        if isinstance(message, v1.AccessState):
            message.product_ids.extend(grants)
        else:
            message.grants.extend(
                v2.Grant(product_id=each, max_quantity=most, unit_price_micros=price)
                for each, most in grants.items()
            )
        return seal(message, self.products)

    def call(self, subject: str, strategy: Strategy, *state: Entry) -> tuple[Entry, ...]:
        """The metadata of a call."""
        return self.credential(subject), (STRATEGY, strategy.value), *state


def place(
    request_id: str,
    lines: Mapping[str, int],
    *,
    state: Iterable[Envelope] = (),
    validate_only: bool = False,
    min_revision: int = 0,
) -> PlaceOrderRequest:
    return PlaceOrderRequest(
        request_id=request_id,
        lines=[OrderLine(product_id=each, quantity=quantity) for each, quantity in lines.items()],
        validate_only=validate_only,
        min_revision=min_revision,
        state=state,
    )


def _claims(issuer: str, audience: str, subject: str) -> dict[str, object]:
    return {"iss": issuer, "aud": audience, "sub": subject, "iat": now(), "exp": now() + TTL_S}
