"""Where a run's figures come from: commit, versions, machine."""

import os
import platform
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from loadtest.results import Machine

PACKAGES = ("grpcio", "protobuf", "cryptography", "PyJWT", "lmdb", "SQLAlchemy", "locust", "gevent")

_ROOT = Path(__file__).resolve().parent.parent


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit() -> str:
    """The commit of the code, with "+changes" where files differ from it; "unknown" without git."""
    try:
        changed = _git("status", "--porcelain", "--untracked-files=no")
        return _git("rev-parse", "--short=12", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def versions() -> dict[str, str]:
    """Versions of the packages that the figures depend on most."""
    return {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _cpu_model() -> str:
    """The processor's name as Linux gives it; what Python knows elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def machine() -> Machine:
    """This machine, as far as a benchmark's reader cares."""
    return Machine(
        cpu=_cpu_model(),
        cpus=os.cpu_count() or 1,
        platform=platform.platform(),
        python=platform.python_version(),
    )


def begun(clock: Callable[[], float] = time.time) -> str:
    """The time now, ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds")


def run_id(at: str) -> str:
    """A run's name from its beginning, fit for a folder: `20270115T080000Z-1f3a`."""
    stamp = at.replace("-", "").replace(":", "").replace("+0000", "Z")
    return f"{stamp}-{os.urandom(2).hex()}"
