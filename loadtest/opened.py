"""A context manager that is made of others."""

from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import Self


class Opened(ABC):
    """Several parts that last as long as the `with`; if one does not start, all before it end."""

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            self._open(parts)
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    @abstractmethod
    def _open(self, parts: ExitStack) -> None:
        """Start everything, each part entered into `parts`."""
