"""Which strategies a service accepts, and what some of them need before it can."""

from collections.abc import Collection, Mapping
from typing import Any

from waybill.strategy import Strategy

NEEDS: Mapping[Strategy, str] = {Strategy.REFERENCE: "reference_url"}
"""The setting without which a service cannot accept a strategy."""


def possible(values: Mapping[str, Any]) -> tuple[Strategy, ...]:
    """Every strategy whose needs `values`, settings by field, satisfy."""
    return tuple(strategy for strategy in Strategy if not _lacks(strategy, values))


def check_accepted(
    accepted: Collection[Strategy], default: Strategy, values: Mapping[str, Any]
) -> None:
    """The strategies can be accepted, and the default is one of them.

    Raises:
        ValueError: with what is wrong.
    """
    for strategy in accepted:
        if _lacks(strategy, values):
            raise ValueError(f"strategies: {strategy} needs {NEEDS[strategy]}")
    if default not in accepted:
        raise ValueError("default_strategy must be one of strategies")


def unmet(accepted: Collection[Strategy], values: Mapping[str, Any]) -> Mapping[str, str]:
    """The strategies that are left out for lack of a setting, and that setting."""
    return {
        strategy.value: NEEDS[strategy]
        for strategy in Strategy
        if strategy not in accepted and _lacks(strategy, values)
    }


def _lacks(strategy: Strategy, values: Mapping[str, Any]) -> bool:
    return strategy in NEEDS and not values.get(NEEDS[strategy])
