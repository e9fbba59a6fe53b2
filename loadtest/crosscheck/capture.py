"""A packet capture by tcpdump, and the bytes of TCP streams in it."""

import re
import signal
import struct
import subprocess
import time
from pathlib import Path
from types import TracebackType

from loadtest.crosscheck.tools import ToolFailed, path_of
from loadtest.results import WireBytes

_START_TIMEOUT_S = 10.0
_SETTLE_S = 0.3
_SNAP_BYTES = 120
"""Enough of each packet for its headers."""
_MAGIC = 0xA1B2C3D4
_LINUX_LOOPBACK_ETHERNET_BYTES = 14
_DROPPED = re.compile(r"(\d+) packets? dropped by kernel")


class Capture:
    """Captures what passes one port of the loopback interface. A context manager."""

    def __init__(self, port: int, folder: Path) -> None:
        self._port = port
        self._file = folder / "capture.pcap"
        self._log = folder / "tcpdump.log"

    def __enter__(self) -> "Capture":
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(
                        path_of("tcpdump"),
                        "-i",
                        "lo",
                        "-n",
                        "-U",
                        "--immediate-mode",
                        "-B",
                        "65536",
                    ),
                    *("-s", str(_SNAP_BYTES), "-w", str(self._file), f"tcp port {self._port}"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while b"listening on" not in self._log.read_bytes():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                self._process.wait()
                raise ToolFailed(f"tcpdump does not capture: {self._log.read_text()}")
            time.sleep(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        time.sleep(_SETTLE_S)  # packets take a moment to get from the kernel to tcpdump
        self._process.send_signal(signal.SIGINT)
        self._process.wait()

    def counted(self) -> WireBytes:
        """The streams' bytes, to and from the port.

        Raises:
            ToolFailed: packets were missed.
        """
        dropped = _DROPPED.search(self._log.read_text())
        if dropped is None or int(dropped[1]):
            raise ToolFailed(f"tcpdump missed packets: {self._log.read_text()}")
        return stream_bytes(self._file.read_bytes(), self._port)


def stream_bytes(pcap: bytes, port: int) -> WireBytes:
    """TCP payload in a capture of IPv4 over Ethernet, to and from `port`; repeated bytes once.

    Raises:
        ValueError: it is no capture in the classic little-endian format.
    """
    if len(pcap) < 24 or struct.unpack_from("<I", pcap)[0] != _MAGIC:
        raise ValueError("this is no little-endian pcap file")
    up = down = 0
    seen: set[tuple[int, int, int, int]] = set()
    at = 24
    while at < len(pcap):
        (kept,) = struct.unpack_from("<I", pcap, at + 8)
        source, sink, sequence, size = _segment(pcap[at + 16 : at + 16 + kept])
        at += 16 + kept
        if size and (source, sink, sequence, size) not in seen:
            seen.add((source, sink, sequence, size))
            up, down = (up + size, down) if sink == port else (up, down + size)
    return WireBytes(up=up, down=down)


def _segment(packet: bytes) -> tuple[int, int, int, int]:
    """Source port, sink port, sequence number and payload bytes of one packet."""
    ip = _LINUX_LOOPBACK_ETHERNET_BYTES
    ip_header = (packet[ip] & 0x0F) * 4
    (total,) = struct.unpack_from(">H", packet, ip + 2)
    tcp = ip + ip_header
    source, sink, sequence = struct.unpack_from(">HHI", packet, tcp)
    return source, sink, sequence, total - ip_header - (packet[tcp + 12] >> 4) * 4
