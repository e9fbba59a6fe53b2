"""The session file's JSON, version 1."""

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, NonNegativeInt, StringConstraints

from client.carriers.base import KeptPage
from client.session import Session, SessionBook
from waybill.metadata import Entry
from waybill.strategy import Strategy
from waybill.v1.envelope_pb2 import Envelope
from waybill.v1.page_proof_pb2 import PageProof
from waybill.values import CarriedState

VERSION = 1
BINARY_SUFFIX = "-bin"
"""gRPC's mark of keys whose values are bytes; they are base64 in the file."""

Token = Annotated[str, StringConstraints(pattern=r"^[!-~]*$")]
Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-z_.-]+$")]
Value = Annotated[str, StringConstraints(pattern=r"^[ -~]*$")]
"""What gRPC can send: anything else would fail far from here, with the value in the message."""


class NewerFormatError(Exception):
    """The file was written by a newer client."""


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Page(_Record):
    product_ids: tuple[str, ...]
    revision: NonNegativeInt
    metadata: tuple[tuple[Key, Value], ...] = ()
    envelopes: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()


class _Session(_Record):
    subject: str
    token: Token
    expire_time: int
    roles: tuple[str, ...] = ()
    pages: dict[Strategy, tuple[_Page, ...]] = {}


class _Book(_Record):
    version: int
    current: str | None
    sessions: tuple[_Session, ...]


def encode_book(book: SessionBook) -> str:
    """The book as indented JSON text."""
    record = _Book(
        version=VERSION,
        current=book.current,
        sessions=tuple(_session_record(session) for session in book.sessions.values()),
    )
    return record.model_dump_json(indent=1) + "\n"


def decode_book(content: bytes) -> SessionBook:
    """The book that `encode_book` wrote.

    Raises:
        NewerFormatError: `version` is above this reader's.
        ValueError: anything else is wrong with it.
    """
    _check_version(content)
    record = _Book.model_validate_json(content)
    sessions = {item.subject: _session(item) for item in record.sessions}
    return SessionBook(record.current, sessions)


def _check_version(content: bytes) -> None:
    try:
        document = json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    version = document.get("version") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError("no usable version number")
    if version > VERSION:
        raise NewerFormatError(f"version {version}; this client reads up to {VERSION}")


def _session_record(session: Session) -> _Session:
    return _Session(
        subject=session.subject,
        token=session.token,
        expire_time=session.expire_time,
        roles=session.roles,
        pages={
            strategy: tuple(_page_record(page) for page in pages)
            for strategy, pages in session.pages.items()
        },
    )


def _session(record: _Session) -> Session:
    return Session(
        subject=record.subject,
        token=record.token,
        expire_time=record.expire_time,
        roles=record.roles,
        pages={
            strategy: tuple(_page(page) for page in pages)
            for strategy, pages in record.pages.items()
        },
    )


def _page_record(page: KeptPage) -> _Page:
    return _Page(
        product_ids=tuple(sorted(page.product_ids)),
        revision=page.revision,
        metadata=tuple((key, _text(value)) for key, value in page.carried.metadata),
        envelopes=tuple(_text(e.SerializeToString()) for e in page.carried.envelopes),
        proofs=tuple(_text(p.SerializeToString()) for p in page.carried.proofs),
    )


def _page(record: _Page) -> KeptPage:
    return KeptPage(
        product_ids=frozenset(record.product_ids),
        revision=record.revision,
        carried=CarriedState(
            _entries(record.metadata), _envelopes(record.envelopes), _proofs(record.proofs)
        ),
    )


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else base64.b64encode(value).decode()


def _entries(entries: Iterable[tuple[str, str]]) -> tuple[Entry, ...]:
    return tuple(
        (key, _bytes(value) if key.endswith(BINARY_SUFFIX) else value) for key, value in entries
    )


def _envelopes(texts: Sequence[str]) -> tuple[Envelope, ...]:
    return tuple(Envelope.FromString(_bytes(text)) for text in texts)


def _proofs(texts: Sequence[str]) -> tuple[PageProof, ...]:
    return tuple(PageProof.FromString(_bytes(text)) for text in texts)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
