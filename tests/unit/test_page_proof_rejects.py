"""Every way to forge a page proof without the key, and bytes at random: refused, never believed."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.crypto_kit import KEY, NOW, TTL_S, message_v1
from tests.unit.page_proof_kit import LEAVES, entry, names, reader, signed
from waybill.errors import StateInvalid, StateTooLarge, StateVersionUnsupported, WaybillError
from waybill.merkle import Tree, leaf_hash
from waybill.metadata import PROOF
from waybill.page_proof import ProofLimits, WholePage
from waybill.page_root import PAYLOAD_TYPE, head, key_hint, signed_bytes
from waybill.signing import seal
from waybill.v1.page_proof_pb2 import PageProof, PageRoot
from waybill.verified_cache import VerifiedCache

Change = Callable[[PageProof], None]
WHOLE = WholePage(signed())
EVES = WholePage(signed([b"eve's leaf", *LEAVES[1:]], subject="eve"))
OLDER = WholePage(signed([b"what was revoked", *LEAVES[1:]], revision=6))


def statement(**changes: object) -> bytes:
    said = PageRoot.FromString(WHOLE.narrowed([0]).statement)
    for name, value in changes.items():
        setattr(said, name, value)
    return said.SerializeToString(deterministic=True)


def replaced(**fields: object) -> Change:
    def change(proof: PageProof) -> None:
        for name, value in fields.items():
            if isinstance(value, list):
                del getattr(proof, name)[:]
                getattr(proof, name).extend(value)
            else:
                setattr(proof, name, value)

    return change


def the_proof_of(other: WholePage, position: int) -> Change:
    """Everything of another page's proof, under the first page's statement and signature."""
    theirs = other.narrowed([position])
    return replaced(positions=list(theirs.positions), leaves=list(theirs.leaves), path=theirs.path)


def a_node_as_a_leaf() -> Change:
    """The content of the node above leaves 2 and 3, in a tree of its level's size."""
    level = Tree.of(LEAVES).levels
    content = b"\x01" + level[0][2] + level[0][3]
    return replaced(
        leaves=[content],
        positions=[1],
        path=WHOLE.narrowed([2]).path[32:],
        statement=statement(tree_size=50),
    )


PATH = WHOLE.narrowed([3]).path
ENVELOPE = seal(message_v1(), KEY)

FORGERIES: dict[str, Change] = {
    "another root": the_proof_of(EVES, 0),
    "a leaf of another subject": replaced(leaves=[b"eve's leaf"]),
    "a proof of an older page": the_proof_of(OLDER, 0),
    "a leaf that is on no page": replaced(leaves=[b"everything"]),
    "another leaf of the page": replaced(leaves=[b"leaf 4"]),
    "another place": replaced(positions=[2]),
    "a place outside of the page": replaced(positions=[100]),
    "the largest place": replaced(positions=[2**32 - 1]),
    "the first place": replaced(positions=[]),
    "two places for one leaf": replaced(positions=[3, 4]),
    "one place twice": replaced(positions=[3, 3], leaves=[b"leaf 3", b"leaf 3"]),
    "falling places": replaced(positions=[4, 3], leaves=[b"leaf 4", b"leaf 3"]),
    "no leaf": replaced(positions=[], leaves=[]),
    "no leaf at a place": replaced(leaves=[]),
    "another size": replaced(statement=statement(tree_size=101)),
    "a size of one": replaced(statement=statement(tree_size=1), positions=[], path=b""),
    "no size": replaced(statement=statement(tree_size=0)),
    "a negative size": replaced(statement=statement(tree_size=-1)),
    "the largest size": replaced(statement=statement(tree_size=2**63 - 1)),
    "a longer life": replaced(statement=statement(lifetime=TTL_S * 1000)),
    "a later issue": replaced(statement=statement(issue_time=NOW + 1)),
    "a later revision": replaced(statement=statement(revision=8)),
    "another subject": replaced(statement=statement(subject="eve")),
    "an issuer in the statement": replaced(statement=statement(issuer="products")),
    "a root in the statement": replaced(statement=statement(root_hash=Tree.of(LEAVES).root)),
    "no statement": replaced(statement=b""),
    "a statement that is none": replaced(statement=b"\xff"),
    "a truncated path": replaced(path=PATH[:-32]),
    "a path cut in a hash": replaced(path=PATH[:-1]),
    "no path": replaced(path=b""),
    "an extended path": replaced(path=PATH + PATH[:32]),
    "a path with a byte too many": replaced(path=PATH + b"\0"),
    "a path in another order": replaced(path=PATH[32:] + PATH[:32]),
    "a node as a leaf": a_node_as_a_leaf(),
    "the hash of a leaf as the leaf": replaced(leaves=[leaf_hash(b"leaf 3")]),
    "no signature": replaced(signature=b""),
    "half a signature": replaced(signature=WHOLE.narrowed([3]).signature[:32]),
    "a signature and more": replaced(signature=WHOLE.narrowed([3]).signature + b"\0"),
    "the signature of another page": replaced(signature=EVES.narrowed([3]).signature),
    "the signature of an envelope": replaced(signature=ENVELOPE.signatures[0].signature),
    "another readable version": replaced(version=2),
}


@pytest.mark.parametrize("remembered", [False, True], ids=["cold", "after the true one"])
@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries(name: str, remembered: bool) -> None:
    patient = reader(cache=VerifiedCache(10, 10_000))
    proof = WHOLE.narrowed([3])
    if remembered:
        patient.read([entry(proof)], (), subject="ada", min_revision=0)
    FORGERIES[name](proof)
    assert proof != WHOLE.narrowed([3])
    for metadata, message in (([entry(proof)], []), ([], [proof])):
        with pytest.raises(StateInvalid):
            patient.read(metadata, message, subject="ada", min_revision=0)


def test_a_remembered_page_has_no_second_name() -> None:
    """Statement and signature are cut elsewhere, with the same bytes in a row."""
    patient = reader(cache=VerifiedCache(10, 10_000))
    proof = WHOLE.narrowed([3])
    patient.read([entry(proof)], (), subject="ada", min_revision=0)
    joined = proof.statement + proof.signature
    proof.statement, proof.signature = joined[:10], joined[10:]
    with pytest.raises(StateInvalid):
        patient.read([entry(proof)], (), subject="ada", min_revision=0)


def test_a_page_is_no_envelope_and_an_envelope_no_page() -> None:
    assert ENVELOPE.payload_type != PAYLOAD_TYPE
    front = head("products", "orders", "test.v1.Leaf")
    assert signed_bytes(front, b"", bytes(32)).startswith(b"DSSEv1 19 waybill.v1.PageRoot ")


def test_the_head_cannot_run_into_the_statement() -> None:
    """No two pairs of head and statement are the same bytes, whatever the parties are called."""
    assert head("a", "b", "c") + b"x" != head("a", "b", "cx")
    issuer = PageRoot(issuer="products").SerializeToString()
    assert issuer not in WHOLE.narrowed([0]).statement


@pytest.mark.parametrize("value", [b"", b"\xff", b"\x08", entry(signed())[1][:-1]])
def test_what_is_no_proof(value: bytes) -> None:
    with pytest.raises(WaybillError):
        reader().read([(PROOF, value)], (), subject="ada", min_revision=0)


GOOD = entry(WHOLE.narrowed([3, 40]))[1]
assert isinstance(GOOD, bytes)
GOOD_NAMES = names(WHOLE.narrowed([3, 40]))


@settings(max_examples=400)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_any_changed_byte(place: int, change: int) -> None:
    """It is refused, or says what it said: the proof's own spelling is free."""
    assert isinstance(GOOD, bytes)
    changed = GOOD[:place] + bytes([GOOD[place] ^ change]) + GOOD[place + 1 :]
    assert outcome(changed) in (None, GOOD_NAMES)


@given(st.binary(max_size=600))
def test_any_bytes(value: bytes) -> None:
    assert outcome(value) is None


@given(
    st.builds(
        PageProof,
        version=st.integers(0, 3),
        statement=st.binary(max_size=60) | st.just(WHOLE.narrowed([0]).statement),
        signature=st.binary(max_size=70) | st.just(WHOLE.narrowed([0]).signature),
        key_hint=st.just(key_hint(KEY.key_id)),
        positions=st.lists(st.integers(0, 2**32 - 1), max_size=5),
        leaves=st.lists(st.binary(max_size=20), max_size=5),
        path=st.binary(max_size=300),
    )
)
def test_any_proof(proof: PageProof) -> None:
    assert outcome(proof.SerializeToString()) is None


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_concatenated_proofs_are_no_proof_of_both(parts: list[bytes]) -> None:
    """Protobuf merges them into one, with the statement of the last."""
    both = entry(EVES.narrowed([0]))[1], entry(WHOLE.narrowed([3]))[1]
    assert outcome(b"".join(each for each in (*both, *parts) if isinstance(each, bytes))) is None


def outcome(value: bytes) -> list[str] | None:
    """What was believed, None where it was refused as it should be."""
    small = reader(limits=ProofLimits(max_bytes=10_000))
    try:
        pages = small.read([(PROOF, value)], (), subject="ada", min_revision=0)
    except (StateInvalid, StateVersionUnsupported, StateTooLarge):
        return None
    return [leaf for page in pages for leaf, _ in page.leaves]
