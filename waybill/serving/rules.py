"""The rules of request fields, compiled from a table (`protos/rules.toml`).

A table names messages, their fields, and each field's rules. Each message type is compiled once
into a list of small checks. The texts say what a value must be and never quote what it is.
"""

import tomllib
from collections.abc import Callable, Hashable, Iterable, Mapping
from operator import attrgetter
from typing import Any, cast

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from waybill.errors import InvalidRequest
from waybill.serving.rule_checks import REQUIRED, ValueCheck, flag, value_check, whole_number

MAX_VIOLATIONS = 16
"""How many are told at once: they travel in trailing metadata, whose size peers limit."""

REPEATED = "must not repeat an earlier one"

Rules = Mapping[str, Any]
Violations = dict[str, str]
FieldCheck = Callable[[Message, str, Violations], None]
"""Checks one field; the text is the path of its message, empty or with a dot at the end."""

_LIST_RULES = frozenset({"required", "min_items", "max_items", "unique", "items"})


class RuleTable:
    """Checks messages against their rules."""

    def __init__(self, messages: Mapping[str, Mapping[str, Rules]]) -> None:
        """Take rules by field by full message name, in which no `type` is left to resolve."""
        self._rules = messages
        self._checks: dict[str, list[FieldCheck]] = {}

    @classmethod
    def from_toml(cls, text: str) -> "RuleTable":
        """Read a table, and compile the messages that the program has loaded.

        A message that is not loaded is left alone, because one table serves several services;
        `require` and `require_all` are for making sure.

        Raises:
            ValueError: the text is not TOML, or a rule is unknown, wrong, or about no field.
        """
        table = cls(_resolved(tomllib.loads(text)))
        for name in table._rules:
            if descriptor := _find(name):
                table._compiled(descriptor)
        return table

    def check(self, message: Message) -> None:
        """Check all fields, those of nested messages too; a message without rules passes.

        Raises:
            InvalidRequest: with the first broken rule of each bad field, at most MAX_VIOLATIONS.
        """
        descriptor = cast("Descriptor", message.DESCRIPTOR)
        checks = self._checks.get(descriptor.full_name)
        violations: Violations = {}
        for check in self._compiled(descriptor) if checks is None else checks:
            check(message, "", violations)
        if violations:
            raise InvalidRequest(dict(list(violations.items())[:MAX_VIOLATIONS]))

    def require(self, descriptor: Descriptor) -> None:
        """Make sure that a message which has fields has rules.

        Raises:
            ValueError: it has none.
        """
        if descriptor.fields and descriptor.full_name not in self._rules:
            raise ValueError(f"the rules have no message {descriptor.full_name}")

    def require_all(self) -> None:
        """Make sure that every message of the table is loaded, and so compiled.

        Raises:
            ValueError: naming those that are not.
        """
        missing = [name for name in self._rules if not _find(name)]
        if missing:
            raise ValueError(f"there is no message {', '.join(missing)}")

    def _compiled(self, descriptor: Descriptor) -> list[FieldCheck]:
        checks = self._checks.get(descriptor.full_name)
        if checks is None:
            checks = self._checks[descriptor.full_name] = []  # before its fields: types may recur
            try:
                checks.extend(self._message_checks(descriptor))
            except ValueError:
                del self._checks[descriptor.full_name]  # half of the checks would pass too much
                raise
        return checks

    def _message_checks(self, descriptor: Descriptor) -> Iterable[FieldCheck]:
        rules = self._rules.get(descriptor.full_name, {})
        for name in rules.keys() - descriptor.fields_by_name.keys():
            raise ValueError(f"{descriptor.full_name} has no field {name}")
        for field in descriptor.fields:
            yield from self._field_checks(field, rules.get(field.name, {}))

    def _field_checks(self, field: FieldDescriptor, rules: Rules) -> Iterable[FieldCheck]:
        if field.is_repeated:
            yield from _list_checks(field, rules)
        elif rules:
            yield _single_check(field, rules)
        if field.message_type and field.message_type.full_name in self._rules:
            yield _nested_check(field, self._compiled(field.message_type))
        if "unique" in rules:
            yield _unique_check(field, rules["unique"])


def _find(full_name: str) -> Descriptor | None:
    try:
        return descriptor_pool.Default().FindMessageTypeByName(full_name)
    except KeyError:
        return None


def _resolved(source: Mapping[str, Any]) -> dict[str, dict[str, Rules]]:
    for name in source.keys() - {"types", "messages"}:
        raise ValueError(f"a table of rules has `types` and `messages`, and no {name}")
    types = {name: _table(rules) for name, rules in _table(source.get("types", {})).items()}
    return {
        message: {field: _with_type(rules, types) for field, rules in _table(fields).items()}
        for message, fields in _table(source.get("messages", {})).items()
    }


def _with_type(source: Any, types: Mapping[str, Rules]) -> Rules:
    """Rules on top of those of the type that they name, and so for their `items`."""
    rules = _table(source)
    own = {name: value for name, value in rules.items() if name != "type"}
    if "items" in own:
        own["items"] = _with_type(own["items"], types)
    if "type" not in rules:
        return own
    if rules["type"] not in types:
        raise ValueError(f"there is no type {rules['type']!r}")
    return {**types[rules["type"]], **own}


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"there should be a table, not {value!r}")  # noqa: TRY004 -- one error for all
    return value


def _single_check(field: FieldDescriptor, rules: Rules) -> FieldCheck:
    name, required, check_value = field.name, flag(rules, "required"), value_check(field, rules)

    def check(message: Message, path: str, violations: Violations) -> None:
        if problem := check_value(getattr(message, name)):
            violations[path + name] = problem

    def check_present(message: Message, path: str, violations: Violations) -> None:
        if message.HasField(name):
            check(message, path, violations)
        elif required:
            violations[path + name] = REQUIRED

    return check_present if field.has_presence else check


def _list_checks(field: FieldDescriptor, rules: Rules) -> Iterable[FieldCheck]:
    for rule in rules.keys() - _LIST_RULES:
        raise ValueError(f"{field.full_name} cannot have the rule {rule}")
    if {"required", "min_items", "max_items"} & rules.keys():
        yield _length_check(field.name, rules)
    if "items" in rules and field.message_type:
        raise ValueError(f"{field.full_name} has messages for items; give the message rules")
    if "items" in rules:
        yield _items_check(field.name, value_check(field, rules["items"]))


def _length_check(name: str, rules: Rules) -> FieldCheck:
    least = whole_number(rules, "min_items", int(flag(rules, "required")))
    most = whole_number(rules, "max_items", 2**31)

    def check(message: Message, path: str, violations: Violations) -> None:
        count = len(getattr(message, name))
        if count < least:
            violations[path + name] = f"must have at least {least} items"
        elif count > most:
            violations[path + name] = f"must have at most {most} items"

    return check


def _items_check(name: str, check_value: ValueCheck) -> FieldCheck:
    def check(message: Message, path: str, violations: Violations) -> None:
        if violations and _wrong_already(path + name, violations):
            return
        for index, value in enumerate(getattr(message, name)):
            if problem := check_value(value):
                violations[f"{path}{name}[{index}]"] = problem
                if len(violations) >= MAX_VIOLATIONS:
                    return

    return check


def _nested_check(field: FieldDescriptor, checks: list[FieldCheck]) -> FieldCheck:
    name = field.name

    def check(message: Message, path: str, violations: Violations) -> None:
        if message.HasField(name):
            item, below = getattr(message, name), f"{path}{name}."
            for each in checks:
                each(item, below, violations)

    def check_items(message: Message, path: str, violations: Violations) -> None:
        if violations and _wrong_already(path + name, violations):
            return
        for index, item in enumerate(getattr(message, name)):
            below = f"{path}{name}[{index}]."
            for each in checks:
                each(item, below, violations)
            if len(violations) >= MAX_VIOLATIONS:
                return

    return check_items if field.is_repeated else check


def _unique_check(field: FieldDescriptor, unique: bool | str) -> FieldCheck:
    name, suffix, identity = field.name, *_identity(field, unique)

    def check(message: Message, path: str, violations: Violations) -> None:
        items = getattr(message, name)
        if len(items) < 2 or (violations and _wrong_already(path + name, violations)):
            return
        seen: set[Hashable] = set()
        for index, item in enumerate(items):
            value = identity(item)
            if value in seen:
                violations.setdefault(f"{path}{name}[{index}]{suffix}", REPEATED)
                if len(violations) >= MAX_VIOLATIONS:
                    return
            seen.add(value)

    return check


def _identity(field: FieldDescriptor, unique: bool | str) -> tuple[str, Callable[[Any], Hashable]]:
    """What must differ between items: the path below the item, and what takes it from one."""
    if unique is True and not field.message_type:
        return "", lambda item: item
    if field.message_type and unique in field.message_type.fields_by_name:
        return f".{unique}", attrgetter(str(unique))
    raise ValueError(f"{field.full_name} cannot be unique by {unique!r}")


def _wrong_already(path: str, violations: Violations) -> bool:
    """Whether to spare the items: the list is wrong as a whole, or enough is wrong elsewhere."""
    return path in violations or len(violations) >= MAX_VIOLATIONS
