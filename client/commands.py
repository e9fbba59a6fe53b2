"""The commands: each asks the services, and says what came of it as a report."""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from client import state_view, views
from client.api import ListedPage, ShopClient, is_complete
from client.carriers.base import KeptPage
from client.carriers.covering import covering
from client.carriers.table import carriers
from client.dev_issuer import DevIssuer
from client.errors import LocalFileError, NotLoggedIn, UsageError
from client.options import Options
from client.outgoing import own_metadata, request_budget
from client.private_file import write_private
from client.report import Line, Report
from client.session import Session
from client.session_file import SessionFile
from client.words import moment
from waybill.providers import Providers
from waybill.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Context:
    """What a command works with. `folder` holds the session and the development keys.

    `providers` is where spans and metrics go, None where nowhere.
    """

    args: Namespace
    options: Options
    folder: Path
    clock: Callable[[], float]
    providers: Providers | None = None

    @property
    def sessions(self) -> SessionFile:
        """Where sessions are kept."""
        return SessionFile(self.folder)

    def session(self) -> Session:
        """The session to use.

        Raises:
            NotLoggedIn: there is none.
        """
        session = self.sessions.read().of(self.options.subject)
        if session is None:
            wanted = self.options.subject
            raise NotLoggedIn(f"{wanted} is not logged in" if wanted else "nobody is logged in")
        return session

    def shop(self, session: Session, pages: Sequence[KeptPage] = ()) -> ShopClient:
        """A client for `session` that starts with `pages`."""
        return ShopClient(
            self.options.products,
            self.options.orders,
            session.token,
            strategy=self.options.strategy,
            pages=pages,
            limits=self.options.limits,
            tls=self.options.tls,
            providers=self.providers,
        )


Command = Callable[[Context], Report]


def login(context: Context) -> Report:
    """Make a token, and a session or a token file with it."""
    args, now = context.args, int(context.clock())
    roles = tuple(role for role in ("admin", "service") if getattr(args, role))
    issuer = DevIssuer(context.folder, context.clock)
    try:
        token = issuer.token(args.subject, roles, args.ttl_s)
        if args.write_token:
            write_private(args.write_token, token + "\n")
    except OSError as error:
        raise LocalFileError(
            str(error), "choose a folder that you can write to: XDG_STATE_HOME, or --write-token"
        ) from error
    except ValueError as error:
        raise LocalFileError(
            str(error), "correct or remove that file, then log in again"
        ) from error
    session = Session(args.subject, token, now + args.ttl_s, roles)
    if not args.write_token:
        context.sessions.update(lambda book: book.logged_in(session))
    return _login_report(session, args.write_token or context.sessions.path)


def list_products(context: Context) -> Report:
    """List what the caller may order, and keep what the pages carry."""
    args, session = context.args, context.session()
    pages: Sequence[ListedPage] = ()
    with context.shop(session) as shop:
        try:
            pages = (
                shop.list_all(args.page_size, args.page_token)
                if args.all
                else [shop.list(args.page_size, args.page_token)]
            )
        finally:
            _keep(context, session, shop, complete=is_complete(pages))
    return views.listing(pages, context.options.strategy)


def get(context: Context) -> Report:
    """Get one product."""
    with context.shop(context.session()) as shop:
        return views.product(shop.get(context.args.product))


def order(context: Context) -> Report:
    """Place an order with the kept state that covers it."""
    args, session = context.args, context.session()
    lines = _lines(args.lines)
    with context.shop(session, session.kept(context.options.strategy)) as shop:
        placed = shop.order(
            lines,
            request_id=args.request_id,
            validate_only=args.validate_only,
            min_revision=args.min_revision,
            anyway=args.anyway,
        )
        carried = shop.carried(lines).size_bytes
        return views.order(placed, carried_bytes=carried, near=shop.near_budget)


def orders(context: Context) -> Report:
    """Show one order, or list them."""
    args = context.args
    with context.shop(context.session()) as shop:
        if args.order_id:
            return views.order(shop.get_order(args.order_id))
        answer = shop.orders(args.page_size)
        found = [*answer.orders]
        while args.all and answer.next_page_token:
            answer = shop.orders(args.page_size, answer.next_page_token)
            found.extend(answer.orders)
        return views.orders(found, answer.next_page_token)


def state(context: Context) -> Report:
    """Show what is carried now: of all kept pages, or for an order of some products."""
    session = context.session()
    chosen = context.options.chosen
    strategies = [chosen] if chosen else [s for s in Strategy if session.kept(s)]
    carryings = [_carrying(context, session, s) for s in strategies]
    carryings = carryings or [_carrying(context, session, context.options.strategy)]
    return state_view.state(carryings, session.subject, context.clock())


def grant(context: Context) -> Report:
    """Entitle a subject to products."""
    args = context.args
    with context.shop(context.session()) as shop:
        answer = shop.grant(args.subject, args.products_named, max_quantity=args.max_quantity)
    return views.changed("Granted to", args.subject, args.products_named, answer.revision)


def revoke(context: Context) -> Report:
    """Take entitlements away."""
    args = context.args
    with context.shop(context.session()) as shop:
        answer = shop.revoke(args.subject, args.products_named)
    return views.changed("Revoked from", args.subject, args.products_named, answer.revision)


def _login_report(session: Session, path: Path) -> Report:
    document = {
        "subject": session.subject,
        "roles": list(session.roles),
        "expire_time": moment(session.expire_time),
        "file": str(path),
    }
    roles = f" as {' and '.join(session.roles)}" if session.roles else ""
    until = moment(session.expire_time)
    return Report(
        document, [Line(f"{session.subject} is logged in{roles} until {until}, in {path}")]
    )


def _keep(context: Context, session: Session, shop: ShopClient, *, complete: bool) -> None:
    if shop.keeps_state and (shop.pages or complete):
        context.sessions.update(
            lambda book: book.keeping(session.subject, shop.strategy, shop.pages, complete=complete)
        )


def _carrying(context: Context, session: Session, strategy: Strategy) -> state_view.Carrying:
    named: Sequence[str] = context.args.products_named
    budget = request_budget(context.options.limits, own_metadata(session.token, strategy))
    pages, carrier = session.kept(strategy), carriers(budget)[strategy]
    known = frozenset[str]().union(*(page.product_ids for page in pages))
    wanted = named or known
    shown = covering(pages, named) if named else pages
    return state_view.Carrying(
        strategy,
        [replace(page, carried=carrier.carry([page], wanted)) for page in shown],
        carrier.carry(pages, wanted),
        budget,
        [product_id for product_id in named if product_id not in known],
    )


def _lines(pairs: Sequence[tuple[str, int]]) -> Mapping[str, int]:
    lines = dict(pairs)
    if len(lines) < len(pairs):
        raise UsageError("each product may be named once: write PRODUCT=QUANTITY")
    return lines
