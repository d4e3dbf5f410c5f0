"""WooCommerce 7 to 11 through its REST API v3: products, then their variations, by the fewest calls the version allows."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import ClassVar

import httpx

from inventory_pipeline.connectors.base import AskedItem, CheckItem, ConnectorContext, PlatformInfo
from inventory_pipeline.connectors.store_settings import choice, flag, language, whole_number
from inventory_pipeline.connectors.toolkit.addresses import store_address
from inventory_pipeline.connectors.toolkit.checks import stopped_by, version_item
from inventory_pipeline.connectors.toolkit.pages import ListPage, PagedList, ProofBuilder, SeenIds, joined, whole_lists
from inventory_pipeline.connectors.toolkit.parsing import decode_list, field_names, is_sku, total_of, whole_id
from inventory_pipeline.connectors.woocommerce.api import NAMESPACE, WAYS, NoRoute, WooApi
from inventory_pipeline.connectors.woocommerce.lines import Found, LineBuilder, Listed, Product, Variation
from inventory_pipeline.core.errors import SyncError, UsageError
from inventory_pipeline.core.stock import Completeness, Page
from inventory_pipeline.http.auth import OAuth1, QueryCredentials
from inventory_pipeline.http.response import decode_loosely

CACHED = "; a cache in front of the shop gives one page for another: leave /wp-json out of it"
# In the memo of a read: how many variations the shop counts that no product asks for, and how its addresses are made up.
ORPHANS, WAY = "orphaned_variations", "way"


class WooCommerce:
    """One shop. Over plain http WooCommerce takes no password, only OAuth 1.0a signatures; over https it takes Basic."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        platform="woocommerce",
        title="WooCommerce",
        versions="7 to 11 (REST API v3)",
        auth="consumer key and secret: Basic over https, OAuth 1.0a (HMAC-SHA256) over http",
        scopes=("Read",),
        calls_per_100k="about 1,000, and one more per 100 variations; before 10.3 one more per variable product instead",
        grant="WooCommerce > Settings > Advanced > REST API > Add key, with the permission Read, for a user who may manage the"
        " shop",
        locations="one; WooCommerce itself knows no other",
        available="the shop's stock quantity; what is reserved for unpaid orders is not taken off",
        limits="none of its own; the width is lowered where a shop does not answer in time",
        gaps="stock that a plugin keeps per warehouse; grouped and external products have none of their own",
        proved_by="answers recorded from 7.0.0, 10.3.6 and 11.0.1, and a local server with faults",
        credentials=("consumer_key", "consumer_secret"),
        settings={
            "auth": "basic, oauth1 or query; query puts the key into the address, for https hosts that drop the"
            " Authorization header (basic over https, oauth1 over http)",
            "per_page": "items per request, 1 to 100; fewer for a slow shop (100)",
            "rest_route": "true for a shop with plain permalinks (found out by itself)",
            "lang": "language whose products are read where a plugin (WPML, Polylang) keeps translated twins, such as en (the"
            " shop's own choice)",
        },
    )

    def __init__(self, context: ConnectorContext) -> None:
        context.check_names(self.info)
        settings = context.store.settings
        address = store_address(context.store.url, (NAMESPACE, "/wp-json"))
        self._memo = context.memo
        self._per_page = whole_number(settings, "per_page", 100, 1, 100)
        lang = language(settings, "lang")
        self._lang = {"lang": lang} if lang else {}  # as the translation plugins take it
        auth, other = _auth(address, settings, context.credentials)
        self._http = context.open_http(auth=auth)
        other_http = context.open_http(auth=other) if other else None
        way = "plain" if flag(settings, "rest_route", False) else context.memo.get(WAY, "")
        self._api = WooApi(self._http, address, way=way, other_http=other_http)
        self._product_ids, self._variation_ids = SeenIds(), SeenIds()
        self._builder = LineBuilder(self._product_ids)
        self._proof = ProofBuilder()
        self._is_flat = True  # whether all variations come in one list

    @property
    def api_calls(self) -> int:
        return self._api.calls

    async def check(self) -> list[CheckItem]:
        """Requests little: one product id, one variation id, and the version, which not every key may see."""
        known = CheckItem("credentials", True, "the shop knows the key")
        async with self._http:
            try:
                products = await self._api.get("/products", {"per_page": 1, "status": "any", "_fields": "id"})
                decode_loosely(products)
            except SyncError as error:
                return stopped_by(error, self._address_item(), known)
            total = products.headers.get("x-wp-total", "")
            seen = f"the key may read products: {total} are listed" if total else "the key may read products"
            found, _, cure = "; ".join(orphan_notes(self._memo)).rpartition("; ")
            seen += f"; the last sync found {found}" if found else ""
            return [self._address_item(), known, CheckItem("permissions", True, seen, cure), await self._version_item()]

    async def read(self) -> AsyncGenerator[Page | Completeness]:
        """Products first, so that their variations find their parents, and at the end the proof."""
        products = self._list("/products", Product, self._http.connections, self._product_ids)
        variations = self._list("/variations", Variation, self._http.connections, self._variation_ids)
        async with self._http:
            try:
                # The last pages of products leave connections free: the first one of variations comes along with them.
                async with aclosing(products.pages(followed_by=variations)) as pages:
                    async for listed in pages:
                        yield self._builder.add_products(listed)
                self._proof.add(products)
                async with aclosing(self._variations(variations)) as pages:
                    async for page in pages:
                        yield page
            finally:
                await variations.close()
        yield self._builder.containers()
        named = self._builder.named_variations
        orphans = self._proof.judge("/variations", named, self._variation_ids, surplus_is_gap=not self._is_flat)
        if products.coverage.gap:
            orphans = 0  # they may be those of the products that were not shown
        proof = self._proof.completeness("")
        told = "no X-WP-Total: read to the empty page" if proof.expected is None else "distinct ids against X-WP-Total"
        way = "variations in one list" if self._is_flat else "variations product by product"
        memo = {WAY: self._api.places.now} | self._api.bears | ({ORPHANS: str(orphans)} if orphans else {})
        notes = orphan_notes(memo) + self._http.notes("give the shop more PHP workers")
        yield replace(proof, how=f"{told}; {way}", memo=memo, notes=notes)

    async def read_items(self, items: Sequence[AskedItem], sku: str) -> Page:
        """One request for the products, and one more for each of them whose variations are meant."""
        async with self._http:
            if not items:
                items = await self._items_with(sku)
            if not items:
                return Page()
            owners = {item.product_id or item.item_id for item in items}
            pages = [self._builder.add_products(await self._listed("/products", Product, include=",".join(sorted(owners))))]
            for owner in sorted(owners):
                variations = sorted(item.item_id for item in items if item.product_id == owner and item.item_id != owner)
                if variations and int(owner) in self._builder.parent_ids:
                    route = f"/products/{owner}/variations"
                    listed = await self._listed(route, Variation, include=",".join(variations))
                    pages.append(self._builder.add_variations(listed, int(owner)))
        return joined(pages)

    async def _items_with(self, sku: str) -> list[AskedItem]:
        """A search for an SKU finds variations among the products."""
        found = await self._listed("/products", Found, sku=sku)
        own = (each for each in found.items if is_sku(each.sku, sku))
        return [AskedItem(str(each.id), str(whole_id(each.parent_id) or each.id)) for each in own]

    async def _listed(self, route: str, kind: type[Listed], **which: str) -> ListPage[Listed]:
        asked = {"per_page": 100, "status": "any", "_fields": field_names(kind), **which, **self._lang}
        response = await self._api.get(route, asked)
        listed = ListPage(1, *decode_list(response, kind), total_of(response, "x-wp-total"))
        listed.is_new = [True] * len(listed.items)
        return listed

    def _address_item(self) -> CheckItem:
        return CheckItem("address", True, f"WordPress answers at {WAYS[self._api.places.now]}")

    async def _version_item(self) -> CheckItem:
        try:
            status = decode_loosely(await self._api.get("/system_status", {"_fields": "environment.version"}))
            version = str(status["environment"]["version"])
        except (SyncError, LookupError, TypeError):
            version = ""
        try:
            await self._api.get("/variations", {"per_page": 1, "_fields": "id"})
            way = "all variations come in one list"
        except NoRoute:
            way = "variations are read product by product"
        except SyncError as error:
            way = f"variations: {error}"
        if not version[:1].isdigit():
            # A key of a shop manager may not see it; the REST API v3 itself is there.
            return CheckItem("version", True, f"REST API v3; the key may not see WooCommerce's version; {way}")
        return version_item("WooCommerce", version, 7, 11, way)

    async def _variations(self, flat: PagedList[Variation]) -> AsyncGenerator[Page]:
        try:
            async with aclosing(flat.pages()) as pages:
                async for listed in pages:
                    yield self._builder.add_variations(listed)
            self._proof.add(flat)
        except NoRoute:  # before 10.3
            self._is_flat = False
            async with aclosing(self._by_product()) as pages:
                async for page in pages:
                    yield page

    async def _by_product(self) -> AsyncGenerator[Page]:
        numbers, seen = self._builder.parent_ids, self._variation_ids
        lists = ((number, self._list(f"/products/{number}/variations", Variation, 1, seen)) for number in numbers)
        async with aclosing(whole_lists(lists, self._http.connections)) as products:
            async for number, variations, listed_pages in products:
                for listed in listed_pages:
                    yield self._builder.add_variations(listed, number)
                self._proof.add(variations, "/variations")

    def _list(self, route: str, kind: type[Listed], width: int, seen: SeenIds) -> PagedList[Listed]:
        return PagedList(route, partial(self._fetch, route, kind), self._per_page, width, CACHED, seen)

    async def _fetch(self, route: str, kind: type[Listed], number: int) -> ListPage[Listed]:
        # By id: in the default order (by date) products of one moment are repeated and dropped, whatever the counts say.
        order = {"orderby": "id", "order": "asc", "status": "any", "_fields": field_names(kind)}
        response = await self._api.get(route, {"per_page": self._per_page, "page": number, **order, **self._lang})
        return ListPage(number, *decode_list(response, kind), total_of(response, "x-wp-total"))


def orphan_notes(memo: Mapping[str, str]) -> tuple[str, ...]:
    """What a person is told of the orphaned variations that a read left in its memo; the cure is WooCommerce's own."""
    orphans = int(memo.get(ORPHANS, 0))
    if not orphans:
        return ()
    cure = "delete them with WooCommerce > Status > Tools > Delete orphaned variations"
    told = "whose products are gone: WooCommerce counts them, and shows and sells none"
    return (f"{orphans:,} orphaned variation{'s' if orphans > 1 else ''} in the shop's database, {told}; {cure}",)


def _auth(address: str, settings: Mapping[str, str], credentials: Mapping[str, str]) -> tuple[httpx.Auth, httpx.Auth | None]:
    """How requests prove who sends them, and over https another way, which is tried only where the first one is refused."""
    key, secret = credentials["consumer_key"].strip(), credentials["consumer_secret"].strip()
    plain = address.startswith("http://")
    kind = choice(settings, "auth", "oauth1" if plain else "basic", ("basic", "oauth1", "query"))
    oauth, basic = OAuth1(key, secret), httpx.BasicAuth(key, secret)
    if kind == "oauth1":
        return oauth, None if plain else basic
    if plain:
        raise UsageError(f"setting auth={kind} needs an https address: WooCommerce takes only oauth1 over plain http")
    return basic if kind == "basic" else QueryCredentials(consumer_key=key, consumer_secret=secret), oauth


CONNECTOR = WooCommerce
