"""Real parts that do not come with the lock: what becomes of tests where one is missing."""

import os
from collections.abc import Iterable
from typing import NoReturn

import pytest

from mesh.hop import Hop, HopMissing
from mesh.launcher import program_path

REQUIRED = "WAYBILL_REQUIRE_PARTS"
"""Set where nothing may be missing: in continuous integration, and by `make test-engines`."""
FROM_THE_LOCK = frozenset({"envoy", "caddy"})
"""Hops that are always there: where one is not, the installation is broken."""


def missing(what: str) -> NoReturn:
    """Skip the test, saying what to install; fail it where nothing may be missing."""
    if os.environ.get(REQUIRED):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def need(hops: Iterable[Hop]) -> None:
    """All of these hops."""
    for hop in hops:
        try:
            program_path(hop)
        except HopMissing as lacking:
            if hop.name in FROM_THE_LOCK:
                raise
            missing(str(lacking))
