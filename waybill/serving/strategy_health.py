"""Whose trouble is whose: what health tells of the service, and of each strategy by itself."""

from collections.abc import Collection, Mapping

from waybill.serving.health import WHOLE, Needs
from waybill.strategy import Strategy

EVERY_STRATEGY = "every-strategy"
"""The name whose health has everything in it: for whoever wants no strategy to be missing."""


def strategy_needs(
    service: str,
    checks: Collection[str],
    of_strategies: Mapping[Strategy, Collection[str]],
    default: Strategy,
) -> Needs:
    """What the service as a whole needs, and each strategy, asked for as `<service>/<strategy>`.

    A check that no strategy claims counts for every call. What calls need that name no strategy
    counts for the service; what only other strategies need does not, or all instances would leave
    the load balancer for it at once, and take along what needs none of it.

    Args:
        service: full name.
        checks: names of all checks that there are.
        of_strategies: what each accepted strategy needs beside that; names that `checks` lacks are
            of what is not configured.
        default: the strategy of calls that name none.
    """
    known = frozenset(checks)
    needed = {strategy: known.intersection(names) for strategy, names in of_strategies.items()}
    always = known.difference(*needed.values())
    whole = always | needed[default]
    return {
        WHOLE: whole,
        service: whole,
        EVERY_STRATEGY: known,
        **{f"{service}/{strategy}": always | names for strategy, names in needed.items()},
    }
