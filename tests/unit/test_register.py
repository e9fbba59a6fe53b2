"""The register of contracts: what `make contracts` finds, and that it finds nothing now."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tools import contracts, contracts_page
from tools.contracts_code import ISSUING, READING, Side, problems
from waybill.register import FILE_NAME, BadRegister, Register, Status, parse, read
from waybill.strategy import Strategy

REGISTER = read(contracts_page.ROOT / "protos" / FILE_NAME)
PROTO = """
syntax = "proto3";
package acme.state.v1;
message State {
  string subject = 1;
  int64 revision = 2;
}
"""
BUF = "version: v2\nmodules:\n  - path: protos\nbreaking:\n  use: [FILE]\n"


def test_what_is_installed_is_the_register() -> None:
    assert read(files("shop") / FILE_NAME) == REGISTER, "run `make proto`"


def test_the_register_says_what_the_code_says() -> None:
    assert [*problems(REGISTER)] == []


def test_the_page_shows_the_register() -> None:
    page = contracts_page.PAGE.read_text()
    assert contracts_page.drawn(page, REGISTER) == page, "run `make contracts`"


def without(strategy: Strategy, version: int) -> Register:
    kept = [s for s in REGISTER.states if (s.strategy, s.version) != (strategy, version)]
    return replace(REGISTER, states=tuple(kept))


def changed(**values: Any) -> Register:
    """The register whose entry of metadata-jwt version 2 has other values."""
    states = [
        replace(s, **values) if (s.strategy, s.version) == (Strategy.METADATA_JWT, 2) else s
        for s in REGISTER.states
    ]
    return replace(REGISTER, states=tuple(states))


def side_without(side: Side, strategy: Strategy, version: int) -> Side:
    table = {n: codec for n, codec in side.tables[strategy].items() if n != version}
    return replace(side, tables={**side.tables, strategy: table})


def test_a_state_that_nobody_declared() -> None:
    found = [*problems(without(Strategy.PAGE_PROOF, 2))]
    assert len(found) == 2
    assert found[0].startswith("products issues page-proof version 2, and the register does not")
    assert found[1].startswith("orders reads page-proof version 2, and the register does not")


@pytest.mark.parametrize(("side", "place"), [(ISSUING, "issuing"), (READING, "reading")])
def test_a_codec_that_is_gone(side: Side, place: str) -> None:
    less = side_without(side, Strategy.REFERENCE, 1)
    (found,) = problems(REGISTER, **{place: less})
    assert f"{side.service} {side.verb} reference version 1, and it has no codec" in found


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"status": Status.DEPRECATED}, "is deprecated, and products issues it by default"),
        ({"status": Status.REMOVED}, "products issues metadata-jwt version 2"),
        ({"key": "x-state"}, "travels under waybill-state-v2, not x-state"),
        ({"key": "", "fields": ("a.B.c",)}, "there is no field a.B.c"),
        ({"type": "JWT"}, "is waybill-state-v2+jwt, not JWT"),
        ({"issuers": ("orders",)}, "products issues metadata-jwt version 2"),
        ({"readers": ()}, "orders reads metadata-jwt version 2"),
    ],
)
def test_an_entry_that_says_something_else(values: Mapping[str, Any], text: str) -> None:
    assert any(text in problem for problem in problems(changed(**values)))


def test_a_current_version_that_is_not_read_by_default() -> None:
    found = [*problems(REGISTER, reading=replace(READING, defaults=(1,)))]
    assert len(found) == 4
    assert "is current, and orders does not read it by default" in found[0]


def test_a_removed_entry_stays() -> None:
    for side in (ISSUING, READING):
        assert side.tables
    gone = [
        replace(s, status=Status.REMOVED) if s.version == 1 and s.strategy == "reference" else s
        for s in REGISTER.states
    ]
    register = replace(REGISTER, states=tuple(gone))
    issuing = side_without(ISSUING, Strategy.REFERENCE, 1)
    reading = side_without(READING, Strategy.REFERENCE, 1)
    assert [*problems(register, issuing, reading)] == []
    assert ("products", "orders", "reference", 1) not in register.state_edges()


def test_calls_are_those_that_services_offer() -> None:
    (first, *others) = REGISTER.calls
    more = replace(first, methods=(*first.methods[1:], "Haggle"))
    found = [*problems(replace(REGISTER, calls=(more, *others)))]
    assert found == [
        "the register has calls of shop.products.v1.ProductsService/Haggle, which no service "
        "offers",
        "nobody calls shop.products.v1.ProductsService/ListProducts according to the register: "
        "add its caller",
    ]


ENTRY = """
[services]
a = "one"
[[state]]
strategy = "metadata-jwt"
version = 1
type = "t"
issuers = ["a"]
readers = ["a"]
owner = "a"
status = "current"
key = "k"
"""


def test_a_good_register() -> None:
    assert parse(ENTRY).state_edges() == {("a", "a", "metadata-jwt", 1)}


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("[services]", "[services", "contracts.toml"),
        ('strategy = "metadata-jwt"', 'strategy = "pigeon"', "pigeon"),
        ('status = "current"', 'status = "beloved"', "beloved"),
        ('owner = "a"', 'owner = ""', "needs an owner"),
        ('owner = "a"', 'owner = "a"\ncolour = "red"', "unknown names: colour"),
        ('key = "k"', "", "travels nowhere"),
        ('readers = ["a"]', 'readers = ["b"]', "b is none of the services"),
        ("version = 1\n", "", "version"),
        ("[[state]]", "[[states]]", "unknown tables: states"),
        ('key = "k"\n', 'key = "k"\n' + ENTRY.partition('[services]\na = "one"\n')[2], "twice"),
    ],
)
def test_a_bad_register_says_where(old: str, new: str, text: str) -> None:
    with pytest.raises(BadRegister, match=text):
        parse(ENTRY.replace(old, new, 1))


def test_a_page_without_markers() -> None:
    with pytest.raises(ValueError, match="lacks its markers"):
        contracts_page.drawn("# Contracts\n", REGISTER)


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit on main."""
    (tmp_path / "protos/acme/state/v1").mkdir(parents=True)
    (tmp_path / "buf.yaml").write_text(BUF)
    state_file(tmp_path).write_text(PROTO)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def state_file(root: Path) -> Path:
    return root / "protos/acme/state/v1/state.proto"


def change(root: Path, old: str, new: str) -> None:
    file = state_file(root)
    file.write_text(file.read_text().replace(old, new))
    git(root, "commit", "-qam", "change")


def test_a_change_that_breaks_a_release(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(repository, "tag", "v1.0.0")
    change(repository, "string subject = 1", "string subject = 3")
    (found,) = contracts.breaking(repository)
    assert 'Previously present field "1" with name "subject"' in found
    assert "against release v1.0.0" in capsys.readouterr().out


def test_a_change_that_breaks_nobody(repository: Path) -> None:
    git(repository, "tag", "v1.0.0")
    change(repository, "int64 revision = 2;", "int64 revision = 2;\n  string note = 3;")
    assert [*contracts.breaking(repository)] == []


def test_the_last_release_counts(repository: Path) -> None:
    git(repository, "tag", "v1.0.0")
    change(repository, "string subject = 1", "string subject = 3")
    git(repository, "tag", "v2.0.0")
    git(repository, "tag", "nightly")
    assert [*contracts.breaking(repository)] == []


def test_before_the_first_release_main_counts(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(repository, "checkout", "-q", "-b", "feature")
    change(repository, "int64 revision", "string revision")
    (found,) = contracts.breaking(repository)
    assert "revision" in found
    assert "as there is no release tag yet" in capsys.readouterr().out


def test_nothing_to_compare_with_is_said(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(repository, "branch", "-m", "trunk")
    assert [*contracts.breaking(repository)] == []
    assert "nothing is compared" in capsys.readouterr().out


def test_lint_finds_what_buf_finds(repository: Path) -> None:
    assert [*contracts.lint(repository)] == []
    change(repository, "string subject", "string Subject")
    (found,) = contracts.lint(repository)
    assert "lower_snake_case" in found


@pytest.mark.parametrize("arguments", [[], ["help"], ["check", "draw"]])
def test_the_command_says_how_to_call_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert contracts.main(arguments) == 2
    assert "check|draw" in capsys.readouterr().err
