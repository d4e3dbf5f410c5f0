"""Page by page: for small shops, where an export's waiting would cost more than its calls save.

Variants come sorted by id, so what is added while reading comes last and is met.
"""

from collections.abc import AsyncIterator

from msgspec import UNSET

from inventory_pipeline.connectors.shopify.admin import AdminApi, TooCostly
from inventory_pipeline.connectors.shopify.answers import ItemAnswer, Nodes, Variant, VariantsPage
from inventory_pipeline.connectors.shopify.nodes import decode_node
from inventory_pipeline.connectors.shopify.queries import Queries
from inventory_pipeline.connectors.shopify.received import Received
from inventory_pipeline.core.errors import IncompleteRead

# A page is charged for all that it might hold, and a query may cost 1,000 points. Where this is too much, it is halved.
VARIANTS_PER_PAGE = 20
LEVELS_PER_VARIANT = 10
LEVELS_PER_PAGE = 100


async def read_pages(api: AdminApi, queries: Queries, received: Received) -> None:
    """Reads all variants with their levels into `received`. Raises SyncErrors."""
    first, after = VARIANTS_PER_PAGE, None
    seen: set[str] = set()
    while True:
        try:
            answer = await api.ask(queries.page, VariantsPage, first=first, after=after, levels=LEVELS_PER_VARIANT)
        except TooCostly:
            if first == 1:
                raise
            first //= 2
            continue
        await _add_variants(api, queries, answer.product_variants, received)
        after = _next(answer.product_variants, seen, "product variants")
        if after is None:
            return


async def _add_variants(api: AdminApi, queries: Queries, page: Nodes, received: Received) -> None:
    variants = [decode_node(raw, "a product variant") for raw in page.nodes]
    received.add(variants)
    for variant in variants:
        if isinstance(variant, Variant):
            item = variant.inventory_item
            if item.inventory_levels is UNSET:
                raise IncompleteRead(f"{variant.id:.80} comes without its inventory levels")
            async for levels in _levels(api, queries, item.id, item.inventory_levels):
                received.add([decode_node(raw, f"an inventory level of {item.id}") for raw in levels.nodes])


async def _levels(api: AdminApi, queries: Queries, item_id: str, page: Nodes) -> AsyncIterator[Nodes]:
    seen: set[str] = set()
    yield page
    while after := _next(page, seen, f"levels of {item_id}"):
        answer = await api.ask(queries.levels, ItemAnswer, item=item_id, levels=LEVELS_PER_PAGE, after=after)
        if answer.inventory_item is None:
            raise IncompleteRead(f"{item_id} vanished while its levels were read")
        page = answer.inventory_item.inventory_levels
        yield page


def _next(page: Nodes, seen: set[str], what: str) -> str | None:
    """The cursor of the next page, or None after the last. Raises IncompleteRead for a cursor that leads nowhere new."""
    if not page.page_info.has_next_page:
        return None
    cursor = page.page_info.end_cursor
    if not cursor or cursor in seen:
        raise IncompleteRead(f"the pages of {what} lead in circles: cursor {cursor!r:.60}")
    seen.add(cursor)
    return cursor
