"""One gRPC server around guarded services: listen, tell health, drain."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection
from structlog.typing import FilteringBoundLogger

from waybill.serving.guard import GuardedService
from waybill.serving.health import (
    POLL_S,
    SERVICE_NAME,
    WHOLE,
    Check,
    HealthMonitor,
    HealthServicer,
    Needs,
)
from waybill.serving.logs import make_logger
from waybill.serving.settings import DEFAULT_METADATA_BYTES, ServingSettings, variable
from waybill.serving.unguarded import reflection_handler

RECEIVE_SLACK_BYTES = 1024 * 1024
"""How far gRPC's own message limit is above ours, so that ours can answer with a reason."""

STREAMS_PER_CALL = 2
"""How many streams a connection may have open, for each call that the service works on at once.

A stream whose request never arrives is seen by no guard and costs some 13 KB, whoever opened it;
gRPC itself sets no limit. Twice as many as calls, so that a caller who asks for too much on one
connection is refused and does not wait.
"""

PARENT_POLL_S = 1.0

Options = Sequence[tuple[str, int]]


class CannotListen(SystemExit):
    """The server cannot start; says why and what to do. Uncaught it ends the process with 1."""


def options(settings: ServingSettings) -> Options:
    """The channel arguments of the server.

    The port is shared (SO_REUSEPORT) only between workers: two services that are given the same
    port by mistake must not silently get half of the calls each.
    """
    chosen = [
        ("grpc.so_reuseport", int(settings.workers > 1)),
        ("grpc.max_receive_message_length", settings.max_message_bytes + RECEIVE_SLACK_BYTES),
        ("grpc.max_concurrent_streams", STREAMS_PER_CALL * settings.max_concurrent_calls),
    ]
    if settings.max_metadata_bytes != DEFAULT_METADATA_BYTES:
        chosen.append(("grpc.max_metadata_size", settings.max_metadata_bytes))
    return chosen


async def serve(
    settings: ServingSettings,
    services: Sequence[grpc.GenericRpcHandler],
    service_names: Sequence[str],
    checks: Mapping[str, Check],
    *,
    ready: Callable[[int], None],
    needs: Needs | None = None,
    log: FilteringBoundLogger | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain. A worker stops when its parent is gone, too.

    Args:
        settings: of the service.
        services: guarded services.
        service_names: their full names, for health and reflection.
        checks: by name, what must be fine for the service to be SERVING.
        needs: by the name that health is asked under, the checks that count for it; all of them
            for the names that it lacks.
        ready: called with the port once calls are taken; `announce` is one.
        log: where changes of health go; by default made from the settings.

    Raises:
        CannotListen: the port is taken, the host is none of ours, or a TLS file is unusable.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings, services, service_names, checks, needs=needs, log=log) as port:
        _keep_what_is_there()
        ready(port)
        async with _background(_stop_with_parent(settings.parent_pid, stop)):
            await stop.wait()


def _keep_what_is_there() -> None:
    """Take what the start has made, which stays to the end, out of the collector's sight.

    A full collection looks through some hundred thousand objects of imported modules otherwise,
    and all calls wait for it (https://docs.python.org/3/library/gc.html#gc.freeze).
    """
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def running(
    settings: ServingSettings,
    services: Sequence[grpc.GenericRpcHandler],
    service_names: Sequence[str] = (),
    checks: Mapping[str, Check] | None = None,
    *,
    needs: Needs | None = None,
    log: FilteringBoundLogger | None = None,
    poll_s: float = POLL_S,
) -> AsyncIterator[int]:
    """A server that takes calls inside of the `async with`, as its port; drains on leaving.

    Raises:
        CannotListen: as `serve`.
    """
    log = log or make_logger(settings.log_level)
    servicer = HealthServicer([WHOLE, *service_names, *(needs or ())])
    monitor = HealthMonitor(servicer, checks or {}, log, needs=needs)
    server, port = _listening(settings, services, service_names, servicer)
    await monitor.poll()
    await server.start()
    try:
        async with _background(monitor.run(poll_s)):
            yield port
    finally:
        monitor.close()
        servicer.close()
        await _drain(server, services, settings.drain_s)


def announce(port: int, *, http_port: int | None = None) -> None:
    """Print the line that launchers wait for; with workers, one for each of them."""
    http = "" if http_port is None else f" http_port={http_port}"
    sys.stdout.write(f"ready port={port} pid={os.getpid()}{http}\n")  # in one piece, for workers
    sys.stdout.flush()


def _listening(
    settings: ServingSettings,
    services: Sequence[grpc.GenericRpcHandler],
    service_names: Sequence[str],
    health: HealthServicer,
) -> tuple[grpc.aio.Server, int]:
    server = grpc.aio.server(options=options(settings))
    server.add_generic_rpc_handlers(tuple(services))
    server.add_generic_rpc_handlers((health.handler(),))
    if settings.reflection:
        names = [*service_names, SERVICE_NAME, reflection.SERVICE_NAME]
        server.add_generic_rpc_handlers((reflection_handler(names),))
    return server, _bind(server, settings)


def _bind(server: grpc.aio.Server, settings: ServingSettings) -> int:
    credentials = _credentials(settings)
    try:
        if credentials is None:
            return server.add_insecure_port(_address(settings))
        return server.add_secure_port(_address(settings), credentials)
    except RuntimeError:
        raise cannot_listen(settings) from None


def cannot_listen(settings: ServingSettings) -> CannotListen:
    """The error for an address that cannot be bound, with what to do about it."""
    port = variable(type(settings), "port")
    tls = ", or the TLS files are not a certificate and its key" if settings.tls_cert_file else ""
    return CannotListen(
        f"cannot listen on {_address(settings)}: another process listens there (stop it, or choose "
        f"another port with {port}; 0 takes a free one), or the host is not of this machine{tls}"
    )


def _address(settings: ServingSettings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


def _credentials(settings: ServingSettings) -> grpc.ServerCredentials | None:
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    pair = (_content(settings.tls_key_file), _content(settings.tls_cert_file))
    client_ca = settings.tls_client_ca_file
    return grpc.ssl_server_credentials(
        [pair],
        root_certificates=_content(client_ca) if client_ca else None,
        require_client_auth=client_ca is not None,
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CannotListen(f"cannot read the TLS file {path}: {error.strerror}") from None


async def _drain(
    server: grpc.aio.Server, services: Sequence[grpc.GenericRpcHandler], grace_s: float
) -> None:
    for service in services:
        if isinstance(service, GuardedService):
            service.drain()
    await server.stop(grace_s)


async def _stop_with_parent(parent_pid: int, stop: asyncio.Event) -> None:
    """A worker whose parent was killed would hold the port for ever."""
    while parent_pid in {0, os.getppid()}:  # noqa: ASYNC110 -- nobody tells of a parent's end
        await asyncio.sleep(PARENT_POLL_S)
    stop.set()


@asynccontextmanager
async def _background(coroutine: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
