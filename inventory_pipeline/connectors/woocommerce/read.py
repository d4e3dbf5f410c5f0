"""One read of a shop: products first, so that their variations find their parents, and at the end the proof."""

from array import array
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from inventory_pipeline.connectors.toolkit.pages import ListPage, PageBuilder, PagedList, ProofBuilder, SeenIds
from inventory_pipeline.connectors.toolkit.parsing import decode_list, total_of, whole_id
from inventory_pipeline.connectors.woocommerce.api import NoRoute, WooApi
from inventory_pipeline.connectors.woocommerce.lines import (
    NO_VARIATIONS,
    NOT_VARIABLE,
    ORPHAN,
    TRASHED,
    UNUSED_POOL,
    VARIABLE,
    Listed,
    Parent,
    Product,
    Variation,
    bears_variations,
    excluded_type,
    field_names,
    parse_parent,
    parse_product,
    parse_variation,
    variation_ids,
)
from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.stock import Completeness, Page, StockLine
from inventory_pipeline.http.client import in_order

CACHED = "; a cache in front of the shop gives one page for another: leave /wp-json out of it"
# In the memo of a read: how many variations the shop counts that no product asks for, and how its addresses are made up.
ORPHANS, WAY = "orphaned_variations", "way"


class LineBuilder:
    """Turns listed products and variations into stock lines, and remembers the parents that variations need.

    Memory grows by a small tuple for each parent and eight bytes for each variation that a product names in
    `named_variations`, not with the lines. `product_ids` are all products that were listed.
    """

    def __init__(self, product_ids: SeenIds) -> None:
        self.named_variations = array("q")
        self._product_ids = product_ids
        # None: a product that is listed, but so that nothing can be said of its variations.
        self._parents: dict[int, Parent | None] = {}
        self._with_variations: set[int] = set()
        self._pools_used: set[int] = set()

    @property
    def parent_ids(self) -> list[int]:
        """The products whose variations are to be read, in the order of their ids."""
        return sorted(number for number, parent in self._parents.items() if parent is not None)

    def add_products(self, listed: ListPage[Product]) -> Page:
        page = PageBuilder(listed.rejected)
        for entry in listed.rejected:
            if (unreadable := whole_id(entry.item_id)) is not None:
                self._parents.setdefault(unreadable, None)
        for product, is_new in zip(listed.items, listed.is_new, strict=True):
            if reason := excluded_type(product):
                page.exclude(reason, is_new)
            elif bears_variations(product):
                self._parents[product.id] = parse_parent(product)
                self.named_variations.extend(variation_ids(product) if is_new else ())
            else:
                page.add(product.id, product, parse_product)
        return page.page()

    def add_variations(self, listed: ListPage[Variation], product_id: int | None = None) -> Page:
        """`product_id` is given where the list is one product's own; else each variation names its product."""
        page = PageBuilder(listed.rejected)
        for variation, is_new in zip(listed.items, listed.is_new, strict=True):
            owner = product_id or whole_id(variation.parent_id) or 0
            if variation.status == "trash":
                page.exclude(TRASHED, is_new)
            elif owner not in self._parents:
                page.exclude(NOT_VARIABLE if owner in self._product_ids else ORPHAN, is_new)
            else:
                page.add(variation.id, variation, partial(self._variation, owner))
        return page.page()

    def containers(self) -> Page:
        """The products that only hold variations, for the last page: only then is it known which pools are drawn on."""
        page = PageBuilder()
        for number, parent in self._parents.items():
            if parent is not None:
                if parent.pool is not None and number not in self._pools_used:
                    page.exclude(UNUSED_POOL)
                else:
                    page.exclude(VARIABLE if number in self._with_variations else NO_VARIATIONS)
        return page.page()

    def _variation(self, owner: int, variation: Variation) -> StockLine:
        parent = self._parents[owner]
        self._with_variations.add(owner)
        if parent is None:
            raise LineRejected(f"its product {owner} could not be read", "product", str(owner))
        if variation.manage_stock == "parent":
            self._pools_used.add(owner)
        return parse_variation(variation, owner, parent)


class ShopRead:
    """The course of one read: `width` requests at once, `per_page` items each. Use once.

    `lang` is sent as the translation plugins (WPML, Polylang) take it; "" leaves it to the shop.
    """

    def __init__(self, api: WooApi, width: int, per_page: int, lang: str = "") -> None:
        self._lang = {"lang": lang} if lang else {}
        self._api = api
        self._width = width
        self._per_page = per_page
        self._product_ids, self._variation_ids = SeenIds(), SeenIds()
        self._builder = LineBuilder(self._product_ids)
        self._proof = ProofBuilder()
        self._is_flat = True

    async def pages(self) -> AsyncGenerator[Page | Completeness]:
        products = self._list("/products", Product, self._width, self._product_ids)
        variations = self._list("/variations", Variation, self._width, self._variation_ids)
        try:
            # The last pages of products leave connections free: the first one of variations comes along with them.
            async with aclosing(products.pages(followed_by=variations)) as pages:
                async for listed in pages:
                    yield self._builder.add_products(listed)
            self._proof.add(products)
            async with aclosing(self._variations(variations)) as pages:
                async for page in pages:
                    yield page
        finally:
            await variations.close()
        yield self._builder.containers()
        named = self._builder.named_variations
        orphans = self._proof.judge("/variations", named, self._variation_ids, surplus_is_gap=not self._is_flat)
        if products.coverage.gap:
            orphans = 0  # they may be those of the products that were not shown
        proof = self._proof.completeness("")
        told = "no X-WP-Total: read to the empty page" if proof.expected is None else "distinct ids against X-WP-Total"
        way = "variations in one list" if self._is_flat else "variations product by product"
        memo = {WAY: self._api.way} | ({ORPHANS: str(orphans)} if orphans else {})
        yield replace(proof, how=f"{told}; {way}", memo=memo, notes=(*orphan_notes(memo), *self._width_notes()))

    def _width_notes(self) -> tuple[str, ...]:
        width = self._api.width
        if width.now == width.most:
            return ()
        told = f"the shop does not answer in time where {width.most} requests are sent at once; it was read with {width.now}"
        return (f"{told}; set connections={width.now}, or give the shop more PHP workers",)

    async def _variations(self, flat: PagedList[Variation]) -> AsyncGenerator[Page]:
        try:
            async with aclosing(flat.pages()) as pages:
                async for listed in pages:
                    yield self._builder.add_variations(listed)
            self._proof.add(flat)
        except NoRoute:  # before 10.3
            self._is_flat = False
            async with aclosing(self._by_product()) as pages:
                async for page in pages:
                    yield page

    async def _by_product(self) -> AsyncGenerator[Page]:
        requests = (partial(self._of_product, number) for number in self._builder.parent_ids)
        async with aclosing(in_order(requests, self._width)) as products:
            async for number, variations, listed_pages in products:
                for listed in listed_pages:
                    yield self._builder.add_variations(listed, number)
                self._proof.add(variations, "/variations")

    async def _of_product(self, number: int) -> tuple[int, PagedList[Variation], list[ListPage[Variation]]]:
        variations = self._list(f"/products/{number}/variations", Variation, 1, self._variation_ids)
        async with aclosing(variations.pages()) as pages:
            return number, variations, [listed async for listed in pages]

    def _list(self, route: str, kind: type[Listed], width: int, seen: SeenIds) -> PagedList[Listed]:
        fetch = partial(self._fetch, route, kind)
        return PagedList(route, fetch, self._per_page, width, CACHED, seen)

    async def _fetch(self, route: str, kind: type[Listed], number: int) -> ListPage[Listed]:
        # By id: in the default order (by date) products of one moment are repeated and dropped, whatever the counts say.
        order = {"orderby": "id", "order": "asc", "status": "any", "_fields": field_names(kind)}
        response = await self._api.get(route, {"per_page": self._per_page, "page": number, **order, **self._lang})
        return ListPage(number, *decode_list(response, kind), total_of(response, "x-wp-total"))


def orphan_notes(memo: Mapping[str, str]) -> tuple[str, ...]:
    """What a person is told of the orphaned variations that a read left in its memo; the cure is WooCommerce's own."""
    orphans = int(memo.get(ORPHANS, 0))
    if not orphans:
        return ()
    cure = "delete them with WooCommerce > Status > Tools > Delete orphaned variations"
    told = "whose products are gone: WooCommerce counts them, and shows and sells none"
    return (f"{orphans:,} orphaned variation{'s' if orphans > 1 else ''} in the shop's database, {told}; {cure}",)
