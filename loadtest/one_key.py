"""A key ring that never rotates."""

from dataclasses import dataclass

from waybill.signing import SigningKey


@dataclass(frozen=True, slots=True)
class OneKey:
    """The same key at each call."""

    key: SigningKey

    def current(self) -> SigningKey:
        """The key."""
        return self.key
