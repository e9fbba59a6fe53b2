"""Page proofs that are not what was issued."""

from collections.abc import Sequence

from waybill.page_proof import WholePage
from waybill.page_signing import PageSigner
from waybill.signing import SigningKey
from waybill.v1.page_proof_pb2 import PageProof, PageRoot
from waybill.values import State


def with_a_flipped_bit(proof: PageProof) -> PageProof:
    """One bit of each leaf flipped."""
    forged = PageProof()
    forged.CopyFrom(proof)
    for place, leaf in enumerate(proof.leaves):
        middle = len(leaf) // 2
        forged.leaves[place] = leaf[:middle] + bytes([leaf[middle] ^ 1]) + leaf[middle + 1 :]
    return forged


def signed_anew(
    proof: PageProof,
    key: SigningKey,
    family: str,
    *,
    issuer: str = "products",
    audience: str = "orders",
    version: int | None = None,
    more_leaves: Sequence[bytes] = (),
) -> PageProof:
    """A page of only the shown leaves and `more_leaves`, properly signed, all of them shown."""
    said = PageRoot.FromString(proof.statement)
    state = State(
        issuer=issuer,
        audience=audience,
        subject=said.subject,
        revision=said.revision,
        issue_time=said.issue_time,
        expire_time=said.issue_time + said.lifetime,
        content=None,
    )
    leaves = [*proof.leaves, *more_leaves]
    signer = PageSigner(family, proof.version if version is None else version)
    return WholePage(signer.sign(state, leaves, key)).narrowed(range(len(leaves)))
