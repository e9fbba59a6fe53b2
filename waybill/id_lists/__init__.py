"""Sets of ids in few bytes: a ladder of encodings, from the plain list to what numbers allow.

`encode` and `best` take any ids that `protos/rules.toml` allows, as a set: order is not kept.
`decode` takes bytes from anywhere: it is bounded in time and memory, accepts of each set the one
spelling of each rung (`deflate`: any stream of the one text), and raises ValueError for all else.
"""

from waybill.id_lists.codec import Codec, Limits
from waybill.id_lists.ladder import (
    CODECS,
    DEFAULT_LIMITS,
    DEFAULT_TIME_BOUND_S,
    TAGS,
    best,
    decode,
    encode,
    rung_of,
)

__all__ = [
    "CODECS",
    "DEFAULT_LIMITS",
    "DEFAULT_TIME_BOUND_S",
    "TAGS",
    "Codec",
    "Limits",
    "best",
    "decode",
    "encode",
    "rung_of",
]
