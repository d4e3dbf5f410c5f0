"""WooCommerce's words for stock, turned into lines: pure functions, one rule each.

Where the words come from: the product and variation classes of WooCommerce, and answers recorded from 7.0, 10.3 and 11.0.
"""

from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from inventory_pipeline.connectors.woocommerce.items import Item, Product, Variation
from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity, exact_number
from inventory_pipeline.core.stock import TITLE_LENGTH, Status, StockLine

GROUPED = "grouped product (its members are the lines)"
EXTERNAL = "external product (sold elsewhere)"
VARIABLE = "variable product (its variations are the lines)"
UNUSED_POOL = "managed stock of a variable product that no variation draws on"
ORPHAN = "variation without a listed variable product"
TRASHED = "in the trash"

_EXCLUDED_TYPES = {"grouped": GROUPED, "external": EXTERNAL}
_SELLABLE = {"instock": True, "onbackorder": True, "outofstock": False}
_OVERSELL = {"yes": True, "notify": True, "no": False}


class Parent(NamedTuple):
    """What variations need of their product, and no more: a shop may have very many. `fault` says why its own stock
    cannot be read; `pool` is that stock, None where the product manages none."""

    title: str
    status: Status
    pool: Quantity | None
    fault: str = ""


def bears_variations(product: Product) -> bool:
    """Plugins add types: what has variations, or is a kind of variable product, is never a line itself."""
    return product.type.startswith("variable") or bool(product.variations)


def excluded_type(product: Product) -> str | None:
    return TRASHED if product.status == "trash" else _EXCLUDED_TYPES.get(product.type)


def parse_product(product: Product, number: int) -> StockLine:
    """The line of a product that is sold as it is. Raises LineRejected."""
    return _line(product, number, number, _text(product.name), status_of(product.status), own_stock(product))


def parse_parent(product: Product) -> Parent:
    fault, pool = "", None
    try:
        # Its own word: a null here reads as 0 on the variations that draw on it.
        pool = own_stock(product) if product.manage_stock is not False else None
    except LineRejected as error:
        fault = str(error)
    return Parent(_text(product.name)[:TITLE_LENGTH], status_of(product.status), pool, fault)


def parse_variation(variation: Variation, number: int, parent_number: int, parent: Parent) -> StockLine:
    """A variation's line. Drawing on its parent's stock it carries the parent's id as pool. Raises LineRejected."""
    pooled = variation.manage_stock == "parent"
    if pooled and parent.fault:
        raise LineRejected(f"stock of its product {parent_number}: {parent.fault}")
    # A parent that manages no stock any more changed while it was read: nothing is known until the next read.
    quantity = (parent.pool or UNKNOWN) if pooled else own_stock(variation)
    options = _options(variation.attributes)
    title = f"{parent.title} - {options}" if options else parent.title
    status = parent.status if parent.status != "active" else status_of(variation.status)
    line = _line(variation, number, parent_number, title, status, quantity)
    return line._replace(shared_pool=str(parent_number)) if pooled else line


def own_stock(item: Item) -> Quantity:
    """`manage_stock` false: only the stock status counts. True with null: managed, but nobody has said how many."""
    if item.manage_stock is False:
        return UNTRACKED
    if item.manage_stock is not True:
        raise LineRejected(f"manage_stock {item.manage_stock!r:.60} is none of true, false, parent")
    if item.stock_quantity is None:
        return UNKNOWN
    return Quantity.of(exact_number(item.stock_quantity, "stock quantity"))


def status_of(status: str) -> Status:
    """Only what is published can be bought. A private product or variation is shown to the shop's staff alone; the rest
    (draft, pending, future, and what plugins add, such as importing) is not shown at all."""
    return "active" if status == "publish" else "draft"


def _line(item: Item, number: int, product_number: int, title: str, status: Status, quantity: Quantity) -> StockLine:
    return StockLine(
        item_id=str(number),
        product_id=str(product_number),
        # A variation without its own SKU reports its product's: kept as the shop reports it.
        sku=_text(item.sku) or None,
        title=title,
        status=status,
        quantity=quantity,
        sellable=_SELLABLE.get(item.stock_status),
        oversell_allowed=_OVERSELL.get(item.backorders or ""),
        barcode=_text(item.global_unique_id) or None,
        price=_price(item.price),
    )


def _text(value: str | float | None) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _options(attributes: object) -> str:
    if not isinstance(attributes, list):
        return ""
    chosen = (attribute.get("option") for attribute in attributes if isinstance(attribute, dict))
    return ", ".join(str(option) for option in chosen if option)


def _price(raw: str | float | None) -> Decimal | None:
    """None where no price is set or it cannot be read: it decides nothing here."""
    try:
        price = Decimal(str(raw)) if raw not in (None, "") else None
    except InvalidOperation:
        return None
    return price if price is not None and price.is_finite() else None
