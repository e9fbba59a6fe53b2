"""The logins that deploy/ gives the services, for servers of tests: what is shipped is tried."""

from pathlib import Path

import yaml

FULL = Path(__file__).resolve().parents[1] / "deploy" / "kubernetes" / "overlays" / "full"
PASSWORDS = {
    "VALKEY_PRODUCTS_PASSWORD": "hush-products",
    "VALKEY_ORDERS_PASSWORD": "hush-orders",
    "NATS_PRODUCTS_PASSWORD": "hush-products",
    "NATS_ORDERS_PASSWORD": "hush-orders",
}
"""The same word begins all: no text may hold it."""
SECRET = "hush"


def valkey_users() -> list[str]:
    """The end of the server's command line, but for the default user, whom tests operate as."""
    stateful = next(
        each
        for each in yaml.safe_load_all((FULL / "valkey.yaml").read_text("utf-8"))
        if each["kind"] == "StatefulSet"
    )
    words = stateful["spec"]["template"]["spec"]["containers"][0]["args"]
    default = words.index("--user")
    assert words[default : default + 3] == ["--user", "default", "off"]
    return [_with_passwords(word, "$({})") for word in words[default + 3 :]]


def nats_users() -> str:
    """The part of the server's configuration that says who may do what."""
    text = (FULL / "nats.conf").read_text("utf-8")
    return _with_passwords(text[text.index("authorization") :], "${}")


def databases() -> tuple[Path, dict[str, str]]:
    """The script that makes databases and their owners, and the environment that it reads."""
    return FULL / "databases.sql", {
        "PRODUCTS_PASSWORD": "hush-products",
        "ORDERS_PASSWORD": "hush-orders",
    }


def _with_passwords(text: str, form: str) -> str:
    for name, password in PASSWORDS.items():
        text = text.replace(form.format(name), password)
    return text
