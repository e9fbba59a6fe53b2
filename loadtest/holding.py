"""Which of its listed pages a customer orders from next."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Protocol

from loadtest.listing import ListedPage


class Pages(Protocol):
    """A customer's pages. `take` may block while one is being listed."""

    def take(self) -> ListedPage:
        """The page of the next order.

        Raises:
            grpc.RpcError: it had to be listed, and the products service refused.
        """
        ...

    def peek(self) -> ListedPage:
        """A page such as orders are made from, without using it up."""
        ...

    def known(self) -> Sequence[ListedPage]:
        """The pages that are sure to be taken, for orders to be prepared from."""
        ...

    def lasting(self) -> Sequence[ListedPage]:
        """The pages that every order is from, so that whoever checks them remembers them."""
        ...


class OnePage:
    """The same page for every order, as a customer's own list: whoever checks it remembers it."""

    def __init__(self, page: ListedPage) -> None:
        self._page = page

    def take(self) -> ListedPage:
        return self._page

    def peek(self) -> ListedPage:
        return self._page

    def known(self) -> Sequence[ListedPage]:
        return [self._page]

    def lasting(self) -> Sequence[ListedPage]:
        return [self._page]


class NewPages:
    """A page for each order, listed before: nobody can have seen its state."""

    def __init__(self, pages: Iterable[ListedPage]) -> None:
        self._pages = deque(pages)
        self._first = self._pages[0]

    def take(self) -> ListedPage:
        return self._pages.popleft()

    def peek(self) -> ListedPage:
        return self._first

    def known(self) -> Sequence[ListedPage]:
        return list(self._pages)

    def lasting(self) -> Sequence[ListedPage]:
        return ()


class ReusedPages:
    """A page for so many orders; then the next one is listed, as part of the order that needs it.

    Orders that are due meanwhile wait for the listing, as the customer does.
    """

    def __init__(self, pages: Iterator[ListedPage], times: int) -> None:
        self._pages = pages
        self._times = times
        self._lock = Lock()
        self._page = next(pages)
        self._left = times

    def take(self) -> ListedPage:
        with self._lock:
            if not self._left:
                self._page = next(self._pages)
                self._left = self._times
            self._left -= 1
            return self._page

    def peek(self) -> ListedPage:
        return self._page

    def known(self) -> Sequence[ListedPage]:
        return ()

    def lasting(self) -> Sequence[ListedPage]:
        return ()
