"""Generated from mesh/limits.json by tools/hop_limits.py. Never edited."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from waybill.header_limits import HeaderLimits, HopLimits, Role

MEASURED_AT: Final = "2026-11-23T15:06:28+00:00"

HOPS: Final[Mapping[str, HopLimits]] = MappingProxyType(
    {
        "grpcio server": HopLimits(
            version="1.85.1",
            role=Role.SERVER,
            request=HeaderLimits(
                total_bytes=8192,
                entry_bytes=32,
                refused_above=16384,
            ),
        ),
        "grpcio server:tuned": HopLimits(
            version="1.85.1",
            role=Role.SERVER,
            request=HeaderLimits(
                total_bytes=65535,
                entry_bytes=32,
            ),
        ),
        "grpc-js server": HopLimits(
            version="1.14.7, Node 20.20.2",
            role=Role.SERVER,
            request=HeaderLimits(
                total_bytes=147535,
                entry_bytes=5,
                value_bytes=65536,
                entries=128,
            ),
        ),
        "grpcio client": HopLimits(
            version="1.85.1",
            role=Role.CLIENT,
            initial=HeaderLimits(
                total_bytes=8192,
                entry_bytes=32,
                refused_above=16384,
            ),
            trailing=HeaderLimits(
                total_bytes=8192,
                entry_bytes=32,
                refused_above=16384,
            ),
        ),
        "grpc-js client": HopLimits(
            version="1.14.7, Node 20.20.2",
            role=Role.CLIENT,
            initial=HeaderLimits(
                total_bytes=147491,
                entry_bytes=6,
                value_bytes=65536,
                entries=128,
                refused_above=147506,
            ),
            trailing=HeaderLimits(
                total_bytes=147460,
                entry_bytes=5,
                value_bytes=65536,
                entries=128,
                refused_above=147461,
            ),
        ),
        "envoy": HopLimits(
            version="1.40.0",
            role=Role.PATH,
            request=HeaderLimits(
                total_bytes=61440,
                entry_bytes=0,
                entries=100,
            ),
            initial=HeaderLimits(
                total_bytes=61440,
                entry_bytes=0,
                entries=100,
            ),
            trailing=HeaderLimits(
                total_bytes=61440,
                entry_bytes=0,
                entries=100,
            ),
        ),
        "caddy": HopLimits(
            version="2.11.7",
            role=Role.PATH,
            request=HeaderLimits(
                total_bytes=16704,
                entry_bytes=32,
            ),
            initial=HeaderLimits(
                entry_bytes=32,
            ),
            trailing=HeaderLimits(
                entry_bytes=32,
            ),
        ),
        "nginx": HopLimits(
            version="1.22.1",
            role=Role.PATH,
            request=HeaderLimits(
                total_bytes=32768,
                entry_bytes=0,
                value_bytes=8192,
                entries=1004,
            ),
            initial=HeaderLimits(
                total_bytes=3983,
                entry_bytes=1,
                refused_above=4044,
            ),
            trailing=HeaderLimits(
                entry_bytes=32,
            ),
        ),
        "haproxy": HopLimits(
            version="2.6.12",
            role=Role.PATH,
            request=HeaderLimits(
                total_bytes=15298,
                entry_bytes=8,
                entries=103,
            ),
            initial=HeaderLimits(
                total_bytes=15282,
                entry_bytes=8,
                entries=101,
            ),
            trailing=HeaderLimits(
                total_bytes=16327,
                entry_bytes=8,
                entries=100,
            ),
        ),
        "envoy:tuned": HopLimits(
            version="1.40.0",
            role=Role.PATH,
            request=HeaderLimits(
                total_bytes=1048576,
                entry_bytes=0,
                value_bytes=262144,
                entries=2000,
            ),
            initial=HeaderLimits(
                entry_bytes=32,
                entries=2000,
            ),
            trailing=HeaderLimits(
                entry_bytes=32,
                entries=2000,
            ),
        ),
        "caddy:tuned": HopLimits(
            version="2.11.7",
            role=Role.PATH,
            request=HeaderLimits(
                entry_bytes=32,
                entries=500,
            ),
            initial=HeaderLimits(
                entry_bytes=32,
            ),
            trailing=HeaderLimits(
                entry_bytes=32,
            ),
        ),
        "nginx:tuned": HopLimits(
            version="1.22.1",
            role=Role.PATH,
            request=HeaderLimits(
                total_bytes=524288,
                entry_bytes=0,
                value_bytes=65536,
                entries=1004,
            ),
            initial=HeaderLimits(
                total_bytes=65479,
                entry_bytes=6,
                refused_above=65536,
            ),
            trailing=HeaderLimits(
                entry_bytes=32,
            ),
        ),
        "haproxy:tuned": HopLimits(
            version="2.6.12",
            role=Role.PATH,
            request=HeaderLimits(
                total_bytes=64450,
                entry_bytes=8,
                entries=1003,
            ),
            initial=HeaderLimits(
                total_bytes=64434,
                entry_bytes=8,
                entries=1001,
            ),
            trailing=HeaderLimits(
                total_bytes=65479,
                entry_bytes=8,
                entries=1000,
            ),
        ),
        "envoy+haproxy": HopLimits(
            version="1.40.0, 2.6.12",
            role=Role.PATH,
            request=HeaderLimits(
                total_bytes=15170,
                entry_bytes=8,
                entries=100,
            ),
            initial=HeaderLimits(
                total_bytes=15282,
                entry_bytes=8,
                entries=100,
            ),
            trailing=HeaderLimits(
                total_bytes=16327,
                entry_bytes=8,
                entries=100,
            ),
        ),
        "nginx+envoy": HopLimits(
            version="1.22.1, 1.40.0",
            role=Role.PATH,
            request=HeaderLimits(
                total_bytes=32768,
                entry_bytes=0,
                value_bytes=8192,
                entries=100,
            ),
            initial=HeaderLimits(
                total_bytes=4956,
                entry_bytes=5,
                entries=100,
                refused_above=5092,
            ),
            trailing=HeaderLimits(
                total_bytes=61440,
                entry_bytes=0,
                entries=100,
            ),
        ),
    }
)
