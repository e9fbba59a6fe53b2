"""Turns what a generator reports into a sample, and says whether to believe it."""

from loadtest.histogram import Latencies
from loadtest.results import MAX_LAG_US, MIN_ACHIEVED, Cell, Load, Measured, Sample


def saturated(measured: Measured, load: Load) -> bool:
    """Whether the generator fell behind its own schedule."""
    observed = measured.observed
    if observed.achieved_per_s < MIN_ACHIEVED * load.rate_per_s:
        return True
    lag_us = Latencies.decode(observed.send_lag).percentile_us(95)
    return lag_us is not None and lag_us > MAX_LAG_US


def judged(cell: Cell, round_: int, load: Load, measured: Measured) -> Sample:
    """The sample of `cell` in one round."""
    return Sample(
        cell=cell,
        round=round_,
        load=load,
        measured=measured,
        saturated=saturated(measured, load),
    )
