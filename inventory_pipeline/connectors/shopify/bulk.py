"""A bulk operation: Shopify runs the query by itself and leaves its result in a file.

Shopify allows an app one such query at a time in a shop before 2026-01, five since. Where there is no room this waits its
turn and then starts its own: the result of an operation that somebody else started would be older than this read.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

from inventory_pipeline.connectors.shopify.admin import AdminApi
from inventory_pipeline.connectors.shopify.answers import Operation, Polled, Run, Started
from inventory_pipeline.connectors.shopify.queries import Queries
from inventory_pipeline.core.errors import IncompleteRead, PlatformUnavailable, ScopeMissing, StoreMisconfigured, SyncError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line

logger = logging.getLogger(__name__)

_NO_ROOM = {"OPERATION_IN_PROGRESS", "LIMIT_REACHED"}
_GID = re.compile(r"gid://shopify/BulkOperation/\d+")
LONGEST_POLL = 20.0
GOODBYE = 5.0  # seconds for taking back an operation that nobody waits for any more


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
        until = asyncio.get_running_loop().time() + self._patience
        operation = await self._started(until)
        logger.info("Shopify runs the bulk operation %s", operation.id)
        try:
            operation = await self._ended(operation, until)
        except BaseException:
            # A person's Cancel too: left alone, it would stand in the way of the next sync.
            await self._take_back(operation.id)
            raise
        return _finished(operation)

    async def _started(self, until: float) -> Operation:
        for wait in waits(self._first_poll):
            answer = await self._api.ask(self._queries.start, Started, query=self._queries.exported)
            run = answer.bulk_operation_run_query
            if run.bulk_operation is not None and not run.user_errors:
                return run.bulk_operation
            told = _told(run)
            if not any(error.code in _NO_ROOM for error in run.user_errors):
                raise StoreMisconfigured(f"Shopify {self._api.version} refuses the bulk operation: {told}")
            if asyncio.get_running_loop().time() + wait > until:
                raise PlatformUnavailable(
                    f"no room for a bulk operation within {self._patience:,.0f} s: {told}; the next sync tries again"
                )
            logger.info("Waiting for room for a bulk operation: %s", told)
            await asyncio.sleep(wait)
        raise AssertionError("waits never end")

    async def _ended(self, operation: Operation, until: float) -> Operation:
        for wait in waits(self._first_poll):
            if asyncio.get_running_loop().time() + wait > until:
                raise PlatformUnavailable(
                    f"bulk operation {operation.id} is still {operation.status} after {self._patience:,.0f} s"
                    f" ({operation.object_count:,} objects so far); give it longer with the setting bulk_wait"
                )
            await asyncio.sleep(wait)
            # At least one look: what starts an operation is told neither counts nor address.
            operation = await self._looked_at(operation.id)
            if operation.has_ended:
                return operation
        raise AssertionError("waits never end")

    async def _looked_at(self, operation_id: str) -> Operation:
        variables = {"id": operation_id} if self._queries.polls_by_id else {}
        operation = (await self._api.ask(self._queries.poll, Polled, **variables)).operation
        if operation is None:
            raise IncompleteRead(f"Shopify does not know the bulk operation {operation_id} any more")
        if operation.id != operation_id:
            raise IncompleteRead(
                f"bulk operation {operation_id} was followed by {operation.id} of the same app: its end is not known"
            )
        return operation

    async def _take_back(self, operation_id: str) -> None:
        with contextlib.suppress(SyncError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self._api.ask(self._queries.cancel, dict, id=operation_id)


def waits(first: float) -> Iterator[float]:
    """Seconds between one look and the next, without end: each longer than the one before, up to LONGEST_POLL."""
    wait = first
    while True:
        yield wait
        wait = min(wait * 1.5, max(LONGEST_POLL, first))


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
