"""Where the copy is kept, as the settings say: in a folder, or in Valkey."""

from collections.abc import Callable

from orders_svc.replica.copy import CopyReader, CopyWriter
from orders_svc.replica.environments import FolderEnvironment, OwnEnvironment
from orders_svc.replica.reader import ReplicaReader
from orders_svc.replica.status import Trust
from orders_svc.replica.store import ReplicaStore
from orders_svc.replica.valkey.reader import ValkeyReader
from orders_svc.replica.valkey.server import CopyServer
from orders_svc.replica.valkey.writer import ValkeyWriter
from orders_svc.replica.writer import ReplicaWriter
from orders_svc.settings import Settings

WRITE_TIMEOUT_S = 5.0
"""How long one write to a store that others share may take. Nobody waits for it with an order."""


def open_writer(settings: Settings) -> CopyWriter:
    """The writer of the copy. Needs a running event loop.

    Raises:
        ReplicaLocked: another process follows into the same folder.
        ReplicaUnusable: its files cannot be opened.
    """
    if settings.replica_url is None:
        return ReplicaWriter(ReplicaStore(settings.replica_path, settings.replica_map_bytes))
    server = CopyServer(settings.replica_url, settings.replica_prefix, WRITE_TIMEOUT_S, again=False)
    # Another instance takes over while the copy is within its bound.
    return ValkeyWriter(server, lease_s=settings.replica_lag_bound_s / 2)


def open_reader(
    settings: Settings, writer: CopyWriter | None, clock: Callable[[], float]
) -> CopyReader:
    """A reader of the copy, beside `writer` where that is in this process."""
    trust = Trust(settings.replica_lag_bound_s, clock)
    if settings.replica_url is not None:
        server = CopyServer(
            settings.replica_url, settings.replica_prefix, settings.replica_timeout_s, again=True
        )
        return ValkeyReader(server, trust)
    if isinstance(writer, ReplicaWriter):
        own = OwnEnvironment(writer.environment)
        return ReplicaReader(own, trust)
    folder = FolderEnvironment(settings.replica_path)
    return ReplicaReader(folder, trust)
