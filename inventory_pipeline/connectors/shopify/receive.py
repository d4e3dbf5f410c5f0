"""The two ways of receiving a shop's variants and levels: a bulk operation, or pages for a small shop.

Shopify allows an app one bulk operation at a time in a shop before 2026-01, five since. Where there is no room this waits
its turn and then starts its own: the result of an operation that somebody else started would be older than this read.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from msgspec import UNSET

from inventory_pipeline.connectors.shopify.admin import AdminApi
from inventory_pipeline.connectors.shopify.answers import (
    ItemAnswer,
    Nodes,
    Operation,
    Polled,
    Run,
    SharingAnswer,
    Started,
    Variant,
    VariantsPage,
)
from inventory_pipeline.connectors.shopify.queries import Queries
from inventory_pipeline.connectors.shopify.spool import Received, decode_lines, decode_node
from inventory_pipeline.connectors.toolkit.exports import Patience, download_lines
from inventory_pipeline.connectors.toolkit.graphql import TooCostly, next_cursor
from inventory_pipeline.core.errors import IncompleteRead, PlatformUnavailable, ScopeMissing, StoreMisconfigured, SyncError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.client import HttpClient

logger = logging.getLogger(__name__)

# Shopify charges a page for all that it might hold, and a query may cost 1,000 points. A page that costs more is halved.
VARIANTS_PER_PAGE = 20
LEVELS_PER_VARIANT = 10
LEVELS_PER_PAGE = 100
CANCEL_WITHIN = 5.0  # seconds for cancelling an operation that nobody waits for any more

_NO_ROOM = {"OPERATION_IN_PROGRESS", "LIMIT_REACHED"}
_GID = re.compile(r"gid://shopify/BulkOperation/\d+")


async def read_pages(api: AdminApi, queries: Queries, received: Received, **search: str) -> None:
    """Reads variants with their levels into `received`: all, or those that a search (`query`) finds. Raises SyncErrors."""
    first, after = VARIANTS_PER_PAGE, None
    seen: set[str] = set()
    while True:
        try:
            answer = await api.execute(queries.page, VariantsPage, first=first, after=after, levels=LEVELS_PER_VARIANT, **search)
        except TooCostly:
            if first == 1:
                raise
            first //= 2
            continue
        await _add_variants(api, queries, answer.product_variants, received)
        after = next_cursor(answer.product_variants.page_info, seen, "product variants")
        if after is None:
            return


async def read_sharing(api: AdminApi, queries: Queries, items: Iterable[str], received: Received) -> None:
    """Reads into `received` the variants, without levels, that are sold from the inventory items of these numbers."""
    for item in sorted(items) if queries.shares_items else ():
        answer = await api.execute(queries.sharing, SharingAnswer, item=f"gid://shopify/InventoryItem/{item}")
        variants = answer.inventory_item and answer.inventory_item.variants
        received.add([decode_node(raw, f"a variant of item {item}") for raw in variants.nodes] if variants else [])


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
    while after := next_cursor(page.page_info, seen, f"levels of {item_id}"):
        answer = await api.execute(queries.levels, ItemAnswer, item=item_id, levels=LEVELS_PER_PAGE, after=after)
        if answer.inventory_item is None:
            raise IncompleteRead(f"{item_id} vanished while its levels were read")
        page = answer.inventory_item.inventory_levels
        yield page


@dataclass(frozen=True, slots=True)
class Export:
    """A finished operation. `url` is None where it found nothing; `size` (bytes) is None where Shopify does not tell."""

    id: str
    url: str | None
    objects: int
    roots: int
    size: int | None


class BulkExport:
    """Starts the operation and waits for it, `patience` seconds in all, first `first_poll` between two looks."""

    def __init__(self, api: AdminApi, queries: Queries, *, patience: float, first_poll: float) -> None:
        self._api = api
        self._queries = queries
        self._patience = patience
        self._first_poll = first_poll

    async def run(self) -> Export:
        """The finished export. Raises SyncErrors; an operation that is given up is cancelled at Shopify."""
        patience = Patience(self._patience, self._first_poll)
        operation = await self._start(patience)
        logger.info("Shopify runs the bulk operation %s", operation.id)
        patience.begin_again()
        try:
            operation = await self._end_of(operation, patience)
        except BaseException:
            # A person's Cancel too: left alone, it would stand in the way of the next sync.
            await self._cancel(operation.id)
            raise
        return _finished(operation)

    async def _start(self, patience: Patience) -> Operation:
        while True:
            answer = await self._api.execute(self._queries.start, Started, query=self._queries.exported)
            run = answer.bulk_operation_run_query
            if run.bulk_operation is not None and not run.user_errors:
                return run.bulk_operation
            told = _told(run)
            if not any(error.code in _NO_ROOM for error in run.user_errors):
                raise StoreMisconfigured(f"Shopify {self._api.version} refuses the bulk operation: {told}")
            logger.info("Waiting for room for a bulk operation: %s", told)
            if not await patience.wait():
                raise PlatformUnavailable(
                    f"no room for a bulk operation within {self._patience:,.0f} s: {told}; the next sync tries again"
                )

    async def _end_of(self, operation: Operation, patience: Patience) -> Operation:
        # At least one look: what starts an operation is told neither counts nor address.
        while await patience.wait():
            operation = await self._look_at(operation.id)
            if operation.has_ended:
                return operation
        raise PlatformUnavailable(
            f"bulk operation {operation.id} is still {operation.status} after {self._patience:,.0f} s"
            f" ({operation.object_count:,} objects so far); give it longer with the setting bulk_wait"
        )

    async def _look_at(self, operation_id: str) -> Operation:
        variables = {"id": operation_id} if self._queries.polls_by_id else {}
        operation = (await self._api.execute(self._queries.poll, Polled, **variables)).operation
        if operation is None:
            raise IncompleteRead(f"Shopify does not know the bulk operation {operation_id} any more")
        if operation.id != operation_id:
            raise IncompleteRead(
                f"bulk operation {operation_id} was followed by {operation.id} of the same app: its end is not known"
            )
        return operation

    async def _cancel(self, operation_id: str) -> None:
        with contextlib.suppress(SyncError, TimeoutError):
            async with asyncio.timeout(CANCEL_WITHIN):
                await self._api.execute(self._queries.cancel, dict, id=operation_id)


async def download(http: HttpClient, export: Export, received: Received, *, plain_allowed: bool = False) -> None:
    """Reads the export's file into `received`. Raises as `download_lines`.

    The file is at a storage service's signed address, hence another client, which has no token to give away.
    """
    if export.url is None:
        return
    await download_lines(
        http,
        export.url,
        job=f"bulk operation {export.id}",
        size=export.size,
        add=lambda block: received.add(decode_lines(block, received.nodes + 1)),
        start_again=received.clear,
        plain_allowed=plain_allowed,
    )


def _finished(operation: Operation) -> Export:
    """The export of an ended operation. Raises what its status means."""
    name = f"bulk operation {operation.id}"
    objects = operation.object_count
    if operation.error_code == "ACCESS_DENIED":
        raise ScopeMissing(f"{name} was denied access: the app needs read_products, read_inventory and read_locations")
    if operation.status != "COMPLETED":
        reason = f"{operation.status}{f' ({operation.error_code})' if operation.error_code else ''}"
        if operation.status == "EXPIRED" or operation.partial_data_url:
            raise IncompleteRead(f"{name} ended {reason} after {objects:,} objects; a part of the result is not used")
        raise PlatformUnavailable(f"{name} ended {reason} after {objects:,} objects; the next sync tries again")
    if operation.url is None and objects:
        raise IncompleteRead(f"{name} counts {objects:,} objects but gives no address for them")
    return Export(operation.id, operation.url, objects, operation.root_object_count, operation.file_size)


def _told(run: Run) -> str:
    """What Shopify says, or only the ids of the operations under way where it names them."""
    text = "; ".join(error.message for error in run.user_errors) or "no operation and no reason given"
    ids = _GID.findall(text)
    return f"{', '.join(ids)} in progress" if ids else one_line(redact(text), 200)
