"""Merkle trees after RFC 9162, section 2.1, with SHA-256: roots, and proofs of one or more leaves.

A leaf is hashed after a byte 0, two nodes after a byte 1, so that neither can pass for the other
(section 2.1.1). The tree of the RFC is the one that pairs the nodes of each level from the left and
takes a last one without a partner up unchanged, so all functions here go level by level.

A path is the concatenated hashes, 32 bytes each, that lead from leaves to the root: level by level
from the leaves up, on each level from left to right, without those that the leaves give themselves.
For one leaf that is the inclusion proof of the RFC (section 2.1.3) in its order. For several leaves
the RFC has no form.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from struct import Struct

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()

_LEAF = b"\x00"
_NODE = b"\x01"
_node = sha256(_NODE).copy
"""A hasher that has seen the prefix of nodes; on the reader's hot path cheaper than a new one."""


class BadPath(Exception):
    """The path is not one from these places in a tree of this size. Internal: callers refuse."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf's content."""
    return sha256(_LEAF + leaf).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """The hashes of several leaves' contents."""
    return [sha256(_LEAF + leaf).digest() for leaf in leaves]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node above two hashes."""
    return sha256(_NODE + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """All hashes of a tree: the leaves' on level 0, the root alone on the last."""

    levels: tuple[Sequence[bytes], ...]

    @classmethod
    def of(cls, leaves: Iterable[bytes]) -> "Tree":
        """The tree over the content of `leaves`, in their order."""
        # Called for every listed page: comprehensions over the hashes themselves, without calls.
        level = leaf_hashes(leaves)
        levels = [level]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=False)
            above = [sha256(_NODE + left + right).digest() for left, right in pairs]
            if len(level) % 2:
                above.append(level[-1])
            levels.append(above)
            level = above
        return cls(tuple(levels))

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self.levels[0])

    @property
    def root(self) -> bytes:
        """The hash of the whole tree."""
        return self.levels[-1][0] if self.levels[0] else EMPTY_ROOT

    def path(self, positions: Sequence[int]) -> bytes:
        """The path from the leaves at `positions`, which rise and are counted from 0.

        Raises:
            ValueError: the positions do not rise, or lie outside of the tree, or there are none.
        """
        if not are_positions(positions, self.size):
            raise ValueError("positions must rise within the tree")
        found: list[bytes] = []
        known = list(positions)
        for level in self.levels[:-1]:
            found += [level[each] for each in _missing(known, len(level))]
            known = sorted({position // 2 for position in known})
        return b"".join(found)


def are_positions(positions: Sequence[int], size: int) -> bool:
    """Whether `positions` are rising places, at least one, in a tree of `size` leaves."""
    if not positions or positions[0] < 0 or positions[-1] >= size:
        return False
    return len(positions) == 1 or all(map(int.__lt__, positions, positions[1:]))


def _missing(known: Sequence[int], size: int) -> list[int]:
    """The partners on a level of `size` nodes that the `known` nodes need and are not known."""
    have = set(known)
    partners = (position ^ 1 for position in known)
    return [each for each in partners if each < size and each not in have]


def root_from(size: int, positions: Sequence[int], leaves: Sequence[bytes], path: bytes) -> bytes:
    """The root of the tree of `size` leaves that has `leaves` at `positions`, if `path` is right.

    `leaves` are hashes as `leaf_hash` makes them. Whoever gives a wrong path, place, leaf or size
    gets another root or an error; so a root that is believed vouches for all of them.

    Raises:
        BadPath: `positions` are none of that tree, or `path` is too short or too long for them.
    """
    if len(leaves) != len(positions):
        raise BadPath("another number of places than leaves")
    if len(leaves) == 1:
        return _root_from_one(size, positions[0], leaves[0], path)
    if not are_positions(positions, size):
        raise BadPath("no such places in the tree")
    root, used = _root_from_many(size, positions, leaves, path)
    if used != len(path):
        raise BadPath("a path of another length")
    return root


def _root_from_one(size: int, position: int, root: bytes, path: bytes) -> bytes:
    """The root by the algorithm of RFC 9162, section 2.1.3.2, with its turns worked out before."""
    turns, split = _way_up(size, position)
    if len(path) != HASH_BYTES * len(turns):
        raise BadPath("a path of another length")
    for is_right, partner in zip(turns, split(path)):  # noqa: B905 (of one length)
        node = _node()
        if is_right:
            node.update(partner)
            node.update(root)
        else:
            node.update(root)
            node.update(partner)
        root = node.digest()
    return root


@lru_cache(maxsize=4096)
def _way_up(
    size: int, position: int
) -> tuple[tuple[bool, ...], Callable[[bytes], Sequence[bytes]]]:
    """For each node with a partner on the way up, whether it is the right one; splits a path."""
    if not 0 <= position < size:
        raise BadPath("no such place in the tree")
    turns: list[bool] = []
    last = size - 1
    while last:
        if position & 1 or position < last:
            turns.append(bool(position & 1))
        position >>= 1
        last >>= 1
    return tuple(turns), Struct(f"{HASH_BYTES}s" * len(turns)).unpack


def _root_from_many(
    size: int, positions: Sequence[int], leaves: Sequence[bytes], path: bytes
) -> tuple[bytes, int]:
    """The root, a level at a time, and how much of the path it takes."""
    used, last = 0, size - 1
    known = list(zip(positions, leaves, strict=True))
    while last and used <= len(path):
        known, used = _level_above(known, last, path, used)
        last >>= 1
    return known[0][1], used


def _level_above(
    known: Sequence[tuple[int, bytes]], last: int, path: bytes, used: int
) -> tuple[list[tuple[int, bytes]], int]:
    """The known nodes of the next level, and how much of the path has been used by then."""
    above: list[tuple[int, bytes]] = []
    waiting = iter(known)
    following = next(waiting, None)
    while following is not None:
        (position, left), following = following, next(waiting, None)
        if position & 1:
            left = node_hash(path[used : used + HASH_BYTES], left)
            used += HASH_BYTES
        elif following is not None and following[0] == position + 1:
            left, following = node_hash(left, following[1]), next(waiting, None)
        elif position < last:
            left = node_hash(left, path[used : used + HASH_BYTES])
            used += HASH_BYTES
        above.append((position >> 1, left))
    return above, used
