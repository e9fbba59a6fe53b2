"""The checks against foreign tools read what those tools write."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.crosscheck import __main__ as crosscheck
from loadtest.crosscheck.capture import stream_bytes
from loadtest.crosscheck.h2load import answered, grpc_frame
from loadtest.crosscheck.outcome import markdown, of_rounds
from loadtest.crosscheck.tools import ToolFailed
from loadtest.results import WireBytes

PORT = 50052


def packet(source: int, sink: int, sequence: int, size: int) -> bytes:
    """An Ethernet frame with IPv4 and TCP, cut after the headers as tcpdump does."""
    ethernet = bytes(12) + b"\x08\x00"
    ip = struct.pack(">BBHHHBBH8x", 0x45, 0, 20 + 32 + size, 0, 0, 64, 6, 0)
    tcp = struct.pack(">HHIIBBHHH", source, sink, sequence, 0, 0x80, 0, 0, 0, 0) + bytes(12)
    return ethernet + ip + tcp


def pcap(*packets: bytes) -> bytes:
    records = (struct.pack("<IIII", 0, 0, len(each), len(each)) + each for each in packets)
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 120, 1) + b"".join(records)


@given(
    st.lists(st.integers(0, 65_000), max_size=5),
    st.lists(st.integers(0, 65_000), max_size=5),
)
def test_sums_payload_by_direction(up: list[int], down: list[int]) -> None:
    packets = [packet(4711, PORT, number, size) for number, size in enumerate(up)]
    packets += [packet(PORT, 4711, number, size) for number, size in enumerate(down)]
    assert stream_bytes(pcap(*packets), PORT) == WireBytes(up=sum(up), down=sum(down))


def test_bytes_that_were_sent_again_count_once() -> None:
    again = packet(4711, PORT, 1, 100)
    assert stream_bytes(pcap(again, again), PORT) == WireBytes(up=100, down=0)


def test_what_is_no_capture_is_an_error() -> None:
    with pytest.raises(ValueError, match="pcap"):
        stream_bytes(b"not a capture, but long enough", PORT)


def test_a_grpc_frame_is_flag_length_and_message() -> None:
    assert grpc_frame(b"abc") == b"\x00\x00\x00\x00\x03abc"


def test_reads_h2loads_report_and_takes_no_failed_calls() -> None:
    line = "requests: 8 total, 8 started, 8 done, {} succeeded, {} failed, 0 errored, 0 timeout"
    assert answered(line.format(8, 0), 8) == 8
    with pytest.raises(ToolFailed, match="all 8 answers"):
        answered(line.format(7, 1), 8)


def test_a_difference_over_its_bound_is_marked() -> None:
    near = of_rounds("bytes", [100.5], "tcpdump", [100.0], 0.01)
    far = of_rounds("CPU", [90, 120, 130], "h2load", [100, 100, 500], 0.10)
    assert near.agrees
    assert not far.agrees
    assert "+20.0% **no**" in markdown([near, far])


def test_a_missing_tool_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert crosscheck.main([]) == 2
    assert "apt-get install nghttp2-client" in capsys.readouterr().err
