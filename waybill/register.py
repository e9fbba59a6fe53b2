"""The register of contracts that no call shows: who issues and who reads which state, as values.

It is a file `contracts.toml` beside the contracts; `protos/contracts.toml` describes its form.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

from waybill.strategy import Strategy

FILE_NAME = "contracts.toml"

Entry = TypeVar("Entry")


class Status(StrEnum):
    """How far through its life a contract is."""

    CURRENT = "current"
    DEPRECATED = "deprecated"
    REMOVED = "removed"


class BadRegister(ValueError):
    """The register is not what it should be; says where."""


@dataclass(frozen=True, slots=True)
class StateEntry:
    """Who issues and who reads one version of state under one strategy."""

    strategy: Strategy
    version: int
    type: str
    issuers: tuple[str, ...]
    readers: tuple[str, ...]
    owner: str
    status: Status
    key: str = ""
    fields: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the entry is called in messages."""
        return f"{self.strategy} version {self.version}"


@dataclass(frozen=True, slots=True)
class CallEntry:
    """Which methods of a service one party calls at another."""

    caller: str
    callee: str
    service: str
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """All of it. `services` says of each party what it is."""

    services: Mapping[str, str]
    states: tuple[StateEntry, ...]
    calls: tuple[CallEntry, ...]

    def state_edges(self) -> set[tuple[str, str, str, int]]:
        """Issuer, reader, strategy and version of every state that may travel."""
        return {
            (issuer, reader, state.strategy.value, state.version)
            for state in self.states
            if state.status is not Status.REMOVED
            for issuer in state.issuers
            for reader in state.readers
        }

    def call_edges(self) -> set[tuple[str, str, str]]:
        """Caller, callee and full name of every method that may be called."""
        return {
            (call.caller, call.callee, f"{call.service}/{method}")
            for call in self.calls
            for method in call.methods
        }


def read(file: Traversable) -> Register:
    """The register of a file: a path, or what a package carries, `files("shop") / FILE_NAME`.

    Raises:
        BadRegister: it is malformed.
    """
    return parse(file.read_text("utf-8"))


def parse(text: str) -> Register:
    """The register that `text` is.

    Raises:
        BadRegister: it is malformed.
    """
    try:
        raw = tomllib.loads(text)
        if unknown := raw.keys() - {"services", "state", "call"}:
            raise BadRegister(f"unknown tables: {', '.join(sorted(unknown))}")
        register = Register(
            dict(raw["services"]),
            tuple(_entry(StateEntry, each) for each in raw.get("state", ())),
            tuple(_entry(CallEntry, each) for each in raw.get("call", ())),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise BadRegister(f"{FILE_NAME}: {error}") from None
    if problems := [*_inner_problems(register)]:
        raise BadRegister("\n".join(problems))
    return register


def _entry(kind: type[Entry], raw: Mapping[str, Any]) -> Entry:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type] # both are dataclasses
    if unknown := raw.keys() - known:
        raise BadRegister(f"unknown names: {', '.join(sorted(unknown))}")
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in raw.items()}
    if kind is StateEntry:
        values |= {"strategy": Strategy(raw["strategy"]), "status": Status(raw["status"])}
    return kind(**values)


def _inner_problems(register: Register) -> Iterator[str]:
    """What is wrong with it whatever the code says."""
    seen = set()
    for state in register.states:
        if (state.strategy, state.version) in seen:
            yield f"{state.name}: comes twice"
        seen.add((state.strategy, state.version))
        if not state.key and not state.fields:
            yield f"{state.name}: travels nowhere; it needs a key or fields"
        if not state.owner:
            yield f"{state.name}: needs an owner"
        for party in {*state.issuers, *state.readers} - register.services.keys():
            yield f"{state.name}: {party} is none of the services"
    for call in register.calls:
        for party in {call.caller, call.callee} - register.services.keys():
            yield f"{call.service}: {party} is none of the services"
