"""Shares, their intervals, and the rule that the shares are held against."""

import math
from collections.abc import Sequence

Z_95 = 1.959964


def wilson(hits: int, tries: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's interval for a share (Wilson 1927), honest for shares near 0 and 1."""
    if tries == 0:
        return 0.0, 1.0
    share, square = hits / tries, z * z
    middle = share + square / (2 * tries)
    margin = z * math.sqrt(share * (1 - share) / tries + square / (4 * tries * tries))
    scale = 1 + square / tries
    return max(0.0, (middle - margin) / scale), min(1.0, (middle + margin) / scale)


def ramp(size: float, soft: float, hard: float) -> float:
    """The documented share of refusals: 0 up to `soft`, 1 above `hard`, a line between."""
    if size <= soft:
        return 0.0
    return 1.0 if size > hard else (size - soft) / (hard - soft)


def fit_ramp(points: Sequence[tuple[int, int, int]]) -> tuple[int, int]:
    """Most likely soft and hard limit for (size, tries, refused), by a search on a finer grid."""
    sizes = [size for size, _, _ in points]
    soft, hard = float(min(sizes)), float(max(sizes))
    step = (hard - soft) / 4
    while step > 1:
        candidates = [
            (a, b)
            for a in (soft - step, soft, soft + step)
            for b in (hard - step, hard, hard + step)
            if a < b
        ]
        best = max(candidates, key=lambda pair: _likelihood(points, *pair))
        if best == (soft, hard):
            step /= 2
        soft, hard = best
    return round(soft), round(hard)


def _likelihood(points: Sequence[tuple[int, int, int]], soft: float, hard: float) -> float:
    """Logarithm of the likelihood; a little doubt keeps impossible outcomes finite."""
    total = 0.0
    for size, tries, refused in points:
        share = min(max(ramp(size, soft, hard), 1e-6), 1 - 1e-6)
        total += refused * math.log(share) + (tries - refused) * math.log(1 - share)
    return total
