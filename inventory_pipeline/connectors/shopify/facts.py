"""What of a variant and of an inventory level becomes stock: small tuples, cheap to keep on disk until they meet.

Decisions: an unlisted product is active (it can be bought by its link), and so is one with a status that this program does
not know, since stock that is hidden is worse than stock that is shown. A gift card is a line like any other: Shopify
does not track it unless the shop says so.
"""

import logging
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import NamedTuple

from inventory_pipeline.connectors.shopify.answers import Level, Variant
from inventory_pipeline.connectors.shopify.queries import AVAILABLE, COMMITTED, INCOMING, ON_HAND
from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.stock import Status
from inventory_pipeline.core.text import one_line

logger = logging.getLogger(__name__)

# The title of the only variant of a product without options.
_NO_OPTIONS = "Default Title"
_STATUSES: Mapping[str, Status] = {"ACTIVE": "active", "UNLISTED": "active", "DRAFT": "draft", "ARCHIVED": "archived"}
_OVERSELL = {"CONTINUE": True, "DENY": False}


class VariantFact(NamedTuple):
    """`item` is the inventory item whose levels are this variant's. `bundle`: it has no stock but its components'.
    `fault` says why the variant cannot be read, where only its ids could."""

    item: str
    id: str
    product_id: str | None = None
    sku: str | None = None
    title: str = ""
    status: Status = "active"
    tracked: bool = False
    sellable: bool | None = None
    oversell_allowed: bool | None = None
    barcode: str | None = None
    price: Decimal | None = None
    bundle: bool = False
    fault: str = ""


class LevelFact(NamedTuple):
    """Stock of an inventory item at one location; None for a quantity that Shopify does not name. `fault` as above."""

    item: str
    location_id: str
    location: str | None = None
    active: bool = True
    available: int | None = None
    on_hand: int | None = None
    committed: int | None = None
    incoming: int | None = None
    fault: str = ""


Fact = VariantFact | LevelFact


def variant_fact(variant: Variant) -> VariantFact:
    """Raises LineRejected where an id cannot be read."""
    product = variant.product
    return VariantFact(
        item=number_of(variant.inventory_item.id),
        id=number_of(variant.id),
        product_id=number_of(product.id),
        sku=variant.sku or None,
        title=product.title if variant.title == _NO_OPTIONS else f"{product.title} - {variant.title}",
        status=_STATUSES.get(product.status) or _unknown_status(product.status),
        tracked=variant.inventory_item.tracked,
        sellable=variant.available_for_sale,
        oversell_allowed=_OVERSELL.get(variant.inventory_policy),
        barcode=variant.barcode or None,
        price=_price(variant.price),
        bundle=variant.requires_components,
    )


def level_fact(level: Level) -> LevelFact:
    """Raises LineRejected where an id cannot be read."""
    location = level.location
    named = {entry.name: entry.quantity for entry in level.quantities}
    return LevelFact(
        item=number_of(level.item.id),
        location_id=number_of(location.id),
        location=location.name,
        active=level.is_active and location.is_active,
        available=named.get(AVAILABLE),
        on_hand=named.get(ON_HAND),
        committed=named.get(COMMITTED),
        incoming=named.get(INCOMING),
    )


def number_of(gid: str) -> str:
    """`gid://shopify/ProductVariant/123` → "123"; a query behind the number is no part of it. Raises LineRejected."""
    number = gid.partition("?")[0].rpartition("/")[2]
    if not number:
        raise LineRejected(f"id {gid!r:.80} ends without a number")
    return number


@cache
def _unknown_status(status: str) -> Status:
    logger.warning("Product status %s is not known; such products are taken as active", one_line(status, 40))
    return "active"


def _price(text: str) -> Decimal | None:
    """None where it cannot be read: a price decides nothing here."""
    try:
        price = Decimal(text)
    except InvalidOperation:
        return None
    return price if price.is_finite() else None
