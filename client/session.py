"""Who is logged in, and what was kept for them: values only, `client.session_file` stores them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from client.carriers.base import KeptPage
from client.carriers.covering import covering
from waybill.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Session:
    """One person's token, and the pages kept for them by strategy, in the order of keeping.

    `expire_time` is when the token expires, in seconds since the Unix epoch.
    """

    subject: str
    token: str = field(repr=False)
    expire_time: int
    roles: tuple[str, ...] = ()
    pages: Mapping[Strategy, tuple[KeptPage, ...]] = field(default_factory=dict, repr=False)

    def kept(self, strategy: Strategy) -> tuple[KeptPage, ...]:
        """The pages kept under `strategy`, oldest first."""
        return self.pages.get(strategy, ())

    def keeping(
        self, strategy: Strategy, listed: Sequence[KeptPage], *, complete: bool
    ) -> "Session":
        """This session after a listing. A complete one replaces all that was kept before."""
        pages = merged(() if complete else self.kept(strategy), listed)
        return replace(self, pages={**self.pages, strategy: pages})


@dataclass(frozen=True, slots=True)
class SessionBook:
    """The sessions of everybody who logged in here, and whose turn it is."""

    current: str | None = None
    sessions: Mapping[str, Session] = field(default_factory=dict)

    def of(self, subject: str | None = None) -> Session | None:
        """The session of `subject`, or of the current one; None where nobody is logged in."""
        return self.sessions.get(subject or self.current or "")

    def logged_in(self, session: Session) -> "SessionBook":
        """This book after a login: the session is the current one, and keeps its old pages."""
        before = self.of(session.subject)
        pages = before.pages if before else {}
        return SessionBook(session.subject, self._with(replace(session, pages=pages)))

    def keeping(
        self, subject: str, strategy: Strategy, listed: Sequence[KeptPage], *, complete: bool
    ) -> "SessionBook":
        """This book after `subject` has listed; unchanged where they are not logged in."""
        session = self.of(subject)
        if session is None:
            return self
        kept = session.keeping(strategy, listed, complete=complete)
        return SessionBook(self.current, self._with(kept))

    def _with(self, session: Session) -> dict[str, Session]:
        return {**self.sessions, session.subject: session}


def merged(before: Iterable[KeptPage], listed: Sequence[KeptPage]) -> tuple[KeptPage, ...]:
    """All pages that are still the newest of some product.

    Revisions only rise. Kept pages of a higher revision than what was listed just now belong to a
    history that is gone (a database made anew), and would win over every later page: they go.
    """
    now = max((page.revision for page in listed), default=None)
    pages = [page for page in before if now is None or page.revision <= now]
    pages.extend(listed)
    products = frozenset[str]().union(*(page.product_ids for page in pages))
    return tuple(reversed(covering(pages, products)))
