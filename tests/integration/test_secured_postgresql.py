"""PostgreSQL over TLS with the logins of deploy/: who gets where, and what is said of failures."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.postgres import PostgresServer, give_away
from orders_svc.ledger import Ledger
from products_svc.store.database import Database
from products_svc.store.schema import prepare
from products_svc.store.store import Store
from tests.conftest import new_postgres
from tests.deployed import SECRET, databases
from tests.tls_kit import Trusted
from waybill.errors import StorageUnavailable
from waybill.testing import FakeClock

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Trusted:
    return Trusted(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(trusted: Trusted) -> Iterator[PostgresServer]:
    """Speaks nothing but TLS to those who come over the network."""
    with new_postgres() as running:
        _run_script(running)
        for file in (trusted.certificate, trusted.key):
            give_away(Path(shutil.copy(file, running.data)))
        rules = running.data / "pg_hba.conf"
        rules.write_text("hostssl all all all scram-sha-256\n", "ascii")
        running.execute(
            "ALTER SYSTEM SET ssl_cert_file = 'server.crt'",
            "ALTER SYSTEM SET ssl_key_file = 'server.key'",
            "ALTER SYSTEM SET ssl = on",
            "SELECT pg_reload_conf()",
        )
        yield running


def _run_script(server: PostgresServer) -> None:
    script, environment = databases()
    psql = shutil.which("psql")
    assert psql, "comes with PostgreSQL"
    subprocess.run(
        [psql, "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--file={script}", server.url()],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )


@pytest.fixture
def orders_url(server: PostgresServer, trusted: Trusted) -> str:
    url = server.url("orders", login="orders:hush-orders").replace("127.0.0.1", "localhost")
    return f"{url}?sslmode=verify-full&sslrootcert={trusted.ca}"


@pytest.fixture
def products_url(orders_url: str) -> str:
    return orders_url.replace("orders", "products")


def test_each_service_has_its_own_database(orders_url: str, products_url: str) -> None:
    clock = FakeClock()
    Ledger.open(orders_url, clock=clock, timeout_s=5.0, create=True).close()
    database = Database(products_url)
    prepare(database, clock, "EUR", create=True)
    with database.reading() as connection:
        spoken = connection.exec_driver_sql(
            "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        )
        assert spoken.scalar() is True
    Store(database, clock, 10, patience_s=10.0).close()
    with pytest.raises(StorageUnavailable, match="permission denied for database"):
        opened(orders_url.replace("/orders?", "/products?"))


def opened(url: str) -> None:
    Ledger.open(url, clock=FakeClock(), timeout_s=5.0, create=False).close()


REFUSED = {
    "another authority": ("certificate verify failed", {"ca.pem": "other-ca.pem"}),
    "another name": ("does not match host name", {"localhost": "127.0.0.1"}),
    "a wrong password": ("password authentication failed", {"hush-orders": "hush-hush"}),
    "no TLS": ("no encryption", {"verify-full": "disable"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_said_without_a_secret(orders_url: str, case: str) -> None:
    text, replaced = REFUSED[case]
    url = orders_url
    for old, new in replaced.items():
        url = url.replace(old, new)
    with pytest.raises(StorageUnavailable, match=text) as refusal:
        opened(url)
    assert SECRET not in str(refusal.value)
