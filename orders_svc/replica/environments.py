"""Where a reader has its LMDB environment from: the follower beside it, or a folder."""

from pathlib import Path
from typing import Protocol

import lmdb

from waybill.errors import ReplicaNotReady


class Environments(Protocol):
    """Where a reader gets the open LMDB environment from."""

    def current(self) -> lmdb.Environment:
        """The environment.

        Raises:
            ReplicaNotReady: there is none yet.
        """
        ...

    def refresh(self) -> None:
        """Look whether the files were replaced; called when the copy has become unusable."""
        ...

    def close(self) -> None:
        """Close the files, if they were opened here."""
        ...


class OwnEnvironment:
    """The environment of a follower in this process; LMDB allows one opening for each process."""

    def __init__(self, environment: lmdb.Environment) -> None:
        self._environment = environment

    def current(self) -> lmdb.Environment:
        return self._environment

    def refresh(self) -> None:
        """The writer holds these files."""

    def close(self) -> None:
        """The writer closes them."""


class FolderEnvironment:
    """A replica folder that another process writes. It may not exist yet, or be made anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "data.mdb"
        self._environment: lmdb.Environment | None = None
        self._inode = 0

    def current(self) -> lmdb.Environment:
        return self._environment or self._open()

    def refresh(self) -> None:
        if self._environment is not None and self._inode != self._inode_now():
            self._environment.close()
            self._environment = None

    def close(self) -> None:
        if self._environment is not None:
            self._environment.close()
            self._environment = None

    def _open(self) -> lmdb.Environment:
        self._inode = self._inode_now()
        try:
            self._environment = lmdb.open(
                str(self._folder), map_size=0, readonly=True, create=False, max_spare_txns=2
            )
        except lmdb.Error as error:
            raise ReplicaNotReady(f"no replica can be opened ({error})") from error
        return self._environment

    def _inode_now(self) -> int:
        try:
            return self._file.stat().st_ino
        except OSError:
            return 0
