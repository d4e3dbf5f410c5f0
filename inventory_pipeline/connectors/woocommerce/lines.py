"""WooCommerce's items, and the stock lines that they become. Pure functions, and LineBuilder, which remembers parents.

Where the words come from: the product and variation classes of WooCommerce, and answers recorded from 7.0, 10.3 and 11.0.
"""

from array import array
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from inventory_pipeline.connectors.toolkit.pages import ListPage, PageBuilder, SeenIds
from inventory_pipeline.connectors.toolkit.parsing import price_of, text_of, whole_id
from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity, platform_number
from inventory_pipeline.core.stock import TITLE_LENGTH, Page, Status, StockLine

GROUPED = "grouped product (its members are the lines)"
EXTERNAL = "external product (sold elsewhere)"
VARIABLE = "variable product (its variations are the lines)"
UNUSED_POOL = "managed stock of a variable product that no variation draws on"
NO_VARIATIONS = "variable product without variations (nothing of it can be sold)"
ORPHAN = "variation without a listed variable product"
NOT_VARIABLE = "variation of a product that is not variable (is the plugin of its type switched off?)"
TRASHED = "in the trash"

_EXCLUDED_TYPES = {"grouped": GROUPED, "external": EXTERNAL}
_SELLABLE = {"instock": True, "onbackorder": True, "outofstock": False}
_OVERSELL = {"yes": True, "notify": True, "no": False}


class Item(msgspec.Struct, gc=False, kw_only=True):
    """Only what decides stock is required; a field that merely decorates a line may be missing or empty.

    Plugins that turn numeric texts into numbers are known, hence `int | str`. A float SKU is refused: its zeros are lost.
    """

    id: Any
    status: str
    manage_stock: bool | str
    stock_quantity: int | float | str | None
    stock_status: str
    sku: str | int | None = None
    backorders: str | None = None
    price: str | int | float | None = None
    global_unique_id: str | int | None = None


class Product(Item, gc=False, kw_only=True):
    type: str
    name: str | int | float | None = None
    variations: Any = None


class Variation(Item, gc=False, kw_only=True):
    """`parent_id` is given only by the list of all variations."""

    parent_id: int | str | None = None
    attributes: Any = None


class Found(msgspec.Struct, gc=False, kw_only=True):
    """What a search for an SKU finds: products, and variations, which name their product."""

    id: Any
    parent_id: int | str | None = None
    sku: str | int | None = None


Listed = TypeVar("Listed", Product, Variation, Found)


class Parent(NamedTuple):
    """What variations need of their product, and no more: a shop may have very many. `pool` is the product's own stock,
    None where it manages none; `fault` says why that stock cannot be read."""

    title: str
    status: Status
    pool: Quantity | None
    fault: LineRejected | None = None


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
                reason = VARIABLE if number in self._with_variations else NO_VARIATIONS
                is_unused_pool = parent.pool is not None and number not in self._pools_used
                page.exclude(UNUSED_POOL if is_unused_pool else reason)
        return page.page()

    def _variation(self, owner: int, variation: Variation) -> StockLine:
        parent = self._parents[owner]
        self._with_variations.add(owner)
        if parent is None:
            raise LineRejected(f"its product {owner} could not be read", "product", str(owner))
        if variation.manage_stock == "parent":
            self._pools_used.add(owner)
        return parse_variation(variation, owner, parent)


def bears_variations(product: Product) -> bool:
    """Whether the product only holds variations, and is no line itself. Plugins add types whose names begin with `variable`."""
    return product.type.startswith("variable") or bool(product.variations)


def variation_ids(product: Product) -> list[int]:
    """The ids of its own variations, as the product names them."""
    named = product.variations if isinstance(product.variations, list) else []
    return [number for number in map(whole_id, named) if number is not None]


def excluded_type(product: Product) -> str | None:
    return TRASHED if product.status == "trash" else _EXCLUDED_TYPES.get(product.type)


def parse_product(product: Product) -> StockLine:
    """The line of a product that is sold as it is. Raises LineRejected."""
    return _line(product, product.id, text_of(product.name), status_of(product.status), own_stock(product))


def parse_parent(product: Product) -> Parent:
    fault, pool = None, None
    try:
        # Read from the product itself: where it has no quantity (null), its variations report 0.
        pool = own_stock(product) if product.manage_stock is not False else None
    except LineRejected as error:
        fault = error.with_traceback(None)  # or it would hold its frames as long as the shop is read
    return Parent(text_of(product.name)[:TITLE_LENGTH], status_of(product.status), pool, fault)


def parse_variation(variation: Variation, parent_id: int, parent: Parent) -> StockLine:
    """A variation's line. One that draws on its parent's stock carries the parent's id as pool. Raises LineRejected."""
    pooled = variation.manage_stock == "parent"
    if pooled and parent.fault:
        raise LineRejected(f"stock of its product {parent_id}: {parent.fault}", parent.fault.field, parent.fault.value)
    # A parent that manages no stock any more changed while it was read: nothing is known until the next read.
    quantity = (parent.pool or UNKNOWN) if pooled else own_stock(variation)
    options = _options(variation.attributes)
    title = f"{parent.title} - {options}" if options else parent.title
    status = parent.status if parent.status != "active" else status_of(variation.status)
    line = _line(variation, parent_id, title, status, quantity)
    return line._replace(shared_pool=str(parent_id)) if pooled else line


def own_stock(item: Item) -> Quantity:
    """`manage_stock` false: only the stock status counts. True with null: managed, but nobody has said how many."""
    if item.manage_stock is False:
        return UNTRACKED
    if item.manage_stock is not True:
        shown = f"{item.manage_stock!r:.60}"
        raise LineRejected(f"manage_stock {shown} is none of true, false, parent", "manage_stock", shown)
    if item.stock_quantity is None:
        return UNKNOWN
    return Quantity.of(platform_number(item.stock_quantity, "stock_quantity"))


def status_of(status: str) -> Status:
    """Only what is published can be bought. A private product or variation is shown to the shop's staff alone; the rest
    (draft, pending, future, and what plugins add, such as importing) is not shown at all."""
    return "active" if status == "publish" else "draft"


def _line(item: Item, product_id: int, title: str, status: Status, quantity: Quantity) -> StockLine:
    return StockLine(
        item_id=str(item.id),
        product_id=str(product_id),
        # A variation without its own SKU reports its product's: kept as the shop reports it.
        sku=text_of(item.sku) or None,
        title=title,
        status=status,
        quantity=quantity,
        sellable=_SELLABLE.get(item.stock_status),
        oversell_allowed=_OVERSELL.get(item.backorders or ""),
        barcode=text_of(item.global_unique_id) or None,
        price=price_of(item.price),
    )


def _options(attributes: object) -> str:
    listed = attributes if isinstance(attributes, list) else []
    chosen = (attribute.get("option") for attribute in listed if isinstance(attribute, dict))
    return ", ".join(str(option) for option in chosen if option)
