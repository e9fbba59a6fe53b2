"""What the orders service can be told, and what it refuses to be told."""

from pathlib import Path

import pytest

from orders_svc.__main__ import development_defaults
from orders_svc.resolvers import RESOLVERS
from orders_svc.settings import Settings
from waybill.serving.settings import BadSettings, read
from waybill.strategy import Strategy

ENVIRON = development_defaults({"HOME": "/home/ada"})


def test_without_variables_it_uses_the_development_files() -> None:
    settings = read(Settings, ENVIRON, {})
    home = Path("/home/ada/.local/state/waybill")
    assert settings.user_keys == home / "users-jwks.json"
    assert settings.database_url == f"sqlite:///{home}/orders.db"
    assert settings.port == 50052
    assert set(settings.strategies) == set(Strategy) - {Strategy.REFERENCE}
    assert settings.default_strategy is Strategy.MESSAGE_FIELD


def test_variables_are_read_by_their_names() -> None:
    given = {
        "ORDERS_STRATEGIES": "replica, metadata-jwt",
        "ORDERS_DEFAULT_STRATEGY": "replica",
        "ORDERS_STATE_VERSIONS": "1",
        "ORDERS_GROUP_COMMIT": "false",
        "ORDERS_FOLLOWER": "process",
    }
    settings = read(Settings, {**ENVIRON, **given}, {})
    assert settings.strategies == (Strategy.REPLICA, Strategy.METADATA_JWT)
    assert settings.state_versions == (1,)
    assert not settings.group_commit
    assert settings.follower == "process"


def test_with_a_store_it_accepts_references() -> None:
    given = {"ORDERS_REFERENCE_URL": "valkey://127.0.0.1:6379/0"}
    assert read(Settings, {**ENVIRON, **given}, {}).strategies == tuple(Strategy)


def test_references_without_a_store_are_refused_by_name() -> None:
    given = {"ORDERS_STRATEGIES": "message-field,reference"}
    with pytest.raises(BadSettings, match="reference needs ORDERS_REFERENCE_URL"):
        read(Settings, {**ENVIRON, **given}, {})


def test_the_stores_password_is_not_shown() -> None:
    settings = read(Settings, {**ENVIRON, "ORDERS_REFERENCE_URL": "valkey://:hush@host/0"}, {})
    assert "hush" not in repr(settings)
    with pytest.raises(BadSettings) as refusal:
        read(Settings, {**ENVIRON, "ORDERS_REFERENCE_URL": "http://:hush@host/0"}, {})
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_the_databases_password_is_not_shown(scheme: str) -> None:
    url = f"{scheme}://me:hush@host/orders"
    settings = read(Settings, {**ENVIRON, "ORDERS_DATABASE_URL": url}, {})
    assert settings.database_url == url
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    "given",
    [
        {"ORDERS_STRATEGIES": "carrier-pigeon"},
        {"ORDERS_STRATEGIES": "replica"},  # without the default one
        {"ORDERS_STATE_VERSIONS": "3"},
        {"ORDERS_STATE_VERSIONS": ","},
        {"ORDERS_DATABASE_URL": "mysql://localhost/orders"},
        {"ORDERS_DATABASE_TIMEOUT_S": "0"},
        {"ORDERS_DATABASE_URL": "sqlite://"},  # in memory: nothing would survive
        {"ORDERS_CACHE_TTL_S": "-1"},
        {"ORDERS_CACHE_TTL_S": "nan"},
        {"ORDERS_REPLICA_LAG_BOUND_S": "0"},
        {"ORDERS_FOLLOWER": "somebody"},
        {"ORDERS_GROUP_COMIT": "true"},
    ],
)
def test_impossible_values_and_unknown_names_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(BadSettings):
        read(Settings, {**ENVIRON, **given}, {})


@pytest.mark.parametrize(
    ("variable", "url", "advice"),
    [
        ("REPLICA_URL", "valkey://me:hu/sh@host:6379/0", "percent-encode"),
        ("REPLICA_URL", "valkeys://:hush@host?ssl_ca_certs=/no/such/file", "No such file"),
        ("REFERENCE_URL", "valkeys+cluster://me:hush@one:1,two:2", "braces"),
        ("FEED_URL", "tls://me:hush@host?ca=/ca.pem", "ca_file"),
        ("FEED_URL", "https://me:hush@host", "pattern"),
    ],
)
def test_a_url_that_will_not_do_ends_the_start_without_a_secret(
    variable: str, url: str, advice: str
) -> None:
    with pytest.raises(BadSettings, match=advice) as bad:
        read(Settings, {**ENVIRON, f"ORDERS_{variable}": url}, {})
    assert not any(part in str(bad.value) for part in ("hush", "hu/", "sh@"))


def test_every_strategy_has_a_resolver() -> None:
    assert RESOLVERS.keys() == set(Strategy)
