"""Draws `docs/settings.md` from the settings classes: `python -m tools.settings_page`.

What a setting is for stands under its field as a docstring, which only the source has; its default
is the field's, or for a path or URL the development one of the service's `__main__`.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import orders_svc.__main__
import orders_svc.settings
import products_svc.__main__
import products_svc.settings
from waybill.serving.settings import ServingSettings, variable

PAGE = Path(__file__).parent.parent / "docs/settings.md"
BEGIN = "<!-- drawn by `python -m tools.settings_page`: begin -->"
END = "<!-- drawn by `python -m tools.settings_page`: end -->"
PARENTS = {"worker", "parent_pid"}
"""What a service tells its own workers, and nobody else."""

_HOME = "/state-home"
_SERVICES: Mapping[type[ServingSettings], Mapping[str, str]] = {
    products_svc.settings.Settings: products_svc.__main__.development_defaults(
        {"XDG_STATE_HOME": _HOME}
    ),
    orders_svc.settings.Settings: orders_svc.__main__.development_defaults(
        {"XDG_STATE_HOME": _HOME}
    ),
}


def drawn(page: str) -> str:
    """`page`, with what is between the markers drawn anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + "\n\n".join([BEGIN, *_sections(), END]) + after


def documented(settings: type[ServingSettings]) -> dict[str, str]:
    """The docstring of each field that the class itself has, on one line."""
    body = ast.parse(textwrap.dedent(inspect.getsource(settings))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(text, ast.Expr), f"{field.target.id} says nothing of itself"
            found[field.target.id] = " ".join(ast.literal_eval(text.value).split())
    return found


def _sections() -> Iterator[str]:
    shared = documented(ServingSettings)
    own = {service: documented(service) for service in _SERVICES}
    common = [field for field in shared if all(field not in mine for mine in own.values())]
    yield _table("Both services", common, shared, *_SERVICES)
    for service, mine in own.items():
        yield _table(service.__module__.partition("_")[0].capitalize(), mine, mine, service)


def _table(
    title: str, fields: list[str] | dict[str, str], says: dict[str, str], *of: type[ServingSettings]
) -> str:
    rows = []
    for field in fields:
        if field not in PARENTS:
            names = ", ".join(f"`{variable(service, field)}`" for service in of)
            rows.append(f"| {names} | {_default(of[0], field)} | {_says(of[0], says[field])} |")
    return "\n".join([f"## {title}", "", "| Variable | Default | |", "|---|---|---|", *rows])


def _says(service: type[ServingSettings], text: str) -> str:
    """`text`, with the variable of each field that it names."""
    fields = "|".join(service.model_fields)
    return re.sub(rf"`({fields})`", lambda found: f"`{variable(service, found[1])}`", text)


def _default(service: type[ServingSettings], field: str) -> str:
    development = _SERVICES[service].get(variable(service, field))
    if development is not None:
        return f"`{development.replace(_HOME, '$XDG_STATE_HOME')}`"
    info = service.model_fields[field]
    if info.default_factory is not None:
        return "all that can be"
    return "none" if info.default is None else f"`{_text(info.default)}`"


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text("utf-8")), "utf-8")
