"""The development login: signs user tokens with a key of its own, made on first use.

Production has an identity provider instead; the services know it by issuer, audience and key set
only, so nothing else changes.
"""

import time
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from client.private_file import make_private_folder
from shop.products.v1.products_pb2 import RevokeAccessRequest
from waybill.serving.rules import RuleTable
from waybill.signing import SigningKey, SigningKeyFile, public_jwks, sign_jwt

ISSUER: Final = "waybill-dev"
AUDIENCE: Final = "shop"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - RFC 9068's name for access tokens
PRIVATE_KEYS: Final = "users-signing-keys.json"
PUBLIC_KEYS: Final = "users-jwks.json"
ROLES: Final = ("admin", "service")


class DevIssuer:
    """Issues user tokens with the key in `folder`, and keeps the public key set beside it."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.public_keys = folder / PUBLIC_KEYS
        self._folder = folder
        self._keys = SigningKeyFile(folder / PRIVATE_KEYS)
        self._clock = clock

    def token(self, subject: str, roles: Sequence[str] = (), ttl_s: int = 3600) -> str:
        """A token for `subject` that is good for `ttl_s` seconds from now.

        Raises:
            waybill.errors.InvalidRequest: `subject` breaks the contract's rule for subjects.
            ValueError: `ttl_s` is below 1, or the key file is malformed or not private.
            OSError: a file cannot be read or written.
        """
        _check_subject(subject)
        if ttl_s < 1:
            raise ValueError("a token must be good for at least 1 second")
        now = int(self._clock())
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + ttl_s,
        }
        if roles:
            claims["roles"] = list(roles)
        return sign_jwt(claims, self.ready()[0], typ=TOKEN_TYPE)

    def ready(self) -> Sequence[SigningKey]:
        """The keys, newest first, made if need be, with their public set written for services.

        Raises:
            ValueError: the key file is malformed or not private.
            OSError: a file cannot be read or written.
        """
        make_private_folder(self._folder)
        keys = self._keys.load_or_create()
        text = public_jwks(keys)
        if not self.public_keys.exists() or self.public_keys.read_text("utf-8") != text:
            self._keys.write_public(self.public_keys)
        return keys


def _check_subject(subject: str) -> None:
    """Hold `subject` to the rule that stands for every request."""
    rules = RuleTable.from_toml((resources.files("shop") / "rules.toml").read_text("utf-8"))
    rules.check(RevokeAccessRequest(subject=subject, product_ids=["any"]))
