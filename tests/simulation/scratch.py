"""Which seeds are played, and where their copies are."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "WAYBILL_SEED"
MEMORY = Path("/dev/shm")
"""A memory of files, where there is one."""


def first_seed() -> int:
    """The seed of the first history; `tests.conftest` chooses one where the caller has not."""
    return int(os.environ[VARIABLE])


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder, in memory where possible: the copy's fsync would be most of the time."""
    where = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="waybill-", dir=where) as folder:
        yield Path(folder)
