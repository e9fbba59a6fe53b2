"""A PostgreSQL server of its own for each run of lab or tests: on loopback, with a password."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import psycopg

from loadtest.processes import StartFailed
from mesh.launcher import free_port

INSTALL = "apt-get install -y postgresql"
INSTALLED = Path("/usr/lib/postgresql")
"""Where Debian puts each major version."""
ACCOUNTS = ("postgres", "nobody")
"""Whose processes the server's become where we are root: it refuses to run as root."""
USER = "waybill"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
ATTEMPTS = 5
_POLL_S = 0.02


class PostgresServer:
    """The newest installed PostgreSQL as a process, on 127.0.0.1. A context manager.

    Everything that it writes is in a temporary folder that goes with it. Nothing of its durability
    is turned off: what it has committed survives `kill` and `start`.
    """

    def __init__(self, **options: str) -> None:
        """`options` are those of postgresql.conf."""
        self._options = options
        self._password = secrets.token_urlsafe(12)
        self._folder = Path()
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostgresServer":
        programs = installed()
        self._folder = Path(tempfile.mkdtemp(prefix="waybill-postgres-"))
        try:
            self._initialise(programs)
            self._start_somewhere()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def log(self) -> Path:
        """What it writes."""
        return self._folder / "postgres.log"

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

    def start(self) -> None:
        """Start it again where it was.

        Raises:
            StartFailed: it did not come up.
        """
        if not self._started():
            raise StartFailed(f"postgres did not start:\n{self.log.read_text('utf-8', 'replace')}")

    def stop(self) -> None:
        """End it in good order; sessions are cut off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it without its tidying up: the next start recovers from its log."""
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _initialise(self, programs: Path) -> None:
        self._programs = programs
        password = self._folder / "password"
        password.write_text(self._password, encoding="ascii")
        for path in (self._folder, password):
            give_away(path)
        arguments = ["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={USER}"]
        arguments += ["--auth=scram-sha-256", f"--pwfile={password}"]
        with self.log.open("ab") as log:
            done = subprocess.run(
                [*_become(), programs / "initdb", "--pgdata", self.data, *arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise StartFailed(f"initdb failed:\n{self.log.read_text('utf-8', 'replace')}")

    def _start_somewhere(self) -> None:
        for _ in range(ATTEMPTS):
            self._port = free_port()  # between our look and its bind somebody may take it
            if self._started():
                return
        raise StartFailed(f"postgres did not start:\n{self.log.read_text('utf-8', 'replace')}")

    def _started(self) -> bool:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": str(self._folder),
            "max_connections": "200",
            **self._options,
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_become(), self._programs / "postgres", "-D", self.data, *words],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for whoever started us; we stop our children ourselves.
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._serves():
                return True
            time.sleep(_POLL_S)
        self.kill()
        return False

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
