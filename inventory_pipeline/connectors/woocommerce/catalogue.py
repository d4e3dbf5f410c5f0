"""One read of a shop: listed products and variations become lines, and parents are remembered for their variations."""

from collections import Counter
from collections.abc import Iterator

from inventory_pipeline.connectors.woocommerce.ids import SeenIds
from inventory_pipeline.connectors.woocommerce.items import Item, Kind, Listed, Product, Variation, entry_id
from inventory_pipeline.connectors.woocommerce.lines import (
    ORPHAN,
    TRASHED,
    UNUSED_POOL,
    VARIABLE,
    Parent,
    bears_variations,
    excluded_type,
    parse_parent,
    parse_product,
    parse_variation,
)
from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.stock import DEFAULT_LOCATION, Page, RejectedLine, StockLine
from inventory_pipeline.core.text import one_line


class Catalogue:
    """Memory grows by eight bytes an item and a small tuple a parent, not with the lines.

    `shown` counts the items listed so far, each once; `repeats` those listed again.
    """

    def __init__(self) -> None:
        self.shown = 0
        self.repeats = 0
        # None: a product that is listed, but so that nothing can be said of its variations.
        self._parents: dict[int, Parent | None] = {}
        self._pools_used: set[int] = set()
        self._products = SeenIds()
        self._variations = SeenIds()

    @property
    def parent_ids(self) -> list[int]:
        """Products whose variations are to be read, in the order of their ids."""
        return sorted(number for number, parent in self._parents.items() if parent is not None)

    def add_products(self, listed: Listed[Product]) -> Page:
        page = self._page(listed, self._products)
        excluded = Counter[str]()
        for entry in listed.rejected:
            if (unreadable := entry_id(entry.item_id)) is not None:
                self._parents.setdefault(unreadable, None)
        for product, number, is_new in self._numbered(listed, self._products, page):
            if reason := excluded_type(product):
                excluded[reason] += is_new
            elif bears_variations(product):
                self._parents[number] = parse_parent(product)
            else:
                try:
                    page.lines.append(parse_product(product, number))
                except LineRejected as error:
                    page.rejected.append(_rejection(error, number, product))
        return Page(page.lines, page.rejected, excluded)

    def add_variations(self, listed: Listed[Variation], product_number: int | None = None) -> Page:
        """`product_number` is given where the list is one product's own; else each variation names its product."""
        page = self._page(listed, self._variations)
        excluded = Counter[str]()
        for variation, number, is_new in self._numbered(listed, self._variations, page):
            owner = product_number or entry_id(variation.parent_id)
            if variation.status == "trash":
                excluded[TRASHED] += is_new
            elif owner is None or owner not in self._parents:
                excluded[ORPHAN] += is_new
            else:
                try:
                    page.lines.append(self._variation(variation, number, owner))
                except LineRejected as error:
                    page.rejected.append(_rejection(error, number, variation))
        return Page(page.lines, page.rejected, excluded)

    def containers(self) -> Page:
        """The products that only hold variations, for the last page: which pools are drawn on is known only then."""
        excluded = Counter[str]()
        for number, parent in self._parents.items():
            if parent is not None:
                unused = parent.pool is not None and number not in self._pools_used
                excluded[UNUSED_POOL if unused else VARIABLE] += 1
        return Page(excluded=excluded)

    def _variation(self, variation: Variation, number: int, owner: int) -> StockLine:
        parent = self._parents[owner]
        if parent is None:
            raise LineRejected(f"its product {owner} could not be read")
        if variation.manage_stock == "parent":
            self._pools_used.add(owner)
        return parse_variation(variation, number, owner, parent)

    def _page(self, listed: Listed[Kind], seen: SeenIds) -> Page:
        """An open page that holds what could not even be decoded."""
        for entry in listed.rejected:
            self._count(seen, entry_id(entry.item_id))
        return Page(rejected=list(listed.rejected))

    def _numbered(self, listed: Listed[Kind], seen: SeenIds, page: Page) -> Iterator[tuple[Kind, int, bool]]:
        for item in listed.items:
            number = entry_id(item.id)
            is_new = self._count(seen, number)
            if number is None:
                page.rejected.append(RejectedLine(f"id {item.id!r:.60} is not one that WordPress gives", excerpt=one_line(item)))
            else:
                yield item, number, is_new

    def _count(self, seen: SeenIds, number: int | None) -> bool:
        # An item whose id cannot be read was shown all the same.
        is_new = number is None or seen.add(number)
        self.shown += is_new
        self.repeats += not is_new
        return is_new


def _rejection(error: LineRejected, number: int, item: Item) -> RejectedLine:
    return RejectedLine(str(error), str(number), DEFAULT_LOCATION, one_line(item))
