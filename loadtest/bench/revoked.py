"""Contests of the question whether verified state was revoked: a row a number of watermarks."""

import time
from collections.abc import Iterator

from loadtest.bench.carried import SUBJECT
from loadtest.bench.contest import Contest
from waybill.expectations import Expectations
from waybill.revocation import Revocations, RevocationTerms
from waybill.values import State

STEP = "revoked?"
LIFETIME_S = 300
LONG_S = 3600.0
"""Longer than any benchmark: the lag bound is not reached."""
SIZES = (100, 10_000)
"""Subjects that lost something lately."""


def contests() -> Iterator[Contest]:
    """What the check adds to each call, beside one look into a dictionary as large."""
    for subjects in SIZES:
        yield _contest(subjects)


def _contest(subjects: int) -> Contest:
    terms = RevocationTerms(max_lifetime_s=LIFETIME_S, lag_bound_s=LONG_S)
    known = Revocations(terms, time.time)
    known.begin(1, 0, epoch_began_at=0.0)
    losers = [SUBJECT, *(f"customer-{number}" for number in range(1, subjects))]
    for revision, loser in enumerate(losers, 1):
        known.lose(loser, revision)
    known.mark_complete(time.time())
    now = int(time.time())
    said = State("products", "orders", SUBJECT, subjects, now, now + LIFETIME_S, None)
    state = Expectations("products", "orders").verified(said)
    plain = dict.fromkeys(losers, 1)

    def check() -> bool:
        known.check(state)
        return True

    return Contest(
        step=STEP,
        strategy="watermarks",
        ids=subjects,
        id_kind="subject",
        size_bytes=0,
        floor_name="dict get",
        operation=check,
        floor=lambda: plain[SUBJECT],
    )
