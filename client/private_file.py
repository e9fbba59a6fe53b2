"""Files that only their owner can read, replaced atomically."""

import os
import stat
from pathlib import Path

from waybill.files import PRIVATE_MODE, replace_file

OTHERS = stat.S_IRWXG | stat.S_IRWXO


class NotPrivateError(Exception):
    """Somebody other than the owner can read or has written the file."""


def read_private(path: Path, *, max_bytes: int) -> bytes | None:
    """The content of `path`; None where there is no such file.

    Raises:
        NotPrivateError: it belongs to another user, or others have any right to it.
        ValueError: it is longer than `max_bytes`.
        OSError: it cannot be read.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        status = os.fstat(file.fileno())  # of the open file: the name may change meanwhile
        if status.st_mode & OTHERS or status.st_uid != os.getuid():
            raise NotPrivateError(str(path))
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"{path} is longer than {max_bytes} bytes")
    return content


def make_private_folder(path: Path) -> None:
    """Make `path` for the owner only; one that exists keeps its rights."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text`, whole or not at all, readable by the owner only.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    make_private_folder(path.parent)
    replace_file(path, text, PRIVATE_MODE)
