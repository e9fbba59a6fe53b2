"""References in Valkey (or another server of the same protocol): one server, reached by URL.

Three kinds of keys, all with a time to live, all below one prefix:

- `record:` and the name of a reference: the record.
- `subject:` and a digest of the subject: the sorted set of its records, by their end of life.
- `revoked:` and the same digest: the revision of the subject's last revocation.

Filing and revoking are one script each, so that neither sees the other half done. Resolving is one
MGET, which needs no more than read access to `record:`.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files

from valkey.asyncio import BlockingConnectionPool, Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import ValkeyError

from waybill.errors import ReferenceStoreUnavailable, StateSuperseded
from waybill.references.store import Filed

DEFAULT_PREFIX = "waybill:"
DEFAULT_TIMEOUT_S = 0.5
DEFAULT_MAX_PER_SUBJECT = 256
MAX_CONNECTIONS = 32
REVOKED_KEPT_S = 3600
"""How long a revocation is remembered: beyond the life of any call that lists while it happens."""


class ValkeyReferenceStore:
    """A store in one Valkey server. It connects when first asked, and again after each failure.

    Belongs to one event loop.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = DEFAULT_PREFIX,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_per_subject: int = DEFAULT_MAX_PER_SUBJECT,
    ) -> None:
        """Opens nothing yet.

        Args:
            url: such as `valkey://[user:password@]host:port/db` or `unix:///path?db=0`.
            prefix: before every key, so that several shops can share a server.
            timeout_s: bounds each operation, waiting for a connection included, in seconds.
            max_per_subject: records that one subject may have; the oldest go first.

        Raises:
            ValueError: the URL cannot be understood.
        """
        self._timeout_s = timeout_s
        self._prefix = prefix.encode()
        self._max_per_subject = max_per_subject
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=None,
            # A kept connection may have died unnoticed: once more, on a new one. Whatever is asked
            # here may be asked twice.
            retry=Retry(NoBackoff(), 1),
            retry_on_error=[ValkeyConnectionError],
        )
        self._valkey = Valkey(connection_pool=self._pool)
        self._put = self._valkey.register_script(_script("put"))
        self._revoke = self._valkey.register_script(_script("revoke"))

    async def get(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        async with self._answering():
            found: list[bytes | None] = await self._valkey.mget([*map(self._record, names)])
        return found

    async def put(self, filed: Filed) -> None:
        keys = [self._record(filed.name), *self._of_subject(filed.subject)]
        values: list[bytes | int] = [
            filed.record,
            filed.ttl_s * 1000,
            filed.revision,
            self._max_per_subject,
        ]
        async with self._answering():
            done = await self._put(keys=keys, args=[*values])
        if not done:
            raise StateSuperseded("revoked between reading and filing")

    async def revoke(self, subject: str, revision: int) -> None:
        async with self._answering():
            await self._revoke(
                keys=[*self._of_subject(subject)], args=[revision, REVOKED_KEPT_S * 1000]
            )

    async def check(self) -> str | None:
        try:
            await self.get([b""])
        except ReferenceStoreUnavailable as unavailable:
            return str(unavailable)
        return None

    async def close(self) -> None:
        await self._pool.disconnect()

    def _record(self, name: bytes) -> bytes:
        return self._prefix + b"record:" + name

    def _of_subject(self, subject: str) -> tuple[bytes, bytes]:
        digest = hashlib.sha256(subject.encode()).digest()
        return self._prefix + b"subject:" + digest, self._prefix + b"revoked:" + digest

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        """Bounds an operation, and translates every failure of it."""
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except (ValkeyError, OSError, TimeoutError) as error:
            # The class only: texts of the library may hold parts of the URL.
            raise ReferenceStoreUnavailable(
                f"the store of references failed with {type(error).__name__}"
            ) from error


def _script(name: str) -> str:
    return files("waybill.references").joinpath(f"{name}.lua").read_text("utf-8")
