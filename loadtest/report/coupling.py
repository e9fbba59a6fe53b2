"""Figures of section 6: who issues and who reads what, and what happens when versions differ."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import groupby

from loadtest.change.skew.record import Meeting, Result, SkewResult
from loadtest.report.arrows import Arrow, ArrowChart
from loadtest.report.figures import Figure
from loadtest.report.points import Findings
from loadtest.report.tables import Column, Entry, Table, Tone
from waybill.register import FILE_NAME, Register, StateEntry, Status, read

TONES = {Result.WORKS: Tone.GOOD, Result.REFUSED: Tone.FAIR, Result.SILENTLY_WRONG: Tone.BAD}


@cache
def register() -> Register:
    """The register that is installed with the contracts."""
    return read(files("shop") / FILE_NAME)


def contracts(findings: Findings) -> Figure | None:
    """Who depends on whom, by call or by what travels."""
    if not findings.run.under_change.skew:
        return None
    declared = register()
    chart = ArrowChart(
        "Who calls whom (solid), and who reads what another one issues (dashed)",
        tuple(declared.services),
        [*_calls(declared), *_states(declared)],
    )
    return Figure(
        "contracts",
        "Who issues and who reads what",
        "Solid arrows are calls. Dashed ones are state that travels by way of the client: no call "
        "shows them, and yet the reader breaks when its issuer changes what it signs. As declared "
        "in protos/contracts.toml, which make contracts holds to the code; not part of this run.",
        [chart],
        _contracts_table(declared),
    )


def _calls(declared: Register) -> Iterator[Arrow]:
    for call in declared.calls:
        yield Arrow(call.caller, call.callee, ", ".join(call.methods))


def _states(declared: Register) -> Iterator[Arrow]:
    """One for each strategy and pair, whatever the versions."""
    edges: dict[tuple[str, str, str], list[str]] = {}
    for state in declared.states:
        if state.status is not Status.REMOVED:
            for issuer in state.issuers:
                for reader in state.readers:
                    versions = edges.setdefault((issuer, reader, state.strategy.value), [])
                    versions.append(_version(state))
    for (issuer, reader, strategy), versions in edges.items():
        label = f"{strategy} {', '.join(versions)}"
        yield Arrow(issuer, reader, label, dashed=True, row=strategy)


def _version(state: StateEntry) -> str:
    current = state.status is Status.CURRENT
    return f"v{state.version}" if current else f"v{state.version} ({state.status})"


def _contracts_table(declared: Register) -> Table:
    titles = ("From", "To", "What", "Travels in", "Owner", "Status")
    columns = tuple(Column(title, figures=False) for title in titles)
    calls = [
        _words(call.caller, call.callee, f"calls {', '.join(call.methods)}", call.service, "", "")
        for call in declared.calls
    ]
    states = [_words(*cells) for state in declared.states for cells in _state_cells(state)]
    return Table("Calls, and state that travels", columns, (*calls, *states))


def _state_cells(state: StateEntry) -> Iterator[tuple[str, ...]]:
    places = ", ".join([*([state.key] if state.key else []), *state.fields])
    what = f"{state.name}: {state.type}"
    for issuer in state.issuers:
        for reader in state.readers:
            yield (issuer, reader, what, places, state.owner, state.status.value)


def _words(*texts: str) -> tuple[Entry, ...]:
    return tuple(map(Entry, texts))


def matrix(findings: Findings) -> Figure | None:
    """Every producer's state before every consumer."""
    found = [each for each in findings.run.under_change.skew if each.matrix]
    if not found:
        return None
    return Figure(
        "skew-matrix",
        "Versions that differ: producer × consumer",  # noqa: RUF001
        "What becomes of orders where a producer's state (down) meets a consumer (across). Works: "
        "every decision is right. Refused: an order that should be accepted is not, and the reason "
        "says why. Silently wrong: an order is accepted that should not be, and nothing tells. "
        "Version 1 cannot say a maximum quantity, so products leaves grants that have one out of "
        "it, and its readers refuse them. The tolerant reader is the library's; the strict one, "
        "which refuses each claim, field and version that it does not know, exists here only as "
        "the contrast.",
        [],
        _matrix_table(found),
    )


def alike(found: Iterable[SkewResult]) -> Iterator[tuple[list[str], Sequence[Meeting]]]:
    """The strategies that share a matrix, with it."""
    ordered = sorted(found, key=lambda each: _outcomes(each.matrix))
    for _, group in groupby(ordered, key=lambda each: _outcomes(each.matrix)):
        same = list(group)
        yield [each.strategy for each in same], same[0].matrix


def _outcomes(meetings: Sequence[Meeting]) -> list[str]:
    return [
        f"{each.producer} {each.consumer} {each.reader} {each.result} {each.reasons}"
        for each in meetings
    ]


def _matrix_table(found: Sequence[SkewResult]) -> Table:
    groups = list(alike(found))
    consumers = dict.fromkeys((e.reader, e.consumer) for _, matrix in groups for e in matrix)
    rows = [
        (Entry(f"issued {producer}"), Entry(", ".join(names)), *_cells(meetings, consumers))
        for names, matrix in groups
        for producer, meetings in groupby(matrix, key=lambda each: each.producer)
    ]
    titles = (
        "Producer",
        "Strategies",
        *(f"{reader} reader of {name}" for reader, name in consumers),
    )
    columns = tuple(Column(title, figures=False) for title in titles)
    if len(groups) > 1:
        return Table("Outcomes by strategy", columns, rows)
    names = ", ".join(groups[0][0])
    slim = [(*row[:1], *row[2:]) for row in rows]
    return Table(f"Outcomes, the same for {names}", (*columns[:1], *columns[2:]), slim)


def _cells(meetings: Iterable[Meeting], consumers: Iterable[tuple[str, str]]) -> tuple[Entry, ...]:
    own = {(each.reader, each.consumer): each for each in meetings}
    return tuple(_outcome(own[each]) if each in own else Entry("") for each in consumers)


def _outcome(meeting: Meeting) -> Entry:
    reasons = [reason.partition(" ")[2] or reason for reason in meeting.reasons]
    words = f"{meeting.result}: {', '.join(reasons)}" if reasons else meeting.result.value
    return Entry(words, tone=TONES[meeting.result])


FIGURES = (contracts, matrix)
