"""References in Valkey (or another server of the same protocol), reached by URL.

Three kinds of keys, all with a time to live, all below one prefix:

- `record:` and the name of a reference: the record.
- `subject:` and a digest of the subject: the sorted set of its records, by their end of life.
- `revoked:` and the same digest: the revision of the subject's last revocation.

Filing and revoking are one script each, so that neither sees the other half done. Resolving is one
MGET, which needs no more than read access to `record:`. On a cluster the prefix must keep all keys
in one slot: a braced part of it does.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.resources import files

from waybill.errors import ReferenceStoreUnavailable, StateSuperseded
from waybill.references.store import Filed
from waybill.valkey_access.address import check_prefix
from waybill.valkey_access.client import ValkeyClient, ValkeyUnavailable
from waybill.valkey_access.script import Script

DEFAULT_PREFIX = "waybill:"
DEFAULT_TIMEOUT_S = 0.5
DEFAULT_MAX_PER_SUBJECT = 256
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
            url: see `waybill.valkey_access.address`.
            prefix: before every key, so that several shops can share a server.
            timeout_s: bounds each operation, waiting for a connection included, in seconds.
            max_per_subject: records that one subject may have; the oldest go first.

        Raises:
            ValueError: the URL cannot be understood, or the prefix does not fit a cluster.
            OSError: a file that it names cannot be read.
        """
        check_prefix(url, prefix)
        self._prefix = prefix.encode()
        self._max_per_subject = max_per_subject
        # Whatever is asked here may be asked twice.
        self._client = ValkeyClient(url, timeout_s=timeout_s, again=True)
        self._put = _script("put")
        self._revoke = _script("revoke")

    async def get(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        keys = [*map(self._record, names)]
        with _translated():
            found: list[bytes | None] = await self._client.ask(lambda valkey: valkey.mget(keys))
        return found

    async def put(self, filed: Filed) -> None:
        keys = [self._record(filed.name), *self._of_subject(filed.subject)]
        values: list[bytes | float] = [
            filed.record,
            filed.ttl_s * 1000,
            filed.revision,
            self._max_per_subject,
        ]
        with _translated():
            done = await self._client.ask(partial(self._put.run, keys=keys, values=values))
        if not done:
            raise StateSuperseded("revoked between reading and filing")

    async def revoke(self, subject: str, revision: int) -> None:
        keys, values = self._of_subject(subject), [revision, REVOKED_KEPT_S * 1000]
        with _translated():
            await self._client.ask(partial(self._revoke.run, keys=keys, values=values))

    async def check(self) -> str | None:
        try:
            await self.get([b""])
        except ReferenceStoreUnavailable as unavailable:
            return str(unavailable)
        return None

    async def close(self) -> None:
        await self._client.close()

    def _record(self, name: bytes) -> bytes:
        return self._prefix + b"record:" + name

    def _of_subject(self, subject: str) -> tuple[bytes, bytes]:
        digest = hashlib.sha256(subject.encode()).digest()
        return self._prefix + b"subject:" + digest, self._prefix + b"revoked:" + digest


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ValkeyUnavailable as error:
        raise ReferenceStoreUnavailable(f"the store of references failed with {error}") from error


def _script(name: str) -> Script:
    return Script(files("waybill.references").joinpath(f"{name}.lua").read_text("utf-8"))
