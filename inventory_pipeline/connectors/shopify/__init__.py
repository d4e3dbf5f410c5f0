"""Shopify, through the versioned Admin GraphQL API: one bulk operation, or pages for a small shop.

Stock is read per location from the inventory levels; variants sold from one inventory item share its levels as a pool.
No live shop has been met: queries are held against Shopify's own schemas, answers against recorded ones.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from inventory_pipeline.connectors.base import AskedItem, CheckItem, ConnectorContext, PlatformInfo
from inventory_pipeline.connectors.shopify.admin import SCOPES, AdminApi, check_shop, count_variants, read_access
from inventory_pipeline.connectors.shopify.lines import Tally, pages
from inventory_pipeline.connectors.shopify.queries import VERSIONS, Queries, search_for
from inventory_pipeline.connectors.shopify.receive import BulkExport, download, read_pages, read_sharing
from inventory_pipeline.connectors.shopify.settings import SETTINGS, ShopifySettings, auth_of
from inventory_pipeline.connectors.shopify.spool import Received, Spool
from inventory_pipeline.connectors.toolkit.pages import joined
from inventory_pipeline.connectors.toolkit.parsing import is_sku
from inventory_pipeline.core.stock import Completeness, Page

# Up to so many variants, reading pages takes fewer calls than waiting for an export.
SMALL_SHOP = 100


@dataclass(frozen=True, slots=True)
class Counts:
    """What Shopify counts. `before` and `after` are the shop's variants; `objects` (variants and levels) and `roots`
    (variants) are an export's own, None where they are no proof."""

    before: int
    after: int
    objects: int | None = None
    roots: int | None = None


class Shopify:
    """One shop. All variants and levels are received first and put together on disk: until then no variant is complete."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        platform="shopify",
        title="Shopify",
        versions=f"Admin GraphQL API {VERSIONS[0]} to {VERSIONS[-1]}",
        auth="access_token; or client_id and client_secret of an app of the shop's own organization",
        other_credentials=("access_token", "client_id", "client_secret"),
        scopes=SCOPES,
        calls_per_100k="about 10: one bulk operation with a few looks at it, and one download",
        grant="Settings > Apps > Develop apps > Create an app > Admin API access: read_products, read_inventory,"
        " read_locations; Install, and reveal the token once",
        locations="each of the shop's, from its inventory levels",
        available="the quantity named available: on hand less committed, reserved and damaged",
        limits="cost points that every answer tells; one bulk operation at a time for each app",
        gaps="bundles are left out; proved against schemas and a local server, not against a live shop",
        proved_by="Shopify's schemas of 2025-10 and 2026-07, and a local server with faults",
        settings=SETTINGS,
        # Stock and tokens are asked of the shop's own host. An export's own address, elsewhere, is fetched without a token.
        host_patterns=("*.myshopify.com",),
    )

    def __init__(self, context: ConnectorContext) -> None:
        context.check_names(self.info)
        self._settings = ShopifySettings.of(context)
        self._queries = Queries(self._settings.api_version)
        self._auth = auth_of(self._settings.shop, context.credentials)
        self._http = context.open_http(auth=self._auth)
        self._storage = context.open_http()

    @property
    def api_calls(self) -> int:
        return self._http.calls + self._auth.calls + self._storage.calls

    async def check(self) -> list[CheckItem]:
        async with self._http:
            return await check_shop(self._api(), self._queries)

    async def read(self) -> AsyncGenerator[Page | Completeness]:
        with Spool() as spool:
            received, tally = Received(spool), Tally()
            async with self._http:
                api = self._api()
                shop = (await read_access(api, self._queries)).shop
                before = await count_variants(api, self._queries)
                counts, how = await self._receive(api, before, received)
            if received.rejected:
                yield Page(rejected=received.rejected)
            for page in pages(spool.items(), shop.currency_code, tally):
                yield page
                await asyncio.sleep(0)  # the lease's heartbeat has its turn
            yield proof(counts, received.nodes, tally, received.unread_variants, how)

    async def read_items(self, items: Sequence[AskedItem], sku: str) -> Page:
        """One request for the shop, one for the variants, and one for each of their inventory items, which others may share."""
        asked = {item.item_id for item in items}
        with Spool() as spool:
            received = Received(spool)
            async with self._http:
                api = self._api()
                shop = (await read_access(api, self._queries)).shop
                await read_pages(api, self._queries, received, query=search_for(asked, sku))
                facts = [fact for variants, _ in spool.items() for fact in variants]
                # One that cannot be read was found all the same.
                meant = [fact for fact in facts if (fact.id in asked if items else fact.fault or is_sku(fact.sku, sku))]
                await read_sharing(api, self._queries, {fact.item for fact in meant}, received)
            made = joined(pages(spool.items(), shop.currency_code, Tally()))
        own = {fact.id for fact in meant}
        rejected = [entry for entry in made.rejected if entry.item_id in own]
        return Page([line for line in made.lines if line.item_id in own], received.rejected + rejected, made.excluded)

    async def _receive(self, api: AdminApi, before: int, received: Received) -> tuple[Counts, str]:
        """Reads the shop by the way that fits, and counts again at the end."""
        if self._settings.read == "paged" or (self._settings.read == "auto" and before <= SMALL_SHOP):
            await read_pages(api, self._queries, received)
            return Counts(before, await count_variants(api, self._queries)), "read page by page"
        patience, first_poll = self._settings.bulk_wait, self._settings.bulk_poll
        export = await BulkExport(api, self._queries, patience=patience, first_poll=first_poll).run()
        after = await count_variants(api, self._queries)
        async with self._storage:
            await download(self._storage, export, received, plain_allowed=self._settings.is_plain)
        # Nobody has seen whether objectCount counts the plain objects within a line too. Every byte has come where Shopify
        # says how many there are; only where it does not is that count the proof.
        objects = export.objects if export.size is None else None
        return Counts(before, after, objects, export.roots), f"read by bulk operation {export.id}"

    def _api(self) -> AdminApi:
        return AdminApi(self._http, self._settings.shop, self._settings.api_version)


def proof(counts: Counts, nodes: int, tally: Tally, unread: int, how: str) -> Completeness:
    """Compares `nodes` received, `unread` variants among them, with every count; the largest gap counts.

    A shop's total that moves while it is read proves its smaller value only.
    """
    shop = min(counts.before, counts.after)
    variants = tally.variants + unread  # what cannot be read was shown all the same
    objects = nodes if counts.objects is None else counts.objects
    roots = 0 if counts.roots is None else counts.roots
    missing = max(objects - nodes, roots - variants - tally.repeats, shop - variants, 0)
    return Completeness(
        expected=nodes + missing,
        read=nodes,
        how=f"{how}: {nodes:,} variants and levels; {tally.variants:,} variants of {shop:,} that the shop counts",
        repeats=tally.repeats,
        moved=counts.before != counts.after,
    )


CONNECTOR = Shopify
