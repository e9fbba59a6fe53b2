"""Reading carried state: from the bytes of a call to what the call may rely on.

A call may carry several values, one for each page that it needs, and during a migration several
versions of each. A reader takes all values of the newest version that it has a decoder for and
looks at no other; if one of them fails, the call is refused.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Generic, TypeVar

from google.protobuf.message import DecodeError

from waybill.envelope import verify_envelope
from waybill.errors import StateInvalid, StateMissing, StateVersionUnsupported
from waybill.expectations import Expectations
from waybill.jwt import DEFAULT_MAX_BYTES, TokenReader, check_size
from waybill.keys import KeySource
from waybill.metadata import Entry, state_key
from waybill.minting import CLAIM, from_claim
from waybill.v1.envelope_pb2 import Envelope
from waybill.values import OnRead, State, VerifiedState, unnoticed
from waybill.verified_cache import Memory, Verified, VerifiedCache

Content = TypeVar("Content")
Claims = Mapping[str, Any]

_VERSION = r"([1-9][0-9]{0,3})"
_STATE_KEY_PREFIX = state_key(0).removesuffix("0")
_STATE_KEY = re.compile(re.escape(_STATE_KEY_PREFIX) + _VERSION)


class JwtStateReader(Generic[Content]):
    """Reads state from the metadata keys `waybill-state-v{n}`, one token each.

    Tokens have the type `waybill-state-v{n}+jwt` and the claims iss, aud, sub, iat, exp and `rev`
    (the revision), and may have `traceparent` (`waybill.minting`). `decoders` gives, for each
    version, what turns the claims into content; it raises ValueError, TypeError or LookupError for
    malformed ones, and ignores what it does not know.
    """

    def __init__(
        self,
        keys: KeySource,
        expectations: Expectations,
        *,
        decoders: Mapping[int, Callable[[Claims], Content]],
        max_bytes: int = DEFAULT_MAX_BYTES,
        cache: VerifiedCache | None = None,
        on_read: OnRead = unnoticed,
    ) -> None:
        self._on_read = on_read
        self._max_bytes = max_bytes
        self._expectations = expectations
        self._readers = {
            version: TokenReader(
                keys,
                typ=f"{state_key(version)}+jwt",
                expectations=expectations,
                max_bytes=max_bytes,
                cache=cache,
                convert=_StateOfClaims(expectations, decoder),
            )
            for version, decoder in decoders.items()
        }

    def read(
        self, metadata: Sequence[Entry], *, subject: str, min_revision: int
    ) -> list[VerifiedState[Content]]:
        """All state of the newest readable version, in the order in which it came.

        Raises:
            waybill.errors.StateMissing: the call carries none.
            waybill.errors.StateVersionUnsupported: only versions without a decoder.
            waybill.errors.StateTooLarge: over `max_bytes`, all values of all versions together.
            waybill.errors.StateInvalid: a value cannot be believed.
            waybill.errors.StateExpired: a value is past its expiry.
            waybill.errors.SubjectMismatch: a value is not `subject`'s.
            waybill.errors.StateSuperseded: a value is older than `min_revision`, or revoked.
            waybill.errors.KeysUnavailable: no keys are loaded.
        """
        found = _tokens_by_version(metadata)
        size_bytes = sum(len(token) for tokens in found.values() for token in tokens)
        check_size(size_bytes, self._max_bytes, self._expectations.refusals)
        version = newest_version(found.keys(), self._readers)
        states = [self._readers[version].read(token) for token in found[version]]
        for state in states:
            self._expectations.check_call(state, subject=subject, min_revision=min_revision)
        for state in states:
            self._on_read(state, version)
        return states


class _StateOfClaims(Generic[Content]):
    """Turns the claims of a token whose signature held into verified state."""

    def __init__(self, expectations: Expectations, decoder: Callable[[Claims], Content]) -> None:
        self._expectations = expectations
        self._decoder = decoder

    def __call__(self, claims: Claims) -> VerifiedState[Content]:
        state = State(
            issuer=claims["iss"],
            audience=self._expectations.audience,
            subject=claims["sub"],
            revision=claims["rev"],
            issue_time=claims["iat"],
            expire_time=claims["exp"],
            content=self._decoder(claims),
            minted_in=from_claim(claims.get(CLAIM)),
        )
        return self._expectations.verified(state)


class EnvelopeStateReader(Generic[Content]):
    """Reads state from envelopes whose payload type is of one family.

    `family` is the full name of the message with `{version}` where its number stands, such as
    `shop.state.v{version}.AccessState`. `decoders` gives, for each version, what turns the payload
    into a State; it raises ValueError, TypeError, LookupError or protobuf's DecodeError for a
    malformed one.
    """

    def __init__(
        self,
        keys: KeySource,
        expectations: Expectations,
        *,
        family: str,
        decoders: Mapping[int, Callable[[bytes], State[Content]]],
        max_bytes: int = DEFAULT_MAX_BYTES,
        cache: VerifiedCache | None = None,
        on_read: OnRead = unnoticed,
    ) -> None:
        self._on_read = on_read
        self._keys = keys
        self._family = family_pattern(family)
        self._decoders = decoders
        self._max_bytes = max_bytes
        self._expectations = expectations
        self._memory: Memory[VerifiedState[Content]] = Memory(cache, keys, expectations.is_past)

    def read(
        self, envelopes: Sequence[Envelope], *, subject: str, min_revision: int
    ) -> list[VerifiedState[Content]]:
        """All state of the newest readable version, in the order in which it came.

        Raises:
            WaybillError: as `JwtStateReader.read`. An envelope of another family is StateInvalid,
                authentic or not.
        """
        size_bytes = sum(envelope.ByteSize() for envelope in envelopes)
        check_size(size_bytes, self._max_bytes, self._expectations.refusals)
        found = self._by_version(envelopes)
        version = newest_version(found.keys(), self._decoders)
        states = [self._read(envelope, self._decoders[version]) for envelope in found[version]]
        for state in states:
            self._expectations.check_call(state, subject=subject, min_revision=min_revision)
        for state in states:
            self._on_read(state, version)
        return states

    def _by_version(self, envelopes: Sequence[Envelope]) -> dict[int, list[Envelope]]:
        found: dict[int, list[Envelope]] = {}
        for envelope in envelopes:
            match = self._family.fullmatch(envelope.payload_type)
            if match is None:
                raise StateInvalid("an envelope with another type of payload")
            found.setdefault(int(match[1]), []).append(envelope)
        return found

    def _read(
        self, envelope: Envelope, decoder: Callable[[bytes], State[Content]]
    ) -> VerifiedState[Content]:
        # Serialised again only to find it in the cache: equal bytes are equal envelopes. What is
        # verified is the payload as it came.
        data = envelope.SerializeToString(deterministic=True)
        digest = hashlib.sha256(data).digest()
        state = self._memory.recall(digest)
        if state is None:
            payload, key = verify_envelope(envelope, self._keys)
            state = self._expectations.verified(_decoded(decoder, payload))
            self._memory.keep(digest, Verified(state, key, state.expire_time), len(data))
        return state


def _decoded(decoder: Callable[[bytes], State[Content]], payload: bytes) -> State[Content]:
    try:
        return decoder(payload)
    except (DecodeError, LookupError, TypeError, ValueError):
        raise StateInvalid("a payload that its type's decoder refuses") from None


def family_pattern(family: str) -> re.Pattern[str]:
    """What matches the names of the messages of `family`, with the version as group 1.

    Raises:
        ValueError: it does not name the place of its `{version}`.
    """
    before, version, after = family.partition("{version}")
    if not version:
        raise ValueError("a family names the place of its `{version}`")
    return re.compile(re.escape(before) + _VERSION + re.escape(after))


def _tokens_by_version(metadata: Sequence[Entry]) -> dict[int, list[str]]:
    """The values under state keys, by version; metadata of other kinds is not ours to judge."""
    found: dict[int, list[str]] = {}
    for key, value in metadata:
        if not key.startswith(_STATE_KEY_PREFIX):
            continue  # nearly all of them, and cheaper than the pattern
        match = _STATE_KEY.fullmatch(key)
        if match is not None and isinstance(value, str):
            found.setdefault(int(match[1]), []).append(value)
    return found


def newest_version(found: Set[int], readable: Mapping[int, object]) -> int:
    """The newest version that came and can be read.

    Raises:
        waybill.errors.StateMissing: none came.
        waybill.errors.StateVersionUnsupported: what came cannot be read.
    """
    if not found:
        raise StateMissing
    versions = found & readable.keys()
    if not versions:
        raise StateVersionUnsupported
    return max(versions)
