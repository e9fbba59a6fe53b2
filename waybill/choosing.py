"""Chooses the strategy of a call."""

from collections.abc import Sequence, Set

from waybill.errors import InvalidRequest, StrategyNotAccepted
from waybill.metadata import STRATEGY, Entry, text_values
from waybill.strategy import Strategy


class StrategyChoice:
    """Takes a call's wish within the accepted strategies, and the default where it has none."""

    def __init__(self, accepted: Set[Strategy], default: Strategy) -> None:
        if default not in accepted:
            raise ValueError(f"the default strategy {default} is not among the accepted ones")
        self._default = default
        self._accepted = frozenset(accepted)

    def of(self, metadata: Sequence[Entry]) -> Strategy:
        """The strategy for a call with `metadata`.

        Raises:
            InvalidRequest: the wish is no strategy, or comes more than once.
            StrategyNotAccepted: the service's settings exclude it.
        """
        wishes = text_values(metadata, STRATEGY)
        if not wishes:
            return self._default
        if len(wishes) > 1:
            raise InvalidRequest({STRATEGY: "must come at most once"})
        strategy = _named(wishes[0])
        if strategy not in self._accepted:
            raise StrategyNotAccepted(facts={"accepted": ",".join(sorted(self._accepted))})
        return strategy


def _named(name: str) -> Strategy:
    try:
        return Strategy(name)
    except ValueError:
        raise InvalidRequest({STRATEGY: f"must be one of {', '.join(Strategy)}"}) from None
