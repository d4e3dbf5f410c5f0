"""The course of one read: products first, so that their variations find their parents, and at the end the proof."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

from inventory_pipeline.connectors.woocommerce.catalogue import Catalogue
from inventory_pipeline.connectors.woocommerce.items import (
    Kind,
    Listed,
    Product,
    Variation,
    fields,
    parse_page,
)
from inventory_pipeline.connectors.woocommerce.site import NoRoute, Site
from inventory_pipeline.connectors.woocommerce.walk import Walk
from inventory_pipeline.core.errors import IncompleteRead
from inventory_pipeline.core.stock import Completeness, Page, RejectedLine, StockLine
from inventory_pipeline.http.ahead import in_order

# Products have few variations each: their lines are handed on together, about so many at a time.
_LINES_TOGETHER = 1000


class Reading:
    """`width` requests at once, `per_page` items each. Use once."""

    def __init__(self, site: Site, width: int, per_page: int) -> None:
        self._site = site
        self._width = width
        self._per_page = per_page
        self._catalogue = Catalogue()
        self._expected: int | None = 0
        self._read = 0
        self._moved = False
        self._way = "variations in one list"

    async def pages(self) -> AsyncGenerator[Page | Completeness]:
        products, variations = self._walk("/products", Product), self._walk("/variations", Variation)
        try:
            # The last pages of products leave connections free: the first one of variations comes along with them.
            listed = self._list(products, self._catalogue.add_products, variations.begin)
            async with aclosing(listed):
                async for page in listed:
                    yield page
            async with aclosing(self._variations(variations)) as pages:
                async for page in pages:
                    yield page
        finally:
            await variations.end()
        yield self._catalogue.containers()
        yield self._proof()

    async def _variations(self, walk: Walk[Variation]) -> AsyncGenerator[Page]:
        flat = self._list(walk, self._catalogue.add_variations)
        try:
            async with aclosing(flat):
                async for page in flat:
                    yield page
            return
        except NoRoute:
            pass  # before 10.3
        self._way = "variations product by product"
        async with aclosing(self._by_product()) as pages:
            async for page in pages:
                yield page

    def _walk(self, route: str, kind: type[Kind]) -> Walk[Kind]:
        return Walk(route, partial(self._ask, route, kind), self._per_page, self._width)

    async def _list(
        self, walk: Walk[Kind], add: Callable[[Listed[Kind]], Page], all_asked: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[Page]:
        before, highest = self._catalogue.shown, 0
        async with aclosing(walk.pages(all_asked)) as pages:
            async for listed in pages:
                known = self._catalogue.shown
                page = add(listed)
                if listed.number > max(highest, 1) and listed.items and self._catalogue.shown == known:
                    raise IncompleteRead(f"page {listed.number} of {walk.route} only repeats items of earlier pages")
                highest = max(highest, listed.number)
                yield page
        self._settle(walk, before)

    async def _by_product(self) -> AsyncGenerator[Page]:
        lines: list[StockLine] = []
        rejected: list[RejectedLine] = []
        excluded = Counter[str]()
        jobs = (partial(self._of_product, number) for number in self._catalogue.parent_ids)
        async with aclosing(in_order(jobs, self._width)) as products:
            async for number, walk, listed_pages in products:
                before = self._catalogue.shown
                for listed in listed_pages:
                    page = self._catalogue.add_variations(listed, number)
                    lines += page.lines
                    rejected += page.rejected
                    excluded.update(page.excluded)
                self._settle(walk, before)
                if len(lines) >= _LINES_TOGETHER:
                    yield Page(lines, rejected, excluded)
                    lines, rejected, excluded = [], [], Counter[str]()
        yield Page(lines, rejected, excluded)

    async def _of_product(self, number: int) -> tuple[int, Walk[Variation], list[Listed[Variation]]]:
        route = f"/products/{number}/variations"
        walk = Walk(route, partial(self._ask, route, Variation), self._per_page, width=1)
        async with aclosing(walk.pages()) as pages:
            return number, walk, [listed async for listed in pages]

    async def _ask(self, route: str, kind: type[Kind], number: int) -> Listed[Kind]:
        # By id: in the default order (by date) products of one moment are repeated and dropped, whatever the counts say.
        order = {"orderby": "id", "order": "asc", "status": "any", "_fields": fields(kind)}
        return parse_page(await self._site.get(route, {"per_page": self._per_page, "page": number, **order}), number, kind)

    def _settle(self, walk: Walk[Kind], before: int) -> None:
        """Each list against its own total, so that one list's surplus cannot hide another's gap."""
        shown = self._catalogue.shown - before
        self._moved |= walk.moved
        if walk.total is None:
            self._expected = None
        elif self._expected is not None:
            self._expected += walk.total
        self._read += shown if walk.total is None else min(shown, walk.total)

    def _proof(self) -> Completeness:
        told = "distinct ids against X-WP-Total" if self._expected is not None else "no X-WP-Total: read to the empty page"
        return Completeness(self._expected, self._read, f"{told}; {self._way}", self._catalogue.repeats, self._moved)
