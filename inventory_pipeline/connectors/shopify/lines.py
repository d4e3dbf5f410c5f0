"""Variants and inventory levels become facts, which are kept on disk until both are there, and then stock lines.

Decisions: an unlisted product is active (it can be bought by its link), and so is one with a status that this program does
not know, since stock that is hidden is worse than stock that is shown. A gift card is a line like any other: Shopify
does not track it unless the shop says so.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from inventory_pipeline.connectors.shopify.answers import Level, Variant
from inventory_pipeline.connectors.shopify.queries import AVAILABLE, COMMITTED, INCOMING, ON_HAND
from inventory_pipeline.connectors.toolkit.parsing import price_of
from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline.core.stock import NO_LOCATION, Page, RejectedLine, Status, StockLine
from inventory_pipeline.core.text import one_line

logger = logging.getLogger(__name__)

PAGE_LINES = 2000
BUNDLE = "bundle (its stock is that of its components)"
ORPHAN = "inventory level without its variant"
# The title of the only variant of a product without options.
_NO_OPTIONS = "Default Title"
_STATUSES: Mapping[str, Status] = {"ACTIVE": "active", "UNLISTED": "active", "DRAFT": "draft", "ARCHIVED": "archived"}
_MOST = 2**63 - 1
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
        price=price_of(variant.price),
        bundle=variant.requires_components,
    )


def level_fact(level: Level) -> LevelFact:
    """Raises LineRejected where an id cannot be read."""
    location = level.location
    # What is beyond 64 bits cannot be kept until it is looked at, and is beyond every bound as it is.
    named = {entry.name: max(-_MOST, min(_MOST, entry.quantity)) for entry in level.quantities}
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


@dataclass(slots=True)
class Tally:
    """Variants as read: the distinct ones, and how often one came again."""

    variants: int = 0
    repeats: int = 0


def pages(
    items: Iterable[tuple[list[VariantFact], list[LevelFact]]], currency: str | None, tally: Tally, size: int = PAGE_LINES
) -> Iterator[Page]:
    """The lines of all items, in pages of about `size`; counts into `tally`."""
    page, excluded = Page(), Counter[str]()
    for variants, levels in items:
        distinct = {variant.id: variant for variant in variants}
        tally.variants += len(distinct)
        tally.repeats += len(variants) - len(distinct)
        stocked = [variant for variant in distinct.values() if not variant.bundle]
        excluded[BUNDLE] += len(distinct) - len(stocked)
        # An item behind several variants shows its levels once for each.
        places = list({level.location_id: level for level in levels}.values())
        if not distinct:
            page.rejected.extend(RejectedLine(ORPHAN, excerpt=repr(level)) for level in places)
        for variant in stocked:
            _add(page, variant, places, len(stocked) > 1, currency)
        if len(page.lines) + len(page.rejected) >= size:
            yield Page(page.lines, page.rejected, +excluded)
            page, excluded = Page(), Counter[str]()
    if page.lines or page.rejected or +excluded:
        yield Page(page.lines, page.rejected, +excluded)


def _add(page: Page, variant: VariantFact, places: list[LevelFact], shared: bool, currency: str | None) -> None:
    for level in places or [LevelFact(variant.item, NO_LOCATION)]:
        if fault := variant.fault or level.fault:
            # Without a location the rejection is about every line of the variant that is not read otherwise.
            location = None if level.location_id == NO_LOCATION else level.location_id
            page.rejected.append(RejectedLine(fault, variant.id, location, repr(level if level.fault else variant)))
        else:
            page.lines.append(_line(variant, level, shared, currency))


def _line(variant: VariantFact, level: LevelFact, shared: bool, currency: str | None) -> StockLine:
    """Untracked levels say 0, which means nothing: their numbers are dropped. A deactivated level keeps its own (since
    2026-04), but nothing is sold from there."""
    tracked = variant.tracked
    return StockLine(
        item_id=variant.id,
        location_id=level.location_id,
        product_id=variant.product_id,
        sku=variant.sku,
        title=variant.title,
        status=variant.status,
        quantity=_quantity(tracked, level.available),
        on_hand=level.on_hand if tracked else None,
        committed=level.committed if tracked else None,
        incoming=level.incoming if tracked else None,
        sellable=variant.sellable if level.active else False,
        oversell_allowed=variant.oversell_allowed,
        shared_pool=f"{variant.item}@{level.location_id}" if shared and level.location_id != NO_LOCATION else None,
        location=level.location,
        location_active=level.active,
        barcode=variant.barcode,
        price=variant.price,
        currency=currency if variant.price is not None else None,
    )


def _quantity(tracked: bool, available: int | None) -> Quantity:
    if not tracked:
        return UNTRACKED
    return UNKNOWN if available is None else Quantity("tracked", available)
