"""A numbered list read whole: pages at once but in order, and its total watched while it is read.

WooCommerce pages by offset. A deletion moves every later item one place forward, so that the first item of a page not yet
read slips onto the page before it; an addition comes at the end, since lists are asked for in the order of ids.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from functools import partial
from itertools import count
from typing import Generic

from inventory_pipeline.connectors.woocommerce.items import Kind, Listed
from inventory_pipeline.http.ahead import in_order

Ask = Callable[[int], Awaitable[Listed[Kind]]]


class Walk(Generic[Kind]):
    """One list, named by its route. After `pages` has ended, `total` is what the shop last said the list has (None: it never
    said), and `moved` whether that changed meanwhile."""

    def __init__(self, route: str, ask: Ask[Kind], per_page: int, width: int) -> None:
        self.route = route
        self.total: int | None = None
        self.moved = False
        self._ask = ask
        self._per_page = per_page
        self._width = width
        self._again: set[int] = set()
        self._first: asyncio.Future[Listed[Kind]] | None = None

    def begin(self) -> None:
        """Asks for the first page now, to be taken by `pages` later. Whoever begins a walk ends it."""
        self._first = asyncio.ensure_future(self._ask(1))

    async def end(self) -> None:
        """Leaves no request under way."""
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)

    async def pages(self, all_asked: Callable[[], None] = lambda: None) -> AsyncGenerator[Listed[Kind]]:
        """Every page in order; where the total moved, once more those that items may have slipped onto, and the end.

        Calls `all_asked` where the total is known and no page is left to be asked for. Without totals (a proxy may drop
        the header) the list ends at its first empty page. A page may be short, or even empty, without being the last:
        rows that the shop cannot show are counted but left out.
        """
        first = await (self._first or self._ask(1))
        self.total = first.total
        yield first
        if self.total is None:
            if not _is_empty(first):
                async with aclosing(self._asked(count(2))) as pages:
                    async for page in pages:
                        if _is_empty(page):
                            return
                        yield page
            return
        last = self._last_page()
        async with aclosing(self._asked(_then(range(2, last + 1), all_asked))) as pages:
            async for page in pages:
                self._watch(page)
                yield page
        if self.moved:
            self._again.update(range(last, self._last_page() + 1))
            async with aclosing(self._asked(sorted(self._again))) as pages:
                async for page in pages:
                    self.total = page.total or self.total
                    yield page

    def _asked(self, numbers: Iterable[int]) -> AsyncGenerator[Listed[Kind]]:
        return in_order((partial(self._ask, number) for number in numbers), self._width)

    def _watch(self, page: Listed[Kind]) -> None:
        if page.total is not None and page.total != self.total:
            self.moved = True
            self.total = page.total
            self._again.add(page.number - 1)

    def _last_page(self) -> int:
        return max(1, -(-(self.total or 0) // self._per_page))


def _then(numbers: Iterable[int], done: Callable[[], None]) -> Iterator[int]:
    yield from numbers
    done()


def _is_empty(page: Listed[Kind]) -> bool:
    return not page.items and not page.rejected
