"""The methods of the products service, behind their guard. Strategies are chosen, never asked."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from itertools import islice

from products_svc import paging
from products_svc.feed.feed import Feed, Stream
from products_svc.feed.messages import grant_message
from products_svc.issuing import AccessPage, Issuer
from products_svc.store.store import Store
from products_svc.store.values import ListedProduct, Listing, WantedGrant
from products_svc.store.writer import UnknownProducts
from shop.products.v1 import products_pb2 as pb
from waybill.choosing import StrategyChoice
from waybill.errors import (
    InvalidRequest,
    NotGranted,
    ProductNotFound,
    RevocationIncomplete,
    Unavailable,
)
from waybill.serving.call import Call
from waybill.serving.guard import Method
from waybill.serving.rules import MAX_VIOLATIONS
from waybill.strategy import Strategy

DEFAULT_PAGE_SIZE = 100
ADMIN = "admin"
SERVICE = "service"


class ProductsServicer:
    """Lists, gets, checks, watches and changes entitlements.

    Args:
        store: the catalogue and the grants.
        feed: what watchers are sent.
        choice: which strategy a call gets.
        issuers: what issues the state of each accepted strategy.
        after_revoke: each is told the subject and revision of a revoke before it is acknowledged,
            so that what was issued and can be taken back is. One that is unavailable leaves the
            revoke unacknowledged; it must not matter to be told twice.
    """

    def __init__(
        self,
        store: Store,
        feed: Feed,
        choice: StrategyChoice,
        issuers: Mapping[Strategy, Issuer],
        *,
        after_revoke: Sequence[Callable[[str, int], Awaitable[None]]] = (),
    ) -> None:
        self._store = store
        self._feed = feed
        self._choice = choice
        self._issuers = issuers
        self._after_revoke = after_revoke

    def methods(self) -> dict[str, Method]:
        """Every method by its name in the contract."""
        return {
            "ListProducts": Method(self.list_products),
            "GetProduct": Method(self.get_product),
            "CheckAccess": Method(self.check_access, role=SERVICE),
            "WatchAccess": Method(self.watch_access, role=SERVICE),
            "GrantAccess": Method(self.grant_access, role=ADMIN),
            "RevokeAccess": Method(self.revoke_access, role=ADMIN),
        }

    async def list_products(
        self, request: pb.ListProductsRequest, call: Call
    ) -> pb.ListProductsResponse:
        """A page of what the caller may order, with state that covers exactly this page."""
        issuer = self._issuers[self._choice.of(call.metadata)]
        subject = call.caller.subject
        after = paging.decode(request.page_token, subject)
        size = request.page_size or DEFAULT_PAGE_SIZE
        listing = await self._store.listing(subject, after, size)
        carried = await issuer.issue(_access_page(subject, listing))
        if carried.metadata:
            await call.send_initial_metadata(carried.metadata)
        return pb.ListProductsResponse(
            products=[_product(each, listing.currency_code) for each in listing.products],
            next_page_token=_next_page_token(listing, subject),
            revision=listing.revision,
            state=carried.envelopes,
            page_proofs=carried.proofs,
        )

    async def get_product(self, request: pb.GetProductRequest, call: Call) -> pb.GetProductResponse:
        """One product that the caller may order.

        Whether a product exists is told to administrators only: everybody else gets the same
        refusal for one that is not there and one that is not theirs.
        """
        found = await self._store.listed(call.caller.subject, request.product_id)
        if not found.products:
            raise await self._why_not(request.product_id, call)
        product = _product(found.products[0], found.currency_code)
        return pb.GetProductResponse(product=product, revision=found.revision)

    async def check_access(
        self, request: pb.CheckAccessRequest, _call: Call
    ) -> pb.CheckAccessResponse:
        """The subject's grants among the asked products."""
        grants, revision = await self._store.granted(request.subject, request.product_ids)
        return pb.CheckAccessResponse(grants=map(grant_message, grants), revision=revision)

    def watch_access(self, request: pb.WatchAccessRequest, _call: Call) -> Stream:
        """A snapshot or recent changes unless the history can be resumed, then changes for ever."""
        within_s = None
        if request.HasField("changes_within"):
            within_s = request.changes_within.seconds + request.changes_within.nanos / 1e9
        return self._feed.watch(request.epoch, request.resume_revision, within_s)

    async def grant_access(
        self, request: pb.GrantAccessRequest, call: Call
    ) -> pb.GrantAccessResponse:
        """Entitles a subject to products that the catalogue has."""
        if request.validate_only:
            known, revision = await self._store.known_products(request.product_ids)
            _require_none(request.product_ids, set(request.product_ids) - known)
            return pb.GrantAccessResponse(revision=revision)
        try:
            revision = await self._changed(self._store.grant(_wanted(request)))
        except UnknownProducts as unknown:
            _require_none(request.product_ids, unknown.product_ids)
            raise
        call.log_accepted(grantee=request.subject, revision=revision)
        return pb.GrantAccessResponse(revision=revision)

    async def revoke_access(
        self, request: pb.RevokeAccessRequest, call: Call
    ) -> pb.RevokeAccessResponse:
        """Takes entitlements away; one that is not there is taken already.

        Raises:
            RevocationIncomplete: they are taken away, and what was issued earlier may still count.
                The same call again finishes it.
        """
        if request.validate_only:
            position = await self._store.position()
            return pb.RevokeAccessResponse(revision=position.revision)
        revision = await self._changed(self._store.revoke(request.subject, request.product_ids))
        await self._take_back(request.subject, revision)
        call.log_accepted(grantee=request.subject, revision=revision)
        return pb.RevokeAccessResponse(revision=revision)

    async def _changed(self, change: Awaitable[int]) -> int:
        revision = await change
        self._feed.wake()
        return revision

    async def _take_back(self, subject: str, revision: int) -> None:
        try:
            for tell in self._after_revoke:
                await tell(subject, revision)
        except Unavailable as unavailable:
            raise RevocationIncomplete(str(unavailable)) from unavailable

    async def _why_not(self, product_id: str, call: Call) -> NotGranted | ProductNotFound:
        if ADMIN in call.caller.roles:
            known, _ = await self._store.known_products([product_id])
            if not known:
                return ProductNotFound(facts={"product_ids": product_id})
        return NotGranted(facts={"product_ids": product_id})


def _access_page(subject: str, listing: Listing) -> AccessPage:
    grants = tuple(each.grant for each in listing.products)
    return AccessPage(subject, grants, listing.revision, listing.asked_at)


def _product(listed: ListedProduct, currency_code: str) -> pb.Product:
    return pb.Product(
        product_id=listed.grant.product_id,
        display_name=listed.display_name,
        unit_price_micros=listed.grant.unit_price_micros,
        currency_code=currency_code,
        max_quantity=listed.grant.max_quantity,
    )


def _next_page_token(listing: Listing, subject: str) -> str:
    if not listing.more:
        return ""
    return paging.encode(listing.products[-1].grant.product_id, subject)


def _wanted(request: pb.GrantAccessRequest) -> list[WantedGrant]:
    quoted = request.HasField("unit_price_micros")
    price = request.unit_price_micros if quoted else None
    return [
        WantedGrant(request.subject, product_id, request.max_quantity, price)
        for product_id in request.product_ids
    ]


def _require_none(product_ids: Sequence[str], unknown: Collection[str]) -> None:
    """Refuses a request that names unknown products, by the places of the first ones."""
    places = (index for index, product_id in enumerate(product_ids) if product_id in unknown)
    violations = {
        f"product_ids[{index}]": "is no product of the catalogue"
        for index in islice(places, MAX_VIOLATIONS)
    }
    if violations:
        raise InvalidRequest(violations)
