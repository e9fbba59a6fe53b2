"""The loop of every probing client in Python: a line with an ask in, a line with outcomes out."""

import sys
from collections.abc import Callable

from loadtest.limits.asks import Ask, End, Outcome


def answer_lines(run: Callable[[Ask], list[Outcome]]) -> None:
    """Answer until standard input ends. A target that nobody listens on is an outcome too."""
    for line in sys.stdin:
        try:
            outcomes = run(Ask.from_json(line))
        except OSError as problem:
            outcomes = [Outcome(end=End.CLOSED, text=str(problem), connection_lost=True)]
        print(f"[{','.join(outcome.to_json() for outcome in outcomes)}]", flush=True)
