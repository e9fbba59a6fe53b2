"""What the orders service can be told, by `ORDERS_*` environment variables."""

from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from waybill import nats_address
from waybill.jwks_url import REFRESH_S
from waybill.revocation import Behind
from waybill.serving import postgresql
from waybill.serving.key_sources import KeysPlace, check_ca_file
from waybill.serving.settings import CommaSeparated, ServingSettings
from waybill.serving.strategies import check_accepted, possible
from waybill.strategy import Strategy
from waybill.valkey_access import address


class RevocationBy(StrEnum):
    """What ends carried state before it is too late."""

    EXPIRY = "expiry"
    WATERMARKS = "watermarks"


class Settings(ServingSettings):
    """Names carry their units: `_s` seconds, `_bytes` bytes."""

    model_config = SettingsConfigDict(env_prefix="ORDERS_")

    port: int = Field(50052, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""

    reference_url: str | None = Field(None, pattern=address.SETTING, repr=False)
    """Where the store of references is, such as `valkey://127.0.0.1:6379/0`; may hold a password.
    Without it strategy `reference` is not accepted. docs/engines.md has TLS and clusters."""
    reference_prefix: str = Field("waybill:", max_length=64)
    """What the store's keys begin with; the same at both services, on a cluster with braces."""
    reference_timeout_s: float = Field(0.25, gt=0, allow_inf_nan=False)
    """How long one look-up in the store may take."""
    reference_cache_ttl_s: float = Field(1.0, ge=0, allow_inf_nan=False)
    """How long a resolved reference is reused: how long a revoked one may still count. 0 looks each
    time."""
    reference_cache_entries: int = Field(10_000, ge=0)
    """Resolved references that are remembered."""
    reference_cache_bytes: int = Field(16 * 1024 * 1024, ge=0)
    """Their bytes in the store; decoded, they take a multiple of that."""

    strategies: CommaSeparated[Strategy] = Field(default_factory=possible)
    """The strategies that a call may ask for: all whose needs are configured."""
    default_strategy: Strategy = Strategy.MESSAGE_FIELD
    """The strategy of a call that asks for none."""

    database_url: str = Field(pattern=rf"^(sqlite:///.|{postgresql.SETTING})", repr=False)
    """URL of the orders' database, such as `sqlite:////var/lib/waybill/orders.db` or
    `postgresql://waybill:secret@db.example/orders`; may hold a password."""
    database_timeout_s: float = Field(5.0, gt=0, allow_inf_nan=False)
    """How long a transaction waits for a connection or another process, and PostgreSQL may take for
    one statement. A call waits twice that at most."""
    database_create: bool = True
    """Whether missing tables are made at the start. Turn it off once there are orders: a database
    that lost them then ends the start, where it would have taken repeated orders for new ones."""
    group_commit: bool = True
    """Whether orders that arrive together are committed together."""
    max_waiting_orders: int = Field(1000, ge=1)
    """Orders that may wait for their commit; more are refused."""

    state_keys: KeysPlace
    """The keys that carried state is signed with: a JWKS file, or the URL (`http`, `https`) that
    products serves them at."""
    state_keys_refresh_s: float = Field(REFRESH_S, gt=0, allow_inf_nan=False)
    """How often the URL is asked; shorter than `PRODUCTS_SIGNING_SETTLE_S`, after which a new key
    signs. A server that lets its answer be used for less is asked more often."""
    state_keys_ca_file: Path | None = None
    """With it, the URL's server must have a certificate that one of these (PEM) has signed."""
    state_issuer: str = Field("products", min_length=1)
    """Who must have issued carried state."""
    state_audience: str = Field("orders", min_length=1)
    """For whom carried state must be."""
    state_versions: CommaSeparated[int] = (1, 2)
    """The versions of carried state that are read."""
    state_budget_bytes: int = Field(4 * 1024 * 1024, ge=1)
    """Most carried state in one call. Metadata has its own, lower bound: `max_metadata_bytes`."""

    state_revocation: RevocationBy = RevocationBy.EXPIRY
    """What ends carried state early: nothing (`expiry`), or the products service's changes, which
    are followed then (`watermarks`)."""
    state_revocation_behind: Behind = Behind.REFUSE
    """What to do with carried state while those changes are behind their bound: `refuse` it, or
    believe it until it expires (`expiry`)."""
    state_revocation_lag_bound_s: float = Field(5.0, gt=0, allow_inf_nan=False)
    """How far behind they may be."""
    state_revocation_max_subjects: int = Field(200_000, ge=1)
    """Subjects whose losses are remembered; with more, everybody's older state is refused."""
    state_max_lifetime_s: int = Field(300, ge=1, le=86_400)
    """The longest that state may hold where revocations are followed: `PRODUCTS_STATE_TTL_S` or
    more. State that claims more is refused, since it would outlive what is remembered."""

    products_target: str = Field("127.0.0.1:50051", min_length=1)
    """Where the products service is, as a gRPC target."""
    products_timeout_s: float = Field(1.0, gt=0, allow_inf_nan=False)
    """How long one call to the products service may take."""
    products_tls_ca_file: Path | None = None
    """With it, products is called with TLS and must have a certificate that one of these (PEM) has
    signed."""
    products_tls_cert_file: Path | None = None
    """Certificate chain (PEM) that this service shows to products."""
    products_tls_key_file: Path | None = None
    """Private key (PEM) of that certificate."""
    service_token_file: Path
    """The token with role `service` that this service shows to the products service."""
    cache_ttl_s: float = Field(5.0, ge=0, allow_inf_nan=False)
    """How long an answer of the products service is reused; 0 asks each time."""
    cache_negative_ttl_s: float = Field(1.0, ge=0, allow_inf_nan=False)
    """The same for the answer that there is no grant."""
    cache_jitter: float = Field(0.1, ge=0, lt=1)
    """The part of a TTL that is taken off at random, so that entries do not expire together."""
    cache_entries: int = Field(100_000, ge=1)
    """Answers that are remembered."""

    feed_url: str | None = Field(None, pattern=nats_address.SETTING, repr=False)
    """Where the copy and the revocations learn of changes, instead of the products service's own
    stream: a NATS server with JetStream, such as `nats://127.0.0.1:4222`; may hold a password.
    Needs the extra `nats`. Snapshots come from the products service all the same."""
    feed_stream: str = Field("waybill-access", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """The stream's name there; the same at products."""
    feed_consumer: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """What this copy is called there; every copy needs a name of its own. By default it is made of
    where the copy is, and for a folder of the machine's name."""

    replica_url: str | None = Field(None, pattern=address.SETTING, repr=False)
    """Where the copy of the entitlements is instead of `replica_path`, for all instances of this
    service together, such as `valkey://127.0.0.1:6379/0`; may hold a password."""
    replica_prefix: str = Field("waybill:replica", min_length=1, max_length=64, pattern=r"^[^{}]*$")
    """Names the copy in that store; the same at all instances, and at nobody else."""
    replica_timeout_s: float = Field(0.25, gt=0, allow_inf_nan=False)
    """How long one look-up in that store may take."""
    replica_path: Path
    """Directory of the local copy of the entitlements, where no `replica_url` is given."""
    replica_map_bytes: int = Field(1024**3, ge=1024**2)
    """The size that the copy's file may have before it must grow; address space, not memory."""
    replica_lag_bound_s: float = Field(5.0, gt=0, allow_inf_nan=False)
    """How far behind the products service the copy may be and still be used."""
    follower: Literal["in-process", "process", "none"] = "in-process"
    """What keeps the copy up to date: this process (`in-process`; with workers, the first of them),
    one beside it that the service keeps alive (`process`), or nothing here (`none`), but whoever
    runs `python -m orders_svc follow`."""

    @field_validator("reference_url", "replica_url")
    @classmethod
    def _valkey_can_be_asked(cls, url: str | None) -> str | None:
        return address.check(url)

    @field_validator("feed_url")
    @classmethod
    def _nats_can_be_asked(cls, url: str | None) -> str | None:
        return nats_address.check(url)

    @model_validator(mode="after")
    def _state_keys_are_checked(self) -> Self:
        check_ca_file(self.state_keys, self.state_keys_ca_file)
        return self

    @model_validator(mode="after")
    def _strategies_are_possible(self) -> Self:
        check_accepted(self.strategies, self.default_strategy, vars(self))
        address.check_prefix(self.reference_url, self.reference_prefix)
        if not self.state_versions or not {1, 2}.issuperset(self.state_versions):
            raise ValueError("state_versions must be some of 1, 2")
        return self
