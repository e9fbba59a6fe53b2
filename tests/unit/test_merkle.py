"""Merkle trees against published vectors, pymerkle, and every kind of change."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from waybill import merkle
from waybill.merkle import BadPath, Tree, leaf_hash, root_from

PUBLISHED_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""Leaves, roots and paths that the implementations of RFC 6962 share.

Certificate Transparency and Trillian, `merkle/log_verifier_test.go`.
"""
PUBLISHED_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PUBLISHED_PATHS = [
    (1, 0, []),
    (
        8,
        0,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        8,
        5,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (3, 2, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
]

LEAVES = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


@st.composite
def shown(draw: st.DrawFn) -> tuple[list[bytes], list[int]]:
    """Leaves, and the places of some of them."""
    leaves = draw(LEAVES)
    places = st.sets(st.integers(0, len(leaves) - 1), min_size=1)
    return leaves, sorted(draw(places))


def root_of_shown(leaves: list[bytes], positions: list[int], path: bytes) -> bytes:
    return root_from(len(leaves), positions, [leaf_hash(leaves[p]) for p in positions], path)


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    assert Tree.of(PUBLISHED_LEAVES[:size]).root.hex() == PUBLISHED_ROOTS[size]


@pytest.mark.parametrize(("size", "position", "path"), PUBLISHED_PATHS)
def test_published_paths(size: int, position: int, path: list[str]) -> None:
    assert Tree.of(PUBLISHED_LEAVES[:size]).path([position]).hex() == "".join(path)


def test_the_example_of_the_rfc() -> None:
    """RFC 9162, section 2.1.5: the tree of seven leaves and its inclusion proofs, by name."""
    data = [b"d%d" % number for number in range(7)]
    a, b, c, d, e, f, j = map(leaf_hash, data)
    g, h, i = merkle.node_hash(a, b), merkle.node_hash(c, d), merkle.node_hash(e, f)
    k, below = merkle.node_hash(g, h), merkle.node_hash(i, j)
    tree = Tree.of(data)
    assert tree.root == merkle.node_hash(k, below)
    assert tree.path([0]) == b + h + below
    assert tree.path([3]) == c + g + below
    assert tree.path([4]) == f + j + k
    assert tree.path([6]) == i + k


@given(LEAVES, st.data())
def test_agrees_with_pymerkle(leaves: list[bytes], data: st.DataObject) -> None:
    independent = InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        independent.append(leaf)
    tree = Tree.of(leaves)
    assert tree.root == independent.get_state()
    position = data.draw(st.integers(0, len(leaves) - 1))
    proof = independent.prove_inclusion(position + 1)
    assert tree.path([position]) == b"".join(proof.path[1:])
    assert root_of_shown(leaves, [position], b"".join(proof.path[1:])) == proof.resolve()


@given(shown())
def test_paths_lead_to_the_root(page: tuple[list[bytes], list[int]]) -> None:
    leaves, positions = page
    tree = Tree.of(leaves)
    assert root_of_shown(leaves, positions, tree.path(positions)) == tree.root


@given(LEAVES)
def test_all_leaves_need_no_path(leaves: list[bytes]) -> None:
    everything = list(range(len(leaves)))
    assert Tree.of(leaves).path(everything) == b""
    assert root_of_shown(leaves, everything, b"") == Tree.of(leaves).root


@given(shown())
def test_a_path_has_no_hash_that_the_leaves_give(page: tuple[list[bytes], list[int]]) -> None:
    leaves, positions = page
    tree = Tree.of(leaves)
    alone = sum(len(tree.path([position])) for position in positions)
    assert len(tree.path(positions)) <= alone
    given_by_leaves = {tree.levels[0][position] for position in positions}
    others = {tree.levels[0][each] for each in range(len(leaves)) if each not in positions}
    path = tree.path(positions)
    used = {path[start : start + 32] for start in range(0, len(path), 32)}
    assert not used & (given_by_leaves - others)


def outcome(size: int, positions: list[int], hashes: list[bytes], path: bytes) -> bytes | None:
    try:
        return root_from(size, positions, hashes, path)
    except BadPath:
        return None


@given(shown(), st.data())
def test_another_leaf(page: tuple[list[bytes], list[int]], data: st.DataObject) -> None:
    leaves, positions = page
    tree, hashes = Tree.of(leaves), [leaf_hash(leaves[each]) for each in positions]
    index = data.draw(st.integers(0, len(hashes) - 1))
    hashes[index] = hashlib.sha256(hashes[index]).digest()
    assert root_from(len(leaves), positions, hashes, tree.path(positions)) != tree.root


@given(shown(), st.data())
def test_another_place(page: tuple[list[bytes], list[int]], data: st.DataObject) -> None:
    leaves, positions = page
    tree, hashes = Tree.of(leaves), [leaf_hash(leaves[each]) for each in positions]
    path, index = tree.path(positions), data.draw(st.integers(0, len(hashes) - 1))
    positions[index] = data.draw(st.integers(-1, len(leaves)))
    by_place = dict(enumerate(tree.levels[0]))
    if [by_place.get(each) for each in positions] != hashes:  # equal leaves may change places
        assert outcome(len(leaves), positions, hashes, path) != tree.root


@given(shown(), st.data())
def test_another_byte_of_the_path(page: tuple[list[bytes], list[int]], data: st.DataObject) -> None:
    leaves, positions = page
    tree = Tree.of(leaves)
    path = bytearray(tree.path(positions))
    if path:
        path[data.draw(st.integers(0, len(path) - 1))] ^= data.draw(st.integers(1, 255))
        assert root_of_shown(leaves, positions, bytes(path)) != tree.root


@given(shown(), st.data())
def test_a_path_of_another_length(page: tuple[list[bytes], list[int]], data: st.DataObject) -> None:
    leaves, positions = page
    path = Tree.of(leaves).path(positions)
    longer = path + data.draw(st.binary(min_size=1, max_size=70))
    shorter = path[: data.draw(st.integers(0, max(0, len(path) - 1)))]
    for other in (longer, shorter):
        if other != path:
            with pytest.raises(BadPath):
                root_of_shown(leaves, positions, other)


@given(shown(), st.integers(-2, 200))
def test_another_size(page: tuple[list[bytes], list[int]], size: int) -> None:
    """A size that gives these leaves the same partners gives the same root: it has to be signed."""
    leaves, positions = page
    tree, hashes = Tree.of(leaves), [leaf_hash(leaves[each]) for each in positions]
    if steps(size, positions) != steps(len(leaves), positions):
        assert outcome(size, positions, hashes, tree.path(positions)) != tree.root


def steps(size: int, positions: list[int]) -> list[list[int]]:
    """The nodes above `positions` that have a partner, level by level."""
    taken, known, last = [], positions, size - 1
    while last > 0:
        taken.append([each for each in known if each ^ 1 <= last])
        known, last = sorted({each >> 1 for each in known}), last >> 1
    return [each for each in taken if each]


@given(
    st.integers(-(2**70), 2**70),
    st.lists(st.integers(-5, 2**64), max_size=8),
    st.lists(st.binary(max_size=40), max_size=8),
    st.binary(max_size=400),
)
def test_anything_is_a_root_or_refused(
    size: int, positions: list[int], hashes: list[bytes], path: bytes
) -> None:
    root = outcome(size, positions, hashes, path)
    assert root is None or len(root) == 32 or len(positions) == size == 1


@pytest.mark.parametrize("positions", [[], [-1], [3], [1, 1], [2, 1], [0, 3]])
def test_places_outside_of_the_tree(positions: list[int]) -> None:
    tree = Tree.of([b"a", b"b", b"c"])
    with pytest.raises(ValueError, match="rise"):
        tree.path(positions)
    with pytest.raises(BadPath):
        root_from(3, positions, [leaf_hash(b"a")] * len(positions), b"")


def test_a_node_is_no_leaf() -> None:
    """Second preimages: the content of a node, shown as a leaf, has another hash."""
    a, b = leaf_hash(b"a"), leaf_hash(b"b")
    tree = Tree.of([b"a", b"b"])
    assert leaf_hash(a + b) != tree.root
    assert root_from(1, [0], [leaf_hash(a + b)], b"") != tree.root


@pytest.mark.parametrize("size", [1, 2, 3, 100, 1_000, 10_000])
def test_a_path_grows_with_the_logarithm(size: int) -> None:
    tree = Tree.of(b"%d" % number for number in range(size))
    assert len(tree.path([size // 2])) <= 32 * (size - 1).bit_length()
