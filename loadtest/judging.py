"""Turns what a generator reports into a sample, and says whether to believe it."""

from loadtest.histogram import Latencies
from loadtest.plan import Turn
from loadtest.results import MAX_LAG_US, MIN_ACHIEVED, Cell, Experiment, Load, Measured, Sample

NO_ANSWER = "UNAVAILABLE"
"""A refusal that gRPC makes up by itself where nobody answers; services give a reason after it."""
MIN_KEPT_UP = 0.9
"""Share of the asked rate that a service must answer as it comes, to keep up with it."""


def saturated(measured: Measured, load: Load) -> bool:
    """Whether the generator fell behind its own schedule."""
    observed = measured.observed
    if observed.achieved_per_s < MIN_ACHIEVED * load.rate_per_s:
        return True
    lag_us = Latencies.decode(observed.send_lag).percentile_us(95)
    return lag_us is not None and lag_us > MAX_LAG_US


def judged(
    cell: Cell,
    round_: int,
    load: Load,
    measured: Measured,
    experiment: Experiment = Experiment.COST,
) -> Sample:
    """The sample of `cell` in one round."""
    return Sample(
        cell=cell,
        experiment=experiment,
        round=round_,
        load=load,
        measured=measured,
        saturated=saturated(measured, load),
    )


def sample_of(turn: Turn, load: Load, measured: Measured) -> Sample:
    """The sample of one load of a turn."""
    return judged(turn.cell, turn.round, load, measured, turn.experiment)


def throughput_per_s(sample: Sample) -> float:
    """Calls answered well a second, until the last answer: what is left of a rate that is asked."""
    return sample.measured.observed.ok / sample.measured.elapsed_s


def keeps_up(sample: Sample) -> bool:
    """Whether service and generator were equal to the rate, so that a higher one can be tried."""
    return not sample.saturated and (
        throughput_per_s(sample) >= MIN_KEPT_UP * sample.load.rate_per_s
    )


def nobody_answered(measured: Measured) -> bool:
    """Whether most calls met no service at all."""
    observed = measured.observed
    return observed.refused.get(NO_ANSWER, 0) > observed.answered / 2
