"""The options that every command has."""

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from client.api import DEFAULT_STRATEGY
from client.channels import Limits, Tls
from client.errors import UsageError
from waybill.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Options:
    """Where the services are and how to talk to them.

    `chosen` is the strategy that was asked for, None where the default applies. `subject` is whose
    session to use, None for the current one.
    """

    products: str
    orders: str
    chosen: Strategy | None
    subject: str | None
    limits: Limits
    tls: Tls | None

    @property
    def strategy(self) -> Strategy:
        """The strategy that the calls name."""
        return self.chosen or DEFAULT_STRATEGY


def options_from(args: Namespace) -> Options:
    """The options of a parsed command line.

    Raises:
        UsageError: they contradict each other, or a named file cannot be read.
    """
    return Options(
        products=args.products,
        orders=args.orders,
        chosen=args.strategy,
        subject=args.subject_as,
        limits=Limits(args.timeout, args.state_budget, args.max_metadata_bytes, args.path_hops),
        tls=_tls(args.tls_ca, args.tls_cert, args.tls_key),
    )


def _tls(ca: Path | None, certificate: Path | None, key: Path | None) -> Tls | None:
    if (certificate is None) != (key is None):
        raise UsageError("--tls-cert and --tls-key go together")
    if ca is None and certificate is None:
        return None
    return Tls(_content(ca), _content(certificate), _content(key))


def _content(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
