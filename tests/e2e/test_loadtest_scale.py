"""A replica is measured with the product's own follower."""

from pathlib import Path

import pytest

from loadtest.scale.measure import measure
from loadtest.scale.source import Plan


@pytest.mark.e2e
def test_a_small_replica_is_measured(tmp_path: Path) -> None:
    plan = Plan(subjects=5, grants_each=400, burst=3000, rates_per_s=(100,), seconds_each=1.0)

    found = measure(plan, tmp_path)

    assert found.grants == 2000
    assert 30 < found.bytes_per_grant < 1000
    assert found.changes_per_s > 0
    [lag] = found.lags
    assert 0 < lag.changes <= 100
    assert 0 <= lag.p50_ms <= lag.p99_ms <= lag.max_ms
