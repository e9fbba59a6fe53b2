"""Proofs that entries belong to a signed page: narrowing them, and reading what came.

A page is signed once (`waybill.page_signing`). Its holder narrows it to the leaves of one call; the
reader computes the root from them and checks the one signature, or finds the root among those
that it has verified before. It asks nobody and needs no list.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, NamedTuple, TypeVar

from google.protobuf.message import DecodeError

from waybill.errors import StateInvalid, StateTooLarge
from waybill.expectations import Expectations
from waybill.keys import BadSignature, KeySet, KeySource, VerifyingKey
from waybill.merkle import BadPath, Tree, leaf_hashes, root_from
from waybill.metadata import PROOF, Entry
from waybill.minting import from_ids
from waybill.page_root import Page, head, key_hint, leaf_type, signed_bytes
from waybill.state_reader import newest_version
from waybill.v1.page_proof_pb2 import PageProof, PageRoot
from waybill.values import OnRead, State, VerifiedState, unnoticed
from waybill.verified_cache import Memory, Verified, VerifiedCache

Leaf = TypeVar("Leaf")
Decoder = Callable[[bytes, int], Leaf]
"""Turns a leaf and the revision of its page into content."""


_Shown = tuple[PageProof, list[bytes]]
"""A proof and its leaves, taken out of the message once."""


@dataclass(frozen=True, slots=True)
class ProofLimits:
    """Most of everything in one call, so that no call costs more than a few milliseconds.

    An honest order of a hundred products from a page of 10,000 each brings 60 KiB.
    """

    max_bytes: int = 128 * 1024
    max_proofs: int = 64
    max_leaves: int = 1_000


DEFAULT_LIMITS = ProofLimits()


class Proven(NamedTuple, Generic[Leaf]):
    """A page that was verified, and those of its leaves that were shown."""

    state: VerifiedState[Page]
    leaves: Sequence[Leaf]


class WholePage:
    """A page with all its leaves, as it is issued."""

    def __init__(self, proof: PageProof) -> None:
        """Takes what came; that it is what was signed is for the reader to find out."""
        self._proof = proof
        self.leaves: Sequence[bytes] = tuple(proof.leaves)
        self._tree = Tree.of(self.leaves)

    def narrowed(self, positions: Sequence[int]) -> PageProof:
        """The proof of only the leaves at `positions`, which rise and are counted from 0.

        Raises:
            ValueError: they do not rise, are outside of the page, or there are none.
        """
        whole = self._proof
        path = self._tree.path(positions)
        return PageProof(
            version=whole.version,
            statement=whole.statement,
            signature=whole.signature,
            key_hint=whole.key_hint,
            positions=() if _is_default(positions) else positions,
            leaves=[self.leaves[position] for position in positions],
            path=path,
        )


class PageProofReader(Generic[Leaf]):
    """Reads proofs whose leaves are of one family of types.

    `family` is the full name of the leaves' message with `{version}` where its number stands, such
    as `shop.state.v{version}.Grant`. `decoders` gives, for each version, what turns a leaf into
    content; it raises ValueError, TypeError, LookupError or protobuf's DecodeError for a malformed
    one.
    """

    def __init__(
        self,
        keys: KeySource,
        expectations: Expectations,
        *,
        family: str,
        decoders: Mapping[int, Decoder[Leaf]],
        limits: ProofLimits = DEFAULT_LIMITS,
        cache: VerifiedCache | None = None,
        on_read: OnRead = unnoticed,
    ) -> None:
        self._on_read = on_read
        self._limits = limits
        self._versions = {
            version: _OneVersion(keys, leaf_type(family, version), decoder, expectations, cache)
            for version, decoder in decoders.items()
        }

    def read(
        self,
        metadata: Iterable[Entry],
        proofs: Sequence[PageProof],
        *,
        subject: str,
        min_revision: int,
    ) -> list[Proven[Leaf]]:
        """What the proofs of `metadata` (key `waybill-proof-bin`) and of the message show.

        Of several versions, those of the newest readable one.

        Raises:
            waybill.errors.StateMissing: the call carries none.
            waybill.errors.StateVersionUnsupported: only versions without a decoder.
            waybill.errors.StateTooLarge: over the limits, all proofs together.
            waybill.errors.StateInvalid: a proof cannot be believed.
            waybill.errors.StateExpired: a page is past its expiry.
            waybill.errors.SubjectMismatch: a page is not `subject`'s.
            waybill.errors.StateSuperseded: a page is older than `min_revision`, or revoked.
            waybill.errors.KeysUnavailable: no keys are loaded.
        """
        found = self._within_limits(metadata, proofs)
        version = self._newest_version(found)
        one_version = self._versions[version]
        proven: list[Proven[Leaf]] = []
        for proof, leaves in found:
            if proof.version == version:
                proven.append(one_version.read(proof, leaves, subject, min_revision))
        for page in proven:
            self._on_read(page.state, version)
        return proven

    def _newest_version(self, found: Sequence[_Shown]) -> int:
        if len(found) == 1 and found[0][0].version in self._versions:
            return found[0][0].version  # nearly always, and cheaper
        return newest_version({proof.version for proof, _ in found}, self._versions)

    def _within_limits(
        self, metadata: Iterable[Entry], proofs: Sequence[PageProof]
    ) -> list[_Shown]:
        limits = self._limits
        values: list[bytes] = []
        size_bytes = 0
        for key, value in metadata:  # loops, since each comprehension is a call
            if key == PROOF and isinstance(value, bytes):
                values.append(value)
                size_bytes += len(value)
        for proof in proofs:
            size_bytes += proof.ByteSize()
        if size_bytes > limits.max_bytes:
            raise _too_many("bytes", size_bytes, limits.max_bytes)
        return self._opened([*map(decode_proof, values), *proofs])

    def _opened(self, proofs: Sequence[PageProof]) -> list[_Shown]:
        limits = self._limits
        if len(proofs) > limits.max_proofs:
            raise _too_many("proofs", len(proofs), limits.max_proofs)
        found: list[_Shown] = []
        count = 0
        for proof in proofs:
            leaves = proof.leaves[:]
            count += len(leaves)
            found.append((proof, leaves))
        if count > limits.max_leaves:
            raise _too_many("leaves", count, limits.max_leaves)
        return found


class _OneVersion(Generic[Leaf]):
    """Reads the proofs of one type of leaf."""

    def __init__(
        self,
        keys: KeySource,
        kind: str,
        decoder: Decoder[Leaf],
        expectations: Expectations,
        cache: VerifiedCache | None,
    ) -> None:
        self._keys = keys
        self._decoder = decoder
        self._expectations = expectations
        self._head = head(expectations.issuer, expectations.audience, kind)
        self._memory: Memory[VerifiedState[Page]] = Memory(cache, keys, expectations.is_past)

    def read(
        self, proof: PageProof, leaves: Sequence[bytes], subject: str, min_revision: int
    ) -> Proven[Leaf]:
        state = self._verified(proof, leaf_hashes(leaves))
        self._expectations.check_call(state, subject=subject, min_revision=min_revision)
        revision, decoder = state.revision, self._decoder
        try:
            return Proven(state, [decoder(leaf, revision) for leaf in leaves])
        except (DecodeError, LookupError, TypeError, ValueError):
            raise StateInvalid("a leaf that its type's decoder refuses") from None

    def _verified(self, proof: PageProof, hashes: Sequence[bytes]) -> VerifiedState[Page]:
        """The page that the leaves of `hashes` are of."""
        statement, signature = proof.statement, proof.signature
        digest = sha256(b"%b%b%d" % (signature, statement, len(statement))).digest()
        state = self._memory.recall(digest)
        if state is None:
            return self._verified_anew(proof, hashes, digest)
        if _root(state.content.tree_size, proof, hashes) != state.content.root_hash:
            raise StateInvalid("a proof that does not lead to its root")
        return state

    def _verified_anew(
        self, proof: PageProof, hashes: Sequence[bytes], digest: bytes
    ) -> VerifiedState[Page]:
        said = _decoded_statement(proof.statement)
        page = Page(said.tree_size, _root(said.tree_size, proof, hashes))
        key = self._signer(proof, page.root_hash)
        state = self._expectations.verified(self._state(said, page))
        weight = len(proof.statement) + len(proof.signature)
        self._memory.keep(digest, Verified(state, key, state.expire_time), weight)
        return state

    def _signer(self, proof: PageProof, root_hash: bytes) -> VerifyingKey:
        """The trusted key that signed the page of that root."""
        message = signed_bytes(self._head, proof.statement, root_hash)
        for key in _hinted_keys(self._keys, proof.key_hint):
            try:
                key.verify(proof.signature, message)
            except BadSignature:
                continue
            return key
        raise StateInvalid("no trusted key signed this page")

    def _state(self, said: PageRoot, page: Page) -> State[Page]:
        return State(
            issuer=self._expectations.issuer,  # both are in what the signature covers
            audience=self._expectations.audience,
            subject=said.subject,
            revision=said.revision,
            issue_time=said.issue_time,
            expire_time=said.issue_time + said.lifetime,
            content=page,
            minted_in=from_ids(said.trace_id, said.span_id),
        )


def decode_proof(data: bytes) -> PageProof:
    """The proof that `data` is.

    Unlike an envelope it may be spelt in several ways: nothing depends on its own bytes.

    Raises:
        waybill.errors.StateInvalid: it is none.
    """
    try:
        return PageProof.FromString(data)
    except DecodeError:
        raise StateInvalid("not a page proof") from None


def _decoded_statement(statement: bytes) -> PageRoot:
    try:
        return PageRoot.FromString(statement)
    except DecodeError:
        raise StateInvalid("not a statement about a page") from None


def _root(size: int, proof: PageProof, hashes: Sequence[bytes]) -> bytes:
    try:
        return root_from(size, proof.positions[:] or range(len(hashes)), hashes, proof.path)
    except BadPath:
        raise StateInvalid("a proof of another shape") from None


def _hinted_keys(keys: KeySource, hint: int) -> Sequence[VerifyingKey]:
    """The trusted keys that `hint` may mean, after a second look by the source if need be."""
    return _meant(keys.current(), hint) or _meant(
        keys.current(missing=f"a key with the hint {hint:08x}"), hint
    )


def _meant(keys: KeySet, hint: int) -> Sequence[VerifyingKey]:
    return [key for key in keys if key_hint(key.key_id) == hint]


def _too_many(what: str, count: int, most: int) -> StateTooLarge:
    return StateTooLarge(facts={what: str(count), f"max_{what}": str(most)})


def _is_default(positions: Sequence[int]) -> bool:
    """Whether `positions` are 0, 1, 2 and so on, which need not be said."""
    return positions[-1] == len(positions) - 1
