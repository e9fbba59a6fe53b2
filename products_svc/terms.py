"""On what terms state is issued: by whom, for whom, and for how long."""

from collections.abc import Callable
from dataclasses import dataclass

from products_svc.issuing import AccessPage, Grant
from waybill.minting import minting_span
from waybill.values import State

PageState = State[tuple[Grant, ...]]
"""What a page's state says, in whatever form it will travel."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Issuer and audience by name, time to live in whole seconds, and a clock in seconds."""

    issuer: str
    audience: str
    ttl_s: int
    clock: Callable[[], float]

    def state(self, page: AccessPage) -> PageState:
        """State that covers exactly `page`, in the current span. It ages from the reading on."""
        begin = int(self.clock() if page.asked_at is None else page.asked_at)
        return State(
            issuer=self.issuer,
            audience=self.audience,
            subject=page.subject,
            revision=page.revision,
            issue_time=begin,
            expire_time=begin + self.ttl_s,
            content=page.grants,
            minted_in=minting_span(),
        )
