"""The command line of `make compare`."""

import pytest

from loadtest.against import CannotReach
from loadtest.options import arguments, deployment_of, profile_of
from loadtest.profile import BadProfile
from loadtest.topics import Topic


def test_on_postgresql_only_cost_is_measured() -> None:
    assert profile_of(arguments(["--postgres"], None)).topics == (Topic.COST,)
    with pytest.raises(BadProfile, match="only cost"):
        profile_of(arguments(["--postgres", "--only", "outage"], None))


def test_a_deployment_has_its_own_database() -> None:
    targets = ["--against", "localhost:1", "--against-products", "localhost:2"]
    options = arguments([*targets, "--postgres"], None)
    with pytest.raises(CannotReach, match="--postgres needs services of the lab's own"):
        deployment_of(options, profile_of(options))
