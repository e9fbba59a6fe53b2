"""Where NATS is and how it is reached, as the URL says.

`tls://user:password@a:4222,b:4222?ca_file=/ca.pem`: servers of one cluster have commas between
them, and share scheme and login. What NATS's own configuration calls `ca_file`, `cert_file` and
`key_file` may follow; without the first, the system's authorities are believed, or those of
`SSL_CERT_FILE`. `nats://` speaks TLS only where the server asks for it, `tls://` always.
"""

import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

SETTING = r"^(nats|tls)://."
"""What a URL of NATS begins with."""

_PARTS = re.compile(
    r"(?P<scheme>nats|tls)://((?P<login>[^@/?]*)@)?(?P<hosts>[^@/?]+)/?(\?(?P<files>.*))?"
)
_FILES = frozenset({"ca_file", "cert_file", "key_file"})
_CREDENTIALS = frozenset({"creds", "credentials", "creds_file", "nkey", "nkey_file", "seed"})
_SEED = re.compile(r"S[A-Z][A-Z2-7]{56}")
"""An nkey's private half. Taken for a token or a password it would be told to the server."""
_NO_NKEYS = (
    "nkeys and credentials files are not supported by the URL of NATS:"
    " use a password, a token or a client certificate (docs/engines.md)"
)


@dataclass(frozen=True, slots=True)
class NatsAddress:
    """Any of `servers` will do. With a user goes a password, without one a token may be."""

    servers: Sequence[str]
    tls: bool
    """Whether nothing may be said without TLS."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class ProvenContext(ssl.SSLContext):
    """Proves whom it speaks to, by name, and knows whether it was used."""

    used = False

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        self.used = True
        return super().wrap_bio(*arguments, **named)


def parse(url: str) -> NatsAddress:
    """What `url` says.

    Raises:
        ValueError: it cannot be understood; the text holds nothing of it.
    """
    found = _PARTS.fullmatch(url)
    if found is None or not all(map(_is_host, found["hosts"].split(","))):
        raise ValueError(
            "not a URL of NATS, such as tls://user:password@host1:4222,host2:4222?ca_file=/ca.pem;"
            " percent-encode what is not a letter or a digit in a password"
        )
    files = dict(parse_qsl(found["files"] or "", keep_blank_values=True))
    if _CREDENTIALS & files.keys():
        raise ValueError(_NO_NKEYS)
    if not _FILES.issuperset(files):
        raise ValueError(f"of a URL of NATS, parameters are {', '.join(sorted(_FILES))}")
    if files and found["scheme"] != "tls":
        raise ValueError("files of certificates need tls://")
    user, colon, password = map(unquote, (found["login"] or "").partition(":"))
    if _SEED.fullmatch(user) or _SEED.fullmatch(password):
        raise ValueError(_NO_NKEYS)
    servers = [f"nats://{host}" for host in found["hosts"].split(",")]
    login = {"user": user, "password": password} if colon else {"token": user or None}
    return NatsAddress(servers, found["scheme"] == "tls", **login, **files)


def check(url: str | None) -> str | None:
    """`url`, for settings: what is wrong with it ends the start.

    Raises:
        ValueError: as `parse`, also for files that cannot be read as what they should be.
    """
    if url is not None and (address := parse(url)).tls:
        try:
            trust(address)
        except OSError as error:
            raise ValueError(f"a file of the URL: {error}") from None
    return url


def trust(address: NatsAddress) -> ProvenContext:
    """Whom TLS believes, and what it shows.

    Raises:
        OSError: a file cannot be read as what it should be.
    """
    context = ProvenContext(ssl.PROTOCOL_TLS_CLIENT)
    if address.ca_file:
        context.load_verify_locations(address.ca_file)
    else:
        context.load_default_certs()
    if address.cert_file:
        context.load_cert_chain(address.cert_file, address.key_file)
    return context


def _is_host(text: str) -> bool:
    name, _, port = text.rpartition(":") if re.search(r":\d+$", text) else (text, "", "4222")
    return bool(re.fullmatch(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]", name)) and int(port) < 65536
