"""What the products service can be told, by `PRODUCTS_*` environment variables."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from waybill import nats_address
from waybill.budget import DEFAULT_PATH, RESERVE_BYTES, check_hops
from waybill.serving import postgresql
from waybill.serving.settings import CommaSeparated, ServingSettings
from waybill.serving.strategies import check_accepted, possible
from waybill.strategy import Strategy
from waybill.valkey_access import address

VERSIONS = (1, 2)
"""The versions of carried state that this program can issue."""


class Settings(ServingSettings):
    """Names carry their units: `_s` seconds, `_bytes` bytes."""

    model_config = SettingsConfigDict(env_prefix="PRODUCTS_")

    port: int = Field(50051, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""

    reference_url: str | None = Field(None, pattern=address.SETTING, repr=False)
    """Where the store of references is, such as `valkey://127.0.0.1:6379/0`; may hold a password.
    Without it strategy `reference` is not accepted. docs/engines.md has TLS and clusters."""
    reference_prefix: str = Field("waybill:", max_length=64)
    """What the store's keys begin with; the same at both services, on a cluster with braces."""
    reference_timeout_s: float = Field(0.5, gt=0, allow_inf_nan=False)
    """How long one operation of the store may take."""
    reference_max_per_subject: int = Field(256, ge=1)
    """References that one subject may have at once; the oldest go first."""

    strategies: CommaSeparated[Strategy] = Field(default_factory=possible)
    """The strategies that a call may ask for: all whose needs are configured."""
    default_strategy: Strategy = Strategy.MESSAGE_FIELD
    """The strategy of a call that asks for none."""

    database_url: str = Field(pattern=rf"^(sqlite:///.|{postgresql.SETTING})", repr=False)
    """URL of the database, such as `sqlite:////var/lib/waybill/products.db` or
    `postgresql://waybill:secret@db.example/products`; may hold a password."""
    database_timeout_s: float = Field(5.0, gt=0, allow_inf_nan=False)
    """How long a transaction waits for a connection or another writer, and PostgreSQL may take for
    one statement of a call. A call waits twice that at most."""
    database_create: bool = True
    """Whether an empty database is set up at the start. Turn it off once there is data: a database
    that lost everything then ends the start, where it would have begun a new, empty history."""
    currency_code: str | None = Field(None, pattern="[A-Z]{3}")
    """ISO 4217. A new database gets it (EUR by default); an old one must have it."""
    history_changes: int = Field(100_000, ge=1)
    """How many changes are kept for watchers to resume from."""

    signing_keys: Path
    """The keys that state is signed with, newest first; made at the first start."""
    signing_algorithm: Literal["EdDSA", "ES256", "RS256"] = "EdDSA"
    """For which algorithm new signing keys are: `EdDSA`, `ES256` or `RS256`. A key that is there
    keeps signing until `rotate-keys`, and stays trusted beside the new one, so that one can
    migrate."""
    public_keys: Path
    """Where the public part of the signing keys is written (JWKS), for readers."""
    signing_settle_s: float = Field(3.0, ge=0, allow_inf_nan=False)
    """How long a new key is published before it signs. Readers must look for keys more often: those
    of a file look each second, those over HTTP at half of this time at most."""
    state_issuer: str = Field("products", min_length=1)
    """How issued state names this service."""
    state_audience: str = Field("orders", min_length=1)
    """For whom state is issued."""
    state_versions: CommaSeparated[int] = (2,)
    """The versions of state that are issued, all of them at once."""
    state_ttl_s: int = Field(300, ge=1, le=86_400)
    """How long issued state holds."""
    path_hops: CommaSeparated[str] = DEFAULT_PATH
    """What state in metadata passes, from the caller to the verifier of the state, by the names of
    `waybill.hop_limits`. State that would not pass each of them both ways is not issued. The
    default leaves 7168 bytes."""
    path_reserve_bytes: int = Field(RESERVE_BYTES, ge=0)
    """Room for what else is in a request's header: credential and gRPC's own entries."""
    state_budget_bytes: int | None = Field(None, ge=0)
    """Most state in metadata, over all versions, whatever the path; 0 is no limit."""

    id_list_coding: Literal["json", "best"] = "json"
    """How version 1 lists ids in tokens, envelopes and references: one by one (`json`), or packed
    in whatever form is shortest (`best`). Readers must know packed ones before they are issued."""

    watch_poll_s: float = Field(0.025, gt=0, allow_inf_nan=False)
    """How late watchers may see what another process committed."""
    watch_heartbeat_s: float = Field(0.25, gt=0, allow_inf_nan=False)
    """Time between the heartbeats of a watch."""
    watch_stall_s: float = Field(30.0, gt=0, allow_inf_nan=False)
    """How long a watcher may leave one message unread before its stream is ended."""

    feed_url: str | None = Field(None, pattern=nats_address.SETTING, repr=False)
    """Where changes are published as well, for followers that do not watch this service: a NATS
    server with JetStream, such as `nats://127.0.0.1:4222`; may hold a password. Needs the extra
    `nats`."""
    feed_stream: str = Field("waybill-access", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """The stream's name there; one for each database, the same at orders. Where it is missing it is
    made, and keeps `history_changes` messages."""
    feed_replicas: int = Field(1, ge=1, le=5)
    """How many servers of a NATS cluster keep the stream, where it is made here; with 3, one may be
    gone."""

    @field_validator("path_hops")
    @classmethod
    def _hops_are_known(cls, hops: tuple[str, ...]) -> tuple[str, ...]:
        check_hops(hops)
        return hops

    @field_validator("reference_url")
    @classmethod
    def _valkey_can_be_asked(cls, url: str | None) -> str | None:
        return address.check(url)

    @field_validator("feed_url")
    @classmethod
    def _nats_can_be_asked(cls, url: str | None) -> str | None:
        return nats_address.check(url)

    @model_validator(mode="after")
    def _strategies_are_possible(self) -> Self:
        check_accepted(self.strategies, self.default_strategy, vars(self))
        address.check_prefix(self.reference_url, self.reference_prefix)
        if not self.state_versions or not set(VERSIONS).issuperset(self.state_versions):
            raise ValueError("state_versions must be some of 1, 2")
        return self
