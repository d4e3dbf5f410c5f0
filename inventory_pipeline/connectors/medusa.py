"""Medusa 2 through its Admin API: inventory items with their levels, and the variants that are sold from them.

Seen on a real server (2.21.2). Lists are sorted by id: sorted by title or date they lose rows. A level's `stocked_quantity`
includes reserved units; what can be sold is `available_quantity`, which may be negative.
"""

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, NamedTuple, TypeVar

import httpx
import msgspec

from inventory_pipeline.connectors.base import AskedItem, CheckItem, ConnectorContext, PlatformInfo
from inventory_pipeline.connectors.store_settings import whole_number
from inventory_pipeline.connectors.toolkit.addresses import ErrorBody, store_address, web_page_error
from inventory_pipeline.connectors.toolkit.checks import stopped_by
from inventory_pipeline.connectors.toolkit.pages import ListPage, PageBuilder, PagedList, ProofBuilder, SeenTexts, joined
from inventory_pipeline.connectors.toolkit.parsing import decode_list, is_sku, text_id, text_of
from inventory_pipeline.connectors.toolkit.spool import Spool
from inventory_pipeline.core.errors import CredentialsRejected, IncompleteRead, LineRejected, StoreMisconfigured, SyncError
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Number, Quantity, platform_number
from inventory_pipeline.core.stock import NO_LOCATION, Completeness, Page, StockLine
from inventory_pipeline.http.response import Response

KIT = "kit (its stock is that of its parts)"
UNUSED = "inventory item that no variant is sold from"

_PAGE_LINES = 2000
_FIELDS = {
    "inventory-items": "id,*location_levels",
    "product-variants": (
        "id,sku,barcode,title,manage_inventory,allow_backorder,product_id,product.title,product.status,*inventory_items"
    ),
    "stock-locations": "id,name",
}
# In an address the server takes no longer list than this; to know that an item is shared, fewer would do.
_MOST_IDS = 20


class _Level(msgspec.Struct, gc=False):
    """Quantities are looked at where they are read, so that a bad one costs its own line and no other."""

    location_id: str
    available_quantity: Any = msgspec.UNSET
    stocked_quantity: Any = None
    reserved_quantity: Any = None
    incoming_quantity: Any = None


class _Sold(msgspec.Struct, gc=False):
    id: str


class _Item(msgspec.Struct, gc=False):
    """`variants` are those that are sold from it, where they are asked for."""

    id: Any
    location_levels: list[_Level]
    variants: list[_Sold | None] | None = None


class _Part(msgspec.Struct, gc=False):
    inventory_item_id: str
    required_quantity: int | float = 1


class _Product(msgspec.Struct, gc=False):
    title: str | None = None
    status: str | None = None


class _Variant(msgspec.Struct, gc=False):
    id: Any
    manage_inventory: bool
    inventory_items: list[_Part] | None
    sku: str | None = None
    barcode: str | None = None
    title: str | None = None
    allow_backorder: bool | None = None
    product_id: str | None = None
    product: _Product | None = None


class _Location(msgspec.Struct, gc=False):
    id: Any
    name: str = ""


Row = TypeVar("Row", _Item, _Variant, _Location)


class VariantFact(NamedTuple):
    """What of a variant becomes its lines. `item` is the inventory item that it is sold from, or its own id."""

    item: str
    id: str
    product_id: str | None
    sku: str | None
    title: str
    is_published: bool
    tracked: bool
    oversell_allowed: bool | None
    barcode: str | None


class LevelFact(NamedTuple):
    """Stock of an inventory item at one location, as the platform tells it. `fault` says why it cannot be read."""

    item: str
    location_id: str
    available: Any = None
    stocked: Any = None
    reserved: Any = None
    incoming: Any = None
    fault: str = ""


class Medusa:
    """One backend. Everything is received first and put together on disk."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        platform="medusa",
        title="Medusa",
        versions="2",
        auth="secret API key as Basic user name",
        scopes=("a secret API key may read everything",),
        calls_per_100k="about 400: 200 for the inventory items, 200 for the variants",
        grant="Settings > Secret API Keys > Create; it may read everything",
        locations="each stock location, from the levels of inventory items",
        available="what is stocked less what is reserved; may be negative",
        limits="none of its own",
        gaps="kits are left out; which sales channel draws on which location is not looked at",
        proved_by="answers recorded from 2.21.2, a real 2.21.2 (make live), and a local server with faults",
        credentials=("api_key",),
        settings={"per_page": "entries per request, 1 to 1000; fewer for a slow server (500)"},
    )

    def __init__(self, context: ConnectorContext) -> None:
        context.check_names(self.info)
        self._url = f"{store_address(context.store.url, ('/admin',))}/admin"
        self._per_page = whole_number(context.store.settings, "per_page", 500, 1, 1000)
        self._http = context.open_http(auth=httpx.BasicAuth(context.credentials["api_key"].strip(), ""))

    @property
    def api_calls(self) -> int:
        return self._http.calls

    async def check(self) -> list[CheckItem]:
        address = CheckItem("address", True, "Medusa's Admin API answers")
        credentials = CheckItem("credentials", True, "the server accepts the secret API key")
        async with self._http:
            try:
                totals = [(await self._page(route, kind, 1, 1, {})).total for route, kind in _KINDS.items()]
            except SyncError as error:
                return stopped_by(error, address, credentials)
        seen = f"{totals[0] or 0:,} inventory items and {totals[1] or 0:,} variants are listed"
        version = CheckItem("version", True, "Admin API 2; Medusa does not tell its release")
        return [address, credentials, CheckItem("permissions", True, seen), version]

    async def read(self) -> AsyncGenerator[Page | Completeness]:
        proof, places = ProofBuilder(), dict[str, str]()
        with Spool(VariantFact, LevelFact) as spool:
            async with self._http:
                async with aclosing(self._list("stock-locations", _Location, proof)) as locations:
                    async for listed in locations:
                        places |= {place.id: place.name for place in listed.items}
                async with aclosing(self._list("inventory-items", _Item, proof)) as items:
                    async for listed in items:
                        spool.add(level_facts(listed))
                async with aclosing(self._list("product-variants", _Variant, proof)) as variants:
                    async for listed in variants:
                        page = PageBuilder(listed.rejected)
                        spool.add(variant_facts(listed, page))
                        yield page.page()
            for page in pages_of(spool.items(), places):
                yield page
        yield replace(proof.completeness("distinct ids against the count of each list"), memo=self._http.memo)

    async def read_items(self, items: Sequence[AskedItem], sku: str) -> Page:
        """Three requests, for variants, their inventory items and the locations; one more where others share an item."""
        # Not every release of 2 filters by SKU; what the search finds besides is left out.
        which = _ids(item.item_id for item in items) if items else {"q": sku}
        with Spool(VariantFact, LevelFact) as spool:
            async with self._http:
                asked = await self._entries("product-variants", _Variant, which).whole()
                if not items:
                    asked.items = [variant for variant in asked.items if is_sku(variant.sku, sku)]
                    asked.is_new = [True] * len(asked.items)
                page, own = PageBuilder(asked.rejected), {variant.id for variant in asked.items}
                facts = list(variant_facts(asked, page))
                spool.add(facts)
                places = await self._add_stock(spool, {fact.item for fact in facts if fact.item != fact.id}, own)
            made = joined(pages_of(spool.items(), places))
        page.add_all(line for line in made.lines if line.item_id in own)
        given = page.page()
        return replace(given, rejected=given.rejected + [entry for entry in made.rejected if entry.item_id in own])

    async def _add_stock(self, spool: Spool[VariantFact, LevelFact], items: set[str], own: set[str]) -> dict[str, str]:
        """Adds the items' levels, and the variants beside `own` that are sold from them. Returns the locations' names."""
        if not items:
            return {}
        fields = {"fields": f"{_FIELDS['inventory-items']},variants.id"}
        listed = await self._entries("inventory-items", _Item, _ids(items) | fields).whole()
        spool.add(level_facts(listed))
        sold = {variant.id for item in listed.items for variant in item.variants or () if variant}
        if sold - own:
            sharing = await self._entries("product-variants", _Variant, _ids(sold - own)).whole()
            spool.add(variant_facts(sharing, PageBuilder()))
        return {place.id: place.name for place in (await self._entries("stock-locations", _Location).whole()).items}

    async def _list(self, route: str, kind: type[Row], proof: ProofBuilder) -> AsyncGenerator[ListPage[Row]]:
        entries = self._entries(route, kind)
        async with aclosing(entries.pages()) as pages:
            async for page in pages:
                yield page
        proof.add(entries)

    def _entries(self, route: str, kind: type[Row], which: Mapping[str, str] | None = None) -> PagedList[Row]:
        fetch = partial(self._page, route, kind, size=self._per_page, which=which or {})
        return PagedList(f"/{route}", fetch, self._per_page, self._http.connections, seen=SeenTexts())

    async def _page(self, route: str, kind: type[Row], number: int, size: int, which: Mapping[str, str]) -> ListPage[Row]:
        params = {"limit": size, "offset": (number - 1) * size, "order": "id", "fields": _FIELDS[route], **which}
        response = await self._http.get(f"{self._url}/{route}", params=params)
        if response.status != 200 or response.is_html:
            raise error_of(response)
        return ListPage(number, *decode_list(response, kind, _KEYS[route], text_id, location_id=None), _count(response))


_KINDS: Mapping[str, Any] = {"inventory-items": _Item, "product-variants": _Variant, "stock-locations": _Location}
_KEYS = {"inventory-items": "inventory_items", "product-variants": "variants", "stock-locations": "stock_locations"}


def _ids(ids: Iterable[str]) -> dict[str, str]:
    return {f"id[{number}]": one for number, one in enumerate(sorted(ids)[:_MOST_IDS])}


class _Counted(msgspec.Struct):
    count: int


def _count(response: Response) -> int:
    """How many entries the whole list has. Raises IncompleteRead where the page does not say."""
    try:
        return msgspec.json.decode(response.body, type=_Counted).count
    except msgspec.DecodeError:
        raise IncompleteRead(f"{response.host_and_path} answers without the count of its list") from None


def error_of(response: Response) -> SyncError:
    if response.is_html:
        return web_page_error(response, "Medusa's Admin API")
    told = ErrorBody.of(response).told(response)
    if response.status in (401, 403):
        return CredentialsRejected(
            f"the server does not accept the key ({told}); make a secret API key at Settings > Secret API Keys"
        )
    return StoreMisconfigured(f"{told}; check the address: it is that of the backend, not of the storefront or the admin")


def level_facts(listed: ListPage[_Item]) -> Iterator[LevelFact]:
    """The levels of the items; of an item that cannot be read, that all lines that are sold from it cannot be read."""
    for item in listed.items:
        for level in item.location_levels:
            told = (level.available_quantity, level.stocked_quantity, level.reserved_quantity, level.incoming_quantity)
            yield LevelFact(item.id, level.location_id, *map(_storable, told))
    for entry in listed.rejected:
        if entry.item_id is not None:
            yield LevelFact(entry.item_id, NO_LOCATION, fault=f"its inventory item cannot be read: {entry.reason}")


def _storable(raw: Any) -> Any:
    """What the spool can keep until it is looked at: a whole number beyond 64 bits as text."""
    if raw is msgspec.UNSET:
        return None
    return str(raw) if isinstance(raw, int) and raw.bit_length() > 63 else raw


def variant_facts(variants: ListPage[_Variant], page: PageBuilder) -> Iterator[VariantFact]:
    """The facts of what is sold from one inventory item or from none; kits go to `page` as excluded."""
    for variant, is_new in zip(variants.items, variants.is_new, strict=True):
        parts = variant.inventory_items or []
        if variant.manage_inventory and (len(parts) > 1 or any(part.required_quantity != 1 for part in parts)):
            page.exclude(KIT, is_new)
            continue
        product = variant.product or _Product()
        yield VariantFact(
            # One that is not managed is sold without looking at any stock, whatever item it has.
            item=parts[0].inventory_item_id if parts and variant.manage_inventory else variant.id,
            id=variant.id,
            product_id=variant.product_id,
            sku=variant.sku or None,
            title=" - ".join(text for text in (product.title, variant.title) if text),
            is_published=product.status == "published",
            tracked=variant.manage_inventory,
            oversell_allowed=variant.allow_backorder,
            barcode=text_of(variant.barcode) or None,
        )


def pages_of(items: Iterable[tuple[list[VariantFact], list[LevelFact]]], places: Mapping[str, str]) -> Iterator[Page]:
    page, count = PageBuilder(), 0
    for variants, levels in items:
        distinct = {variant.id: variant for variant in variants}
        if not distinct:
            page.exclude(UNUSED)
        for variant in distinct.values():
            # An item that has no level is stocked nowhere; Medusa reports 0 for it, which nobody has counted.
            for level in levels or [None]:
                line_of = partial(_line, variant, places, len(distinct) > 1)
                # Without a place a rejection speaks for every line of the variant.
                where = level.location_id if level and not level.fault else None
                page.add(variant.id, level, line_of, where)
                count += 1
        if count >= _PAGE_LINES:
            yield page.page()
            page, count = PageBuilder(), 0
    yield page.page()


def _line(variant: VariantFact, places: Mapping[str, str], shared: bool, level: LevelFact | None) -> StockLine:
    """Raises LineRejected for a quantity that is no number."""
    if level and level.fault:
        raise LineRejected(level.fault)
    where = level.location_id if level else NO_LOCATION
    return StockLine(
        item_id=variant.id,
        location_id=where,
        product_id=variant.product_id,
        sku=variant.sku,
        title=variant.title,
        status="active" if variant.is_published else "draft",
        quantity=_quantity(variant, level),
        on_hand=_number(level and level.stocked),
        committed=_number(level and level.reserved),
        incoming=_number(level and level.incoming),
        oversell_allowed=variant.oversell_allowed,
        shared_pool=f"{level.item}@{where}" if level and shared else None,
        location=places.get(where),
        barcode=variant.barcode,
    )


def _quantity(variant: VariantFact, level: LevelFact | None) -> Quantity:
    if not variant.tracked:
        return UNTRACKED
    return UNKNOWN if level is None or level.available is None else Quantity.of(platform_number(level.available))


def _number(raw: Any) -> Number | None:
    return None if raw is None else platform_number(raw)


CONNECTOR = Medusa
