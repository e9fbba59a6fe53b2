"""Where the session is kept between commands: one private JSON file."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from google.protobuf.message import DecodeError

from client.errors import LocalFileError
from client.private_file import (
    NotPrivateError,
    make_private_folder,
    read_private,
    write_private,
)
from client.session import SessionBook
from client.session_format import NewerFormatError, decode_book, encode_book

FILE_NAME = "session.json"
MAX_BYTES = 256 * 1024 * 1024
"""Far above any real session; keeps a mistaken file from filling the memory."""


class SessionFileError(LocalFileError):
    """The session file cannot be used."""


class SessionFile:
    """The file `session.json` in `folder`, mode 0600. It is replaced whole, never edited."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def read(self) -> SessionBook:
        """The stored book; an empty one where there is no file.

        Raises:
            SessionFileError: others can read it, it is damaged, or it is of a newer client. It is
                left as it is.
        """
        try:
            content = read_private(self.path, max_bytes=MAX_BYTES)
            return SessionBook() if content is None else decode_book(content)
        except NotPrivateError:
            raise self._not_private() from None
        except NewerFormatError as error:
            raise self._newer(error) from None
        except (ValueError, DecodeError):
            raise self._damaged() from None
        except OSError as error:
            raise self._unusable("read", error) from error

    def update(self, change: Callable[[SessionBook], SessionBook]) -> SessionBook:
        """Store what `change` makes of the stored book; commands at the same time take turns.

        Raises:
            SessionFileError: as `read`, or it cannot be written. It is left as it is.
        """
        try:
            with self._turn():
                book = change(self.read())
                write_private(self.path, encode_book(book))
        except OSError as error:
            raise self._unusable("written", error) from error
        return book

    @contextmanager
    def _turn(self) -> Iterator[None]:
        make_private_folder(self.path.parent)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _not_private(self) -> SessionFileError:
        return SessionFileError(
            f"{self.path} holds your token, and others can read it or own it",
            f"take their rights away with `chmod 600 {self.path}`; if somebody may have read it,"
            " delete it and log in again",
        )

    def _newer(self, error: NewerFormatError) -> SessionFileError:
        return SessionFileError(
            f"{self.path} was written by a newer client: {error}",
            "use the newer client, or keep this one's session elsewhere by setting XDG_STATE_HOME",
        )

    def _damaged(self) -> SessionFileError:
        return SessionFileError(
            f"{self.path} is damaged",
            f"put it aside with `mv {self.path} {self.path}.damaged`, then log in again",
        )

    def _unusable(self, verb: str, error: OSError) -> SessionFileError:
        return SessionFileError(
            f"{self.path} cannot be {verb}: {error.strerror}",
            "set XDG_STATE_HOME to a folder that you can write to",
        )
