"""Draws the register: a graph and a table, between markers of `docs/contracts.md`."""

from collections.abc import Iterator
from pathlib import Path

from waybill.register import Register, StateEntry, Status

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/contracts.md"
BEGIN = "<!-- drawn from protos/contracts.toml by `make contracts`: begin -->"
END = "<!-- drawn from protos/contracts.toml by `make contracts`: end -->"


def drawn(page: str, register: Register) -> str:
    """`page`, with what is between the markers drawn anew.

    Raises:
        ValueError: it lacks the markers.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} lacks its markers: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{graph(register)}\n\n{table(register)}\n\n{END}{after}"


def graph(register: Register) -> str:
    """A Mermaid flow chart: solid arrows are calls, dotted ones are state that travels."""
    lines = ["```mermaid", "flowchart LR"]
    lines += [f'  {name}["{name}<br/><i>{text}</i>"]' for name, text in register.services.items()]
    for call in register.calls:
        lines.append(f'  {call.caller} -- "{", ".join(call.methods)}" --> {call.callee}')
    for issuer, reader in _pairs(register):
        text = "<br/>".join(_labels(register, issuer, reader))
        lines.append(f'  {issuer} -. "{text}" .-> {reader}')
    return "\n".join([*lines, "```"])


def table(register: Register) -> str:
    """Every state entry as a row."""
    head = "| State | Type | Travels in | Issued by | Read by | Owner | Status |"
    rows = [_row(state) for state in register.states]
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def _pairs(register: Register) -> list[tuple[str, str]]:
    edges = {edge[:2] for edge in register.state_edges()}
    return sorted((issuer, reader) for issuer, reader in edges)


def _labels(register: Register, issuer: str, reader: str) -> Iterator[str]:
    """For each strategy its versions, such as `metadata-jwt v1 (deprecated), v2`."""
    found: dict[str, list[str]] = {}
    for state in register.states:
        both = issuer in state.issuers and reader in state.readers
        if both and state.status is not Status.REMOVED:
            note = "" if state.status is Status.CURRENT else f" ({state.status})"
            found.setdefault(state.strategy.value, []).append(f"v{state.version}{note}")
    for strategy, versions in found.items():
        yield f"{strategy} {', '.join(versions)}"


def _row(state: StateEntry) -> str:
    places = [f"`{state.key}`"] if state.key else []
    places += [f"`{'.'.join(field.split('.')[-2:])}`" for field in state.fields]
    cells = (
        f"`{state.strategy}` v{state.version}",
        f"`{state.type}`",
        ", ".join(places),
        ", ".join(state.issuers),
        ", ".join(state.readers),
        state.owner,
        state.status,
    )
    return f"| {' | '.join(cells)} |"
