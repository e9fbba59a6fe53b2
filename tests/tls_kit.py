"""TLS in front of a server that has none: the wheel's Valkey is built without it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from tests.certificates import Authority

NAME = "localhost"
"""What the servers of these tests are called; `127.0.0.1` is another name."""


class Trusted:
    """An authority in a folder, and a server's certificate of it."""

    def __init__(self, folder: Path) -> None:
        authority = Authority("Waybill test")
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(authority.certificate)
        self.other_ca = folder / "other-ca.pem"
        self.other_ca.write_bytes(Authority("somebody else").certificate)
        self.certificate, self.key = authority.issue(NAME).save(folder)

    @asynccontextmanager
    async def in_front_of(self, port: int) -> AsyncIterator[int]:
        """A port on loopback where TLS is spoken, for a plain one."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        async with await asyncio.start_server(
            partial(_pass_on, port), "127.0.0.1", 0, ssl=context
        ) as server:
            yield server.sockets[0].getsockname()[1]


async def _pass_on(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    plain_reader, plain_writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(_copy(reader, plain_writer), _copy(plain_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
