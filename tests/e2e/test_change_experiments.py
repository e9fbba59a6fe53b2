"""Outage, skew and rotation for a short while, on whole services."""

import time
from collections.abc import Iterable, Sequence
from io import StringIO
from math import sqrt
from pathlib import Path

import psutil
import pytest

from loadtest.change.crowd.process import CrowdProcess
from loadtest.change.crowd.values import Outcome
from loadtest.change.outage.experiment import Outage
from loadtest.change.outage.knobs import OutageKnobs
from loadtest.change.record import UnderChange
from loadtest.change.rotation.experiment import Rotation
from loadtest.change.rotation.knobs import RotationKnobs
from loadtest.change.skew.fleet import Fleet, behind_the_edge, side_by_side
from loadtest.change.skew.knobs import SkewKnobs
from loadtest.change.skew.moves import Move, Restart, Shift
from loadtest.change.skew.record import Way
from loadtest.change.skew.roll import Rolled, roll
from loadtest.profile import Profile, load
from loadtest.progress import Progress
from waybill.strategy import Strategy

pytestmark = pytest.mark.e2e

TRAVELLING = (Strategy.METADATA_JWT, Strategy.REFERENCE)
VERSION_UNSUPPORTED = "UNAUTHENTICATED STATE_VERSION_UNSUPPORTED"
ASKS_NOBODY = {Strategy.METADATA_JWT, Strategy.MESSAGE_FIELD, Strategy.PAGE_PROOF}


def profile(**tables: object) -> Profile:
    return load("quick").model_copy(update=tables)


def progress() -> Progress:
    return Progress(1, stream=StringIO())


def summed(parts: Iterable[UnderChange]) -> UnderChange:
    return sum(parts, start=UnderChange())


def test_an_outage_hits_whom_it_must_and_serves_no_stranger(tmp_path: Path) -> None:
    before = set(psutil.Process().children())  # servers that other tests of this process share
    knobs = OutageKnobs(
        long_s=0.8, short_s=0.5, long_settle_s=1.5, short_settle_s=0.8, before_s=0.4, lasting_s=0.3
    )
    found = summed(Outage().run(tmp_path, progress(), profile(outage=knobs), seed=1)).outage
    assert len(found) == 10 * len(Strategy)
    assert all(each.strangers for each in found)
    assert not [each for each in found if each.strangers_served]
    assert sum(each.before.served for each in found)
    killed = {e.strategy: e for e in found if (e.target, e.fault) == ("products", "killed")}
    for strategy in ASKS_NOBODY:
        assert killed[strategy].during.served
        assert not killed[strategy].during.refused
        assert killed[strategy].during.new_refused
    gone = {e.strategy: e for e in found if (e.target, e.fault) == ("store", "killed")}
    assert gone[Strategy.REFERENCE].during.refused
    assert gone[Strategy.PAGE_PROOF].during.served
    asked = [each.during.seen.products + each.after.seen.products for each in found]
    assert sum(asked)
    assert set(psutil.Process().children()) <= before


def test_no_state_is_refused_while_versions_are_rolled_unless_the_producer_goes_first(
    tmp_path: Path,
) -> None:
    knobs = SkewKnobs(issued_s=1.5)
    with side_by_side(tmp_path, seed=1) as fleet:
        (good, bad), outcomes = rolled(
            fleet,
            tmp_path,
            knobs,
            [Restart("orders-1", "1,2"), Restart("orders-2", "1,2")],
            [Restart("products", "2"), Restart("orders-1", "1")],
        )
    for strategy in TRAVELLING:
        own = [each for each in outcomes if each.strategy == strategy]
        assert good.of(own, 0.2).wanted
        assert not [each for each in refused(good, own) if "STATE" in each]
        assert VERSION_UNSUPPORTED in refused(bad, own)


def test_by_traffic_split_readers_first_loses_no_order_and_a_way_back_loses_its_share(
    tmp_path: Path,
) -> None:
    knobs = SkewKnobs(orders_per_s=40, list_again_s=0.3, issued_s=0.6)
    with behind_the_edge(tmp_path, seed=1) as fleet:
        (good, bad), outcomes = rolled(
            fleet, tmp_path, knobs, [Shift(100), Restart("products", "2")], [Shift(50)]
        )
    assert good.of(outcomes, 0.2).failed == 0
    lost = bad.of(outcomes, 0.2)
    assert refused(bad, outcomes) == {VERSION_UNSUPPORTED}
    five_deviations = 5 * sqrt(lost.wanted) / 2
    assert lost.failed == pytest.approx(lost.wanted / 2, abs=five_deviations)


def rolled(
    fleet: Fleet, folder: Path, knobs: SkewKnobs, *rolls: Sequence[Move]
) -> tuple[list[Rolled], list[Outcome]]:
    """Do `rolls`, one after another, while customers order."""
    job = fleet.job(TRAVELLING, knobs, seed=1)
    with CrowdProcess(job, fleet.shop.environ, folder) as crowd:
        done = [roll(Way.SPLIT, "", moves, fleet, knobs) for moves in rolls]
        time.sleep(0.1)
        return done, crowd.stop()


def refused(rolled: Rolled, outcomes: Sequence[Outcome]) -> set[str]:
    """With which codes and reasons."""
    return {text for step in rolled.of(outcomes, 0.2).steps for text in step.failed}


def test_no_order_fails_while_the_key_changes_and_strangers_bring_one_fetch(
    tmp_path: Path,
) -> None:
    knobs = RotationKnobs(rotations=1, every_s=6.0)
    found = summed(Rotation().run(tmp_path, progress(), profile(rotation=knobs), seed=1)).rotation
    assert {each.strategy for each in found} == set(Strategy)
    for each in found:
        assert each.wanted
        assert each.failed == {}
        assert each.forged
        assert each.forged_served == 0
        assert each.most_in_30_s == 1
    changed = [each for each in found[0].fetches if each.changed and each.at_s > 0]
    assert [each.keys for each in changed] == ["products-jwks.json"]
