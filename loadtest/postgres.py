"""A PostgreSQL server of its own for each run of lab or tests: on loopback, with a password."""

import os
import pwd
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psycopg

from loadtest.engine import EngineServer
from loadtest.processes import StartFailed

INSTALL = "apt-get install -y postgresql"
INSTALLED = Path("/usr/lib/postgresql")
"""Where Debian puts each major version."""
ACCOUNTS = ("postgres", "nobody")
"""Whose processes the server's become where we are root: it refuses to run as root."""
USER = "waybill"


class PostgresServer(EngineServer):
    """The newest installed PostgreSQL as a process, on 127.0.0.1. A context manager.

    Everything that it writes is in a temporary folder that goes with it. Nothing of its durability
    is turned off: what it has committed survives `kill` and `start_again`.
    """

    name = "postgres"
    start_timeout_s = 30.0
    stop_timeout_s = 20.0
    ends_by = signal.SIGINT
    """Its fast shutdown: sessions are cut off."""
    killed_by = signal.SIGQUIT
    """Its immediate shutdown: the next start recovers from its log."""

    def __init__(self, **options: str) -> None:
        """`options` are those of postgresql.conf."""
        super().__init__(Path())
        self._options = options
        self._password = secrets.token_urlsafe(12)

    def __enter__(self) -> Self:
        self._programs = installed()
        self._folder = Path(tempfile.mkdtemp(prefix="waybill-postgres-"))
        try:
            self._initialise()
            return super().__enter__()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self._folder / "data"

    def url(self, database: str = "postgres", login: str = "") -> str:
        """Where a database of it is, for the services' settings.

        `login` is a role and its password, `role:password`; without it, the owner's.
        """
        login = login or f"{USER}:{self._password}"
        return f"postgresql://{login}@127.0.0.1:{self._port}/{database}"

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as its owner, each in a transaction of its own."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _initialise(self) -> None:
        password = self._folder / "password"
        password.write_text(self._password, encoding="ascii")
        for path in (self._folder, password):
            give_away(path)
        arguments = ["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={USER}"]
        arguments += ["--auth=scram-sha-256", f"--pwfile={password}", f"--pgdata={self.data}"]
        if self._run([*_become(), str(self._programs / "initdb"), *arguments]).wait():
            raise self._failure("could not be initialised")

    def _command(self) -> Sequence[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": str(self._folder),
            "max_connections": "200",
            **self._options,
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [*_become(), str(self._programs / "postgres"), "-D", str(self.data), *words]

    def _serves(self) -> bool:
        """Whether it, with its own password and no other server, answers."""
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def shop_databases(*, wanted: bool) -> Iterator[dict[str, str]]:
    """The settings of services whose databases are on a server of their own; none if not wanted."""
    if not wanted:
        yield {}
        return
    with PostgresServer() as server:
        yield new_databases(server)


def new_databases(server: PostgresServer) -> dict[str, str]:
    """Makes a database for each service; returns the settings that lead there."""
    server.execute("CREATE DATABASE products", "CREATE DATABASE orders")
    return {
        "PRODUCTS_DATABASE_URL": server.url("products"),
        "ORDERS_DATABASE_URL": server.url("orders"),
    }


def installed() -> Path:
    """The folder of the newest version's programs.

    Raises:
        StartFailed: there is none; the text says how to install one.
    """
    found = [path.parent for path in INSTALLED.glob("*/bin/postgres")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    if (program := shutil.which("postgres")) is not None:
        return Path(program).resolve().parent
    raise StartFailed(f"PostgreSQL is not installed; install it with: {INSTALL}")


def _account() -> pwd.struct_passwd | None:
    """Whom to become; None to stay who we are."""
    if os.geteuid() != 0:
        return None
    known = {account.pw_name: account for account in pwd.getpwall()}
    return next(known[name] for name in ACCOUNTS if name in known)


def _become() -> tuple[str, ...]:
    """What runs a program as that user.

    Not by Popen itself: it would have to fork, which gRPC's threads in this process don't bear.
    """
    account = _account()
    if account is None:
        return ()
    return ("setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups")


def give_away(path: Path) -> None:
    """Make a file the server's, where that runs as another user."""
    account = _account()
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)
