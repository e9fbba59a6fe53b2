"""Issuing references: what is carried goes into a store, and only its handle travels."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message

from waybill.metadata import REFERENCE, Entry
from waybill.references import record
from waybill.references.handle import name_of, new_handle
from waybill.references.store import Filed, ReferenceSink
from waybill.values import State


async def reference_entry(
    store: ReferenceSink, state: State[Any], messages: Iterable[Message]
) -> Entry:
    """The metadata entry that leads to `state`; `waybill.references.reader` resolves it.

    `messages` say the same as `state`, one for each version that is issued. They are in the store
    when this returns, for as long as the state lives.

    Raises:
        waybill.errors.StateSuperseded: the subject was revoked after the state was read.
        waybill.errors.ReferenceStoreUnavailable: the store does not answer, or is full.
    """
    handle = new_handle()
    filed = Filed(
        name=name_of(handle, state.audience),
        subject=state.subject,
        revision=state.revision,
        ttl_s=state.expire_time - state.issue_time,
        record=record.encode(messages),
    )
    await store.put(filed)
    return REFERENCE, handle
