"""Where Valkey is and how it is reached, as its URL says.

The URL is that of valkey-py, such as `valkeys://user:password@host:6379/1?ssl_ca_certs=/ca.pem`.
`valkey+cluster://` and `valkeys+cluster://` mean a cluster, of which several nodes may be named,
with commas between them: what some of the ecosystem's libraries do, and nobody does otherwise.

With TLS the server must show a certificate for the name that the URL has: the library alone takes
one for any name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from valkey.asyncio.connection import Connection, SSLConnection, parse_url
from valkey.exceptions import ValkeyError

SETTING = r"^(valkeys?(\+cluster)?://|unix://)."
"""What a URL of Valkey begins with."""

_PARTS = re.compile(
    r"(?P<scheme>valkeys?)\+cluster://(?P<login>[^@/?]*@)?(?P<hosts>[^/?]+)(?P<rest>.*)"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Each of `nodes` is what valkey-py's connections take; those of a cluster are its beginning.

    They may hold a password.
    """

    nodes: Sequence[Mapping[str, Any]] = field(repr=False)
    cluster: bool


def parse(url: str) -> Address:
    """What `url` says.

    Raises:
        ValueError: it cannot be understood; the text holds nothing of it.
        OSError: a file that it names cannot be read as what it should be.
    """
    cluster = "+cluster://" in url
    nodes = [_node(each) for each in (_urls_of_nodes(url) if cluster else [url])]
    if cluster and any(node.get("db") for node in nodes):
        raise ValueError("a cluster has only database 0: leave the number away")
    return Address(nodes, cluster)


def check(url: str | None) -> str | None:
    """`url`, for settings: what is wrong with it ends the start.

    Raises:
        ValueError: as `parse`, also for files.
    """
    if url is not None:
        try:
            parse(url)
        except OSError as error:
            raise ValueError(f"a file of the URL: {error}") from None
    return url


def check_prefix(url: str | None, prefix: str) -> None:
    """The keys of `prefix` can be together where `url` leads.

    Raises:
        ValueError: on a cluster they would be on several nodes.
    """
    if url is not None and "+cluster://" in url and not re.search(r"\{[^}]+\}", prefix):
        raise ValueError(
            "on a cluster the prefix needs braces, such as {waybill}: so that one node has all keys"
        )


def _urls_of_nodes(url: str) -> list[str]:
    found = _PARTS.fullmatch(url)
    if found is None:
        raise ValueError(
            "not the URL of a cluster, such as valkeys+cluster://user:password@host1:6379,host2:6379"
        )
    login = found["login"] or ""
    return [
        f"{found['scheme']}://{login}{host}{found['rest']}" for host in found["hosts"].split(",")
    ]


def _node(url: str) -> dict[str, Any]:
    try:
        node: dict[str, Any] = dict(parse_url(url))
    except ValueError:  # its text may quote the URL, password and all
        raise ValueError(
            "not a URL of a known scheme, such as valkeys://user:password@host:6379/0;"
            " percent-encode what is not a letter or a digit in a password"
        ) from None
    if node.get("connection_class") is SSLConnection:
        _require_proof(node)
    _try_out(node)
    return node


def _require_proof(node: dict[str, Any]) -> None:
    if node.get("ssl_cert_reqs", "required") != "required":
        raise ValueError("TLS without a proof of who answers: leave ssl_cert_reqs away")
    node.setdefault("ssl_check_hostname", True)


def _try_out(node: Mapping[str, Any]) -> None:
    """Make what a connection is made of, which opens none, so that mistakes show here.

    Raises:
        ValueError, OSError: see `parse`.
    """
    options = dict(node)
    kind = options.pop("connection_class", Connection)
    try:
        connection = kind(**options)
    except (TypeError, ValueError, ValkeyError):
        raise ValueError(
            "the URL has a parameter that is not known, or not of that value"
        ) from None
    if isinstance(connection, SSLConnection):
        connection.ssl_context.get()
