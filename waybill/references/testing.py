"""A store of references in memory, for tests; the same tests hold it to the real one."""

from collections.abc import Callable, Sequence

from waybill.errors import ReferenceStoreUnavailable, StateSuperseded
from waybill.references.store import Filed


class MemoryReferenceStore:
    """A `waybill.references.store.ReferenceStore` that knows neither network nor server.

    Attributes:
        available: set it to False, and every operation fails.
        asked: the names of every look-up so far.
    """

    def __init__(self, clock: Callable[[], float], *, max_per_subject: int = 256) -> None:
        """`clock` gives seconds; records end by it."""
        self.available = True
        self.asked: list[tuple[bytes, ...]] = []
        self._clock = clock
        self._max_per_subject = max_per_subject
        self._filed: dict[bytes, tuple[Filed, float]] = {}
        self._revoked: dict[str, int] = {}

    async def get(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        self._require()
        self.asked.append(tuple(names))
        return [self._get(name) for name in names]

    async def put(self, filed: Filed) -> None:
        self._require()
        if filed.revision < self._revoked.get(filed.subject, 0):
            raise StateSuperseded
        self._filed.pop(filed.name, None)
        self._filed[filed.name] = filed, self._clock() + filed.ttl_s
        for surplus in self._of(filed.subject)[: -self._max_per_subject]:
            del self._filed[surplus]

    async def revoke(self, subject: str, revision: int) -> None:
        self._require()
        self._revoked[subject] = max(revision, self._revoked.get(subject, 0))
        for name in self._of(subject):
            del self._filed[name]

    async def check(self) -> str | None:
        return None if self.available else "switched off"

    async def close(self) -> None:
        self.empty()

    def empty(self) -> None:
        """Forget everything, as a server without a disk does when it restarts."""
        self._filed.clear()
        self._revoked.clear()

    def _get(self, name: bytes) -> bytes | None:
        filed, end = self._filed.get(name, (None, 0.0))
        return filed.record if filed and self._clock() < end else None

    def _of(self, subject: str) -> list[bytes]:
        """Names of the subject's live records, the oldest first."""
        now = self._clock()
        return [
            name
            for name, (filed, end) in self._filed.items()
            if filed.subject == subject and now < end
        ]

    def _require(self) -> None:
        if not self.available:
            raise ReferenceStoreUnavailable("switched off")
