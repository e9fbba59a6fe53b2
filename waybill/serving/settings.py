"""Settings that every service has, and reading them: the only place that looks at the environment.

A service derives its own class with its prefix:

    class Settings(ServingSettings):
        model_config = SettingsConfigDict(env_prefix="ORDERS_")
        port: int = 50052
"""

import difflib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from waybill.serving.key_sources import KeysPlace, check_ca_file

Item = TypeVar("Item")
Settings = TypeVar("Settings", bound="ServingSettings")

DEFAULT_METADATA_BYTES = 8192
"""gRPC's own soft limit; its hard limit is 16384."""

EXIT_SETTINGS = 2
"""Exit code of a process whose settings are wrong, so that a restart will not help."""


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[Item, ...], BeforeValidator(_split)]
"""Several values in one variable, such as `1,2`."""


class ServingSettings(BaseSettings):
    """What a service needs in order to serve. Making one reads no environment; `load` does."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field(default="127.0.0.1", min_length=1)
    """The address to listen on."""
    port: int = 0
    """The port to listen on; 0 takes a free one."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that share the port."""
    worker: int = Field(default=0, ge=0)
    """Which of them this is, from 1. Set by the parent; 0 is the parent or an only process."""
    parent_pid: int = Field(default=0, ge=0)
    """The process that a worker ends with. Set by the parent; 0 for none."""
    max_message_bytes: int = Field(default=4 * 1024 * 1024, ge=1, le=1024**3)
    """Largest request message."""
    max_metadata_bytes: int = Field(default=DEFAULT_METADATA_BYTES, ge=1024, le=1024**3)
    """Largest request metadata, as HTTP/2 counts it: above, gRPC refuses more and more of calls."""
    max_concurrent_calls: int = Field(default=1000, ge=1)
    """Calls in work at once, streams included."""
    drain_s: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    """How long calls may go on after SIGTERM."""
    reflection: bool = True
    """Whether to tell everybody the contracts, as grpcurl needs."""
    user_keys: KeysPlace
    """The keys that users' tokens are signed with: a JWKS file, or the URL (`http`, `https`) that
    the identity provider serves them at."""
    user_keys_refresh_s: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    """How often the URL is asked, and so for how long a key that was withdrawn still counts. A
    server that lets its answer be used for less is asked more often."""
    user_keys_ca_file: Path | None = None
    """With it, the URL's server must have a certificate that one of these (PEM) has signed."""
    user_issuer: str = Field(default="waybill-dev", min_length=1)
    """Who must have issued users' tokens."""
    user_audience: str = Field(default="shop", min_length=1)
    """For whom users' tokens must be."""
    clock_leeway_s: int = Field(5, ge=0, le=300)
    """How far the clocks of those who sign and of this service may differ."""
    verified_cache_entries: int = Field(10_000, ge=0)
    """Verified tokens and envelopes that are remembered; 0 verifies each time."""
    verified_cache_bytes: int = Field(16 * 1024 * 1024, ge=0)
    """Their bytes as carried; decoded, they take a multiple of that."""
    tls_cert_file: Path | None = None
    """Certificate chain (PEM) to serve with TLS."""
    tls_key_file: Path | None = None
    """Private key (PEM) of the certificate."""
    tls_client_ca_file: Path | None = None
    """With it, clients must show a certificate that one of these (PEM) has signed."""
    http_port: int | None = Field(default=None, ge=0, le=65535)
    """With it, `/metrics` and what else the service tells over plain HTTP is served there; 0 takes
    a free one. Workers take ports in a row from it, a follower process the one after theirs."""
    http_host: str = Field(default="127.0.0.1", min_length=1)
    """The address of that port."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What to log at least: `debug`, `info`, `warning` or `error`."""

    @field_validator("port")
    @classmethod
    def _port_exists(cls, port: int) -> int:  # holds for services that give another default, too
        if not 0 <= port <= 65535:
            raise ValueError("a port is from 0 to 65535")
        return port

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file need each other")
        if self.tls_client_ca_file and not self.tls_cert_file:
            raise ValueError("tls_client_ca_file needs tls_cert_file and tls_key_file")
        return self

    @model_validator(mode="after")
    def _user_keys_are_checked(self) -> Self:
        check_ca_file(self.user_keys, self.user_keys_ca_file)
        return self

    @model_validator(mode="after")
    def _http_ports_exist(self) -> Self:
        if self.http_port and self.http_port + self.workers > 65535:
            raise ValueError("http_port leaves no room for the ports of all workers")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 -- given by the base class
        init_settings: PydanticBaseSettingsSource,
        *_others: PydanticBaseSettingsSource,
        **_named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Values come from the constructor alone."""
        return (init_settings,)


class BadSettings(Exception):
    """The settings are wrong; `problems` has one line for each, without the values."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(
    settings_class: type[Settings],
    environ: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """The settings that the environment and, above it, `overrides` by field name make.

    Raises:
        SystemExit: with code 2, after one line on stderr for each problem.
    """
    try:
        return read(settings_class, environ, overrides or {})
    except BadSettings as bad:
        print(bad, file=sys.stderr)  # noqa: T201 -- before there is a logger
        raise SystemExit(EXIT_SETTINGS) from None


def read(
    settings_class: type[Settings], environ: Mapping[str, str], overrides: Mapping[str, object]
) -> Settings:
    """As `load`, for callers that go on.

    An empty variable counts as absent. An override of None does too.

    Raises:
        BadSettings: with everything that is wrong.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    values = {**_from_environ(settings_class, environ), **given}
    unknown = unknown_variables(settings_class, environ)
    try:
        settings = settings_class(**values)
    except ValidationError as error:
        raise BadSettings([*unknown, *_problems(settings_class, error, given)]) from None
    if unknown:
        raise BadSettings(unknown)
    return settings


def variable(settings_class: type[ServingSettings], field: str) -> str:
    """The environment variable of a field."""
    return settings_class.model_config.get("env_prefix", "") + field.upper()


def variables(
    settings_class: type[ServingSettings], values: Mapping[str, object]
) -> dict[str, str]:
    """Values by field, as the environment of a process that is to have them; None is left out."""
    return {
        variable(settings_class, field): _text(value)
        for field, value in values.items()
        if value is not None
    }


def unknown_variables(
    settings_class: type[ServingSettings], environ: Mapping[str, str]
) -> list[str]:
    """One line for each variable that has the prefix and belongs to no field."""
    prefix = settings_class.model_config.get("env_prefix", "")
    known = [variable(settings_class, field) for field in settings_class.model_fields]
    names = sorted(name for name in environ if prefix and name.startswith(prefix))
    return [_unknown(name, known) for name in names if name not in known]


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
    return f"{name}: there is no such setting; {advice}"


def _from_environ(
    settings_class: type[ServingSettings], environ: Mapping[str, str]
) -> dict[str, Any]:
    names = {field: variable(settings_class, field) for field in settings_class.model_fields}
    return {field: environ[name] for field, name in names.items() if environ.get(name)}


def _problems(
    settings_class: type[ServingSettings], error: ValidationError, given: Mapping[str, object]
) -> list[str]:
    """What is wrong where, without the values: they may be secret."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        if problem["type"] == "default_factory_not_called":
            continue  # says no more than that another line is there
        text = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:  # of several settings together, which it names by their fields
            lines.append(_with_variables(settings_class, text))
            continue
        field = str(problem["loc"][0])
        flag = f"--{field.replace('_', '-')}"
        lines.append(f"{flag if field in given else variable(settings_class, field)}: {text}")
    return lines


def _with_variables(settings_class: type[ServingSettings], text: str) -> str:
    """`text` with the variable of each field that it names."""
    names = "|".join(sorted(settings_class.model_fields, key=len, reverse=True))
    return re.sub(rf"\b({names})\b", lambda found: variable(settings_class, found[0]), text)


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
