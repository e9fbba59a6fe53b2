"""Measuring the ladder: bytes and CPU time of a list, and the longest list that a hop lets by."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TypeVar

from loadtest.id_lists.carried import Hop, Tokens
from loadtest.id_lists.record import Crossing, ListSize
from loadtest.id_lists.universes import Universe
from loadtest.limits.carriages import MOST_IDS
from loadtest.limits.entries import Pair
from waybill import id_lists

ROUNDS = 3

Result = TypeVar("Result")


def list_sizes(universe: Universe, count: int, tokens: Tokens) -> Iterator[ListSize]:
    """A row for each rung."""
    ids = universe.ids[:count]
    coded = {rung: _timed(_encoder(ids, rung)) for rung in id_lists.CODECS}
    smallest = min(len(data) for data, _ in coded.values())
    for rung, (data, encode_us) in coded.items():
        _, decode_us = _timed(_decoder(data))
        yield ListSize(
            kind=universe.kind,
            ids=count,
            rung=rung,
            smallest=len(data) == smallest,
            size_bytes=len(data),
            bound_bytes=universe.bound_bytes(count),
            form_bytes=universe.form_bytes(count),
            token_bytes=len(tokens.entry(ids, rung)[1]),
            encode_us=encode_us,
            decode_us=decode_us,
        )


def crossings(universe: Universe, hops: Sequence[Hop], tokens: Tokens) -> Iterator[Crossing]:
    """A row for each rung and hop."""
    for rung in id_lists.CODECS:
        entry = _entries(universe, rung, tokens)
        for hop in hops:
            most = hop.most_ids(entry)
            yield Crossing(
                kind=universe.kind,
                rung=rung,
                hop=hop.name,
                limit_bytes=hop.limit_bytes,
                most_ids=most,
                passes_all=most == MOST_IDS,
            )


def _entries(universe: Universe, rung: str, tokens: Tokens) -> Callable[[int], Pair]:
    """By list length; each is made once, for all hops."""
    return cache(lambda count: tokens.entry(universe.ids[:count], rung))


def _encoder(ids: Sequence[str], rung: str) -> Callable[[], bytes]:
    return lambda: id_lists.encode(ids, rung)


def _decoder(data: bytes) -> Callable[[], Sequence[str]]:
    return lambda: id_lists.decode(data)


def _timed(operation: Callable[[], Result]) -> tuple[Result, float]:
    """What `operation` gives, and the least CPU time it took, in microseconds."""
    spent = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        result = operation()
        spent.append((time.process_time() - begin) * 1e6)
    return result, min(spent)
