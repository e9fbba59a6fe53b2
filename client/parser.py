"""What the command line accepts."""

from argparse import (
    SUPPRESS,
    ArgumentParser,
    ArgumentTypeError,
    RawDescriptionHelpFormatter,
)
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from client import commands, exits
from client.api import DEFAULT_STRATEGY
from client.arguments import (
    INT32_MAX,
    INT64_MAX,
    at_least,
    hops,
    integer,
    line,
    seconds,
    strategy,
    text,
)
from client.errors import UsageError
from waybill.budget import DEFAULT_PATH
from waybill.strategy import Strategy

PROGRAM: Final = "python -m client"
DESCRIPTION: Final = (
    "The shop's client: lists products, keeps the state that the answers carry, and orders with it."
)
DEFAULTS: Final[Mapping[str, Any]] = {
    "products": "127.0.0.1:50051",
    "orders": "127.0.0.1:50052",
    "strategy": None,
    "subject_as": None,
    "json": False,
    "timeout": 10.0,
    "path_hops": DEFAULT_PATH,
    "state_budget": None,
    "max_metadata_bytes": 0,
    "tls_ca": None,
    "tls_cert": None,
    "tls_key": None,
}
ENVIRONMENT: Final[Mapping[str, str]] = {
    "WAYBILL_PRODUCTS": "products",
    "WAYBILL_ORDERS": "orders",
    "WAYBILL_STRATEGY": "strategy",
    "WAYBILL_PATH_HOPS": "path_hops",
}
READERS: Final[Mapping[str, Callable[[str], Any]]] = {"strategy": strategy, "path_hops": hops}
OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "--strategy": {
        "type": strategy,
        "metavar": "NAME",
        "help": f"how state travels: {', '.join(Strategy)} (default: {DEFAULT_STRATEGY})",
    },
    "--json": {"action": "store_true", "help": "one JSON document; errors as one on stderr"},
    "--as": {
        "dest": "subject_as",
        "type": text,
        "metavar": "SUBJECT",
        "help": "use the session of SUBJECT, not that of the last login",
    },
    "--products": {
        "metavar": "HOST:PORT",
        "help": f"the products service (default: {DEFAULTS['products']})",
    },
    "--orders": {
        "metavar": "HOST:PORT",
        "help": f"the orders service (default: {DEFAULTS['orders']})",
    },
    "--timeout": {
        "type": seconds,
        "metavar": "SECONDS",
        "help": "longest time for each call (default: 10)",
    },
    "--path-hops": {
        "type": hops,
        "metavar": "HOP,...",
        "help": "what orders pass on their way; state that would not pass them is not sent"
        f" (default: {','.join(DEFAULT_PATH)}; known: see docs/limits.md)",
    },
    "--state-budget": {
        "type": at_least(0),
        "metavar": "BYTES",
        "help": "most state to send in metadata, whatever the path lets through (0: no limit)",
    },
    "--max-metadata-bytes": {
        "type": at_least(0),
        "metavar": "BYTES",
        "help": "most metadata to accept in answers (default: gRPC's own limit, 8192)",
    },
    "--tls-ca": {"type": Path, "metavar": "FILE", "help": "trust this CA, and use TLS"},
    "--tls-cert": {"type": Path, "metavar": "FILE", "help": "the client's certificate"},
    "--tls-key": {"type": Path, "metavar": "FILE", "help": "the certificate's private key"},
}
EPILOG: Final = "\n".join(
    (
        "exit codes:",
        *(f"  {code:>3}  {meaning}" for code, meaning in exits.MEANINGS.items()),
        "",
        "environment: WAYBILL_PRODUCTS, WAYBILL_ORDERS, WAYBILL_STRATEGY, WAYBILL_PATH_HOPS give",
        "the defaults of the options; session and development keys are in",
        "$XDG_STATE_HOME/waybill (~/.local/state/waybill).",
    )
)


class Parser(ArgumentParser):
    """A parser whose errors are ours to show."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}")


def build_parser(environ: Mapping[str, str]) -> ArgumentParser:
    """The parser, with defaults from `environ`. Options may stand before or after the command.

    Raises:
        UsageError: a variable of ours has an unusable value.
    """
    parser = Parser(
        prog=PROGRAM,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        usage="%(prog)s [OPTIONS] COMMAND ...",
        parents=[_options(listed=True)],
        allow_abbrev=False,
    )
    parser.set_defaults(**{**DEFAULTS, **_from_environment(environ)})
    adding = parser.add_subparsers(title="commands", prog=PROGRAM, metavar="COMMAND", required=True)
    for add in (_login, _list, _get, _order, _orders, _state, _grant, _revoke):
        add(adding)
    return parser


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        option: _read(variable, READERS.get(option, str), environ[variable])
        for variable, option in ENVIRONMENT.items()
        if environ.get(variable)
    }


def _read(variable: str, reader: Callable[[str], Any], value: str) -> Any:
    try:
        return reader(value)
    except ArgumentTypeError as error:
        raise UsageError(f"{variable}: {error}") from None


def _options(*, listed: bool) -> ArgumentParser:
    """The options of all commands. Without defaults, so that neither place undoes the other.

    Only one help page lists them.
    """
    options = Parser(add_help=False, argument_default=SUPPRESS)
    group = options.add_argument_group("options, before or after the command")
    for flags, settings in OPTIONS.items():
        group.add_argument(flags, **(settings if listed else {**settings, "help": SUPPRESS}))
    return options


def _command(adding: Any, name: str, run: commands.Command, help_: str) -> ArgumentParser:
    parser: ArgumentParser = adding.add_parser(
        name,
        help=help_,
        description=run.__doc__,
        epilog=f"Options of every command: {PROGRAM} --help",
        parents=[_options(listed=False)],
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def _login(adding: Any) -> None:
    parser = _command(adding, "login", commands.login, "become SUBJECT, with a development token")
    parser.add_argument("subject", metavar="SUBJECT", type=text)
    parser.add_argument("--admin", action="store_true", help="may grant and revoke")
    parser.add_argument("--service", action="store_true", help="may ask about all subjects")
    parser.add_argument("--ttl-s", type=at_least(1), default=3600, help="seconds until it expires")
    parser.add_argument(
        "--write-token",
        type=Path,
        metavar="FILE",
        help="write the token to FILE (for a service), and leave the session alone",
    )


def _list(adding: Any) -> None:
    parser = _command(adding, "list", commands.list_products, "what you may order; keeps the state")
    _page_size(parser)
    parser.add_argument("--page-token", type=text, default="", help="go on after an earlier page")
    parser.add_argument("--all", action="store_true", help="all pages, not only the first")


def _get(adding: Any) -> None:
    parser = _command(adding, "get", commands.get, "one product")
    parser.add_argument("product", metavar="PRODUCT", type=text)


def _order(adding: Any) -> None:
    parser = _command(adding, "order", commands.order, "order, with the state that was kept")
    parser.add_argument("lines", metavar="PRODUCT[=QUANTITY]", type=line, nargs="+")
    parser.add_argument(
        "--request-id",
        type=text,
        default="",
        help="repeat an order without placing it twice (default: a new one)",
    )
    parser.add_argument("--validate-only", action="store_true", help="check all, place nothing")
    parser.add_argument(
        "--min-revision",
        type=integer(INT64_MAX),
        default=0,
        metavar="R",
        help="decide on nothing older than revision R of products",
    )
    parser.add_argument("--anyway", action="store_true", help="send even without kept state")


def _orders(adding: Any) -> None:
    parser = _command(adding, "orders", commands.orders, "your orders, or one of them")
    parser.add_argument("order_id", metavar="ORDER_ID", type=text, nargs="?", default="")
    _page_size(parser)
    parser.add_argument("--all", action="store_true", help="all pages, not only the newest")


def _state(adding: Any) -> None:
    parser = _command(adding, "state", commands.state, "what is carried now: decoded, not verified")
    parser.add_argument(
        "products_named",
        metavar="PRODUCT",
        type=text,
        nargs="*",
        help="only what an order of these would carry",
    )


def _grant(adding: Any) -> None:
    parser = _command(adding, "grant", commands.grant, "let SUBJECT order products (admin)")
    _subject_and_products(parser)
    parser.add_argument(
        "--max-quantity",
        type=integer(INT32_MAX),
        default=0,
        metavar="N",
        help="most units in one order (default: any)",
    )


def _revoke(adding: Any) -> None:
    parser = _command(adding, "revoke", commands.revoke, "take that away (admin)")
    _subject_and_products(parser)


def _subject_and_products(parser: ArgumentParser) -> None:
    parser.add_argument("subject", metavar="SUBJECT", type=text)
    parser.add_argument("products_named", metavar="PRODUCT", type=text, nargs="+")


def _page_size(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--page-size",
        type=integer(INT32_MAX),
        default=0,
        metavar="N",
        help="at most this many a page (default: the service's)",
    )
