"""Reading settings: what is refused, and how it says so."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from waybill.serving.settings import (
    BadSettings,
    CommaSeparated,
    ServingSettings,
    load,
    read,
    unknown_variables,
    variables,
)


class ToySettings(ServingSettings):
    model_config = SettingsConfigDict(env_prefix="TOY_")

    port: int = 50059
    versions: CommaSeparated[int] = (2,)
    database_password: SecretStr | None = None
    database_digits: int | None = None


KEYS = {"TOY_USER_KEYS": "users.json"}


def problems(environ: dict[str, str], overrides: dict[str, object] | None = None) -> list[str]:
    with pytest.raises(BadSettings) as raised:
        read(ToySettings, environ, overrides or {})
    return raised.value.problems


def test_defaults() -> None:
    settings = read(ToySettings, KEYS, {})
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 50059, 1)
    assert settings.user_keys == Path("users.json")
    assert settings.max_message_bytes == 4 * 1024 * 1024


def test_the_environment_is_over_the_defaults_and_overrides_are_over_both() -> None:
    environ = {**KEYS, "TOY_PORT": "1", "TOY_WORKERS": "2", "TOY_VERSIONS": "1, 2"}
    settings = read(ToySettings, environ, {"port": 3, "workers": None})
    assert (settings.port, settings.workers, settings.versions) == (3, 2, (1, 2))


def test_an_empty_variable_is_absent() -> None:
    assert read(ToySettings, {**KEYS, "TOY_TLS_CERT_FILE": ""}, {}).tls_cert_file is None


def test_the_process_environment_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_PORT", "77")
    assert ToySettings(user_keys=Path("users.json")).port == 50059
    assert read(ToySettings, KEYS, {}).port == 50059


def test_settings_are_frozen() -> None:
    settings = read(ToySettings, KEYS, {})
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 3  # type: ignore[misc] # the mistake under test


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("TOY_PROT", "did you mean TOY_PORT?"),
        ("TOY_MAX_MESAGE_BYTES", "did you mean TOY_MAX_MESSAGE_BYTES?"),
        ("TOY_toy", "known are "),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_known(name: str, advice: str) -> None:
    (problem,) = problems({**KEYS, name: "s3cret"})
    assert problem.startswith(f"{name}: there is no such setting; {advice}")
    assert "s3cret" not in problem


def test_other_prefixes_are_left_alone() -> None:
    assert (
        unknown_variables(ToySettings, {"TOYS_X": "1", "PATH": "/bin", "ORDERS_TOY_X": "1"}) == []
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOY_PORT", "eighty"),
        ("TOY_PORT", "70000"),
        ("TOY_PORT", "-1"),
        ("TOY_WORKERS", "0"),
        ("TOY_DRAIN_S", "nan"),
        ("TOY_DRAIN_S", "inf"),
        ("TOY_MAX_CONCURRENT_CALLS", "0"),
        ("TOY_MAX_MESSAGE_BYTES", "4M"),
        ("TOY_REFLECTION", "perhaps"),
        ("TOY_LOG_LEVEL", "loud"),
        ("TOY_VERSIONS", "1,two"),
        ("TOY_DATABASE_DIGITS", "s3cret"),
    ],
)
def test_a_bad_value_is_named_by_its_variable_and_not_quoted(name: str, value: str) -> None:
    (problem,) = problems({**KEYS, name: value})
    assert problem.startswith(f"{name}: ")
    assert value not in problem.removeprefix(name)


def test_a_bad_override_is_named_by_its_flag() -> None:
    (problem,) = problems(dict(KEYS), {"max_concurrent_calls": 0})
    assert problem.startswith("--max-concurrent-calls: ")


def test_an_override_of_no_field_is_refused() -> None:
    (problem,) = problems(dict(KEYS), {"prot": 3})
    assert problem.startswith("--prot: ")


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = problems({"TOY_PORT": "x", "TOY_PROT": "1"})
    assert [line.partition(":")[0] for line in found] == ["TOY_PROT", "TOY_PORT", "TOY_USER_KEYS"]


@pytest.mark.parametrize(
    "files",
    [
        {"TOY_TLS_CERT_FILE": "c"},
        {"TOY_TLS_KEY_FILE": "k"},
        {"TOY_TLS_CLIENT_CA_FILE": "a"},
    ],
)
def test_half_of_tls_is_refused(files: dict[str, str]) -> None:
    (problem,) = problems({**KEYS, **files})
    assert "TOY_TLS_CERT_FILE" in problem


def test_load_prints_one_line_for_each_problem_and_exits_with_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as raised:
        load(ToySettings, {"TOY_PORT": "x", "TOY_USER_KEYS": ""})
    assert raised.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line.partition(":")[0] for line in printed.err.splitlines()] == [
        "TOY_PORT",
        "TOY_USER_KEYS",
    ]


def test_secrets_are_not_printed() -> None:
    settings = read(ToySettings, {**KEYS, "TOY_DATABASE_PASSWORD": "s3cret"}, {})
    assert "s3cret" not in repr(settings) + str(settings)


@given(
    st.fixed_dictionaries(
        {"user_keys": st.just(Path("users.json"))},
        optional={
            "port": st.integers(0, 65535),
            "versions": st.lists(st.integers(), min_size=1).map(tuple),
            "reflection": st.booleans(),
            "drain_s": st.floats(0, 1e6),
        },
    )
)
def test_variables_give_another_process_the_same_settings(values: dict[str, Any]) -> None:
    assert read(ToySettings, variables(ToySettings, values), {}) == ToySettings(**values)


def test_of_several_settings_together_all_are_named_by_their_variables() -> None:
    (problem,) = problems({**KEYS, "TOY_TLS_CERT_FILE": "c"})
    assert problem == "TOY_TLS_CERT_FILE and TOY_TLS_KEY_FILE need each other"
