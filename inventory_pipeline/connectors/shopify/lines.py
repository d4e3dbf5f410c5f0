"""An inventory item's variants and levels become stock lines: pure functions."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from inventory_pipeline.connectors.shopify.facts import LevelFact, VariantFact
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline.core.stock import NO_LOCATION, Page, RejectedLine, StockLine

PAGE_LINES = 2000
BUNDLE = "bundle (its stock is that of its components)"
ORPHAN = "inventory level without its variant"


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
            # Without a place the rejection speaks for every line of the variant that is not read otherwise.
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
