"""PrestaShop 8 and 9 through its webservice: products, combinations and stock rows, in tiles of product ids.

Seen on real servers (8.0.5, 8.1.7, 8.2.1, 9.1.4). Numbers come as texts, an empty list as `[]`. Lists are sorted by id: in
any other order rows that share their place are repeated and lost.
"""

import re
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, ClassVar, NamedTuple, TypeVar

import httpx
import msgspec

from inventory_pipeline.connectors.base import AskedItem, CheckItem, ConnectorContext, PlatformInfo
from inventory_pipeline.connectors.store_settings import choice, whole_number
from inventory_pipeline.connectors.toolkit.addresses import store_address, web_page_error
from inventory_pipeline.connectors.toolkit.checks import stopped_by
from inventory_pipeline.connectors.toolkit.pages import PageBuilder
from inventory_pipeline.connectors.toolkit.parsing import decode_list, field_names, is_sku, price_of, text_of, whole_id
from inventory_pipeline.core.errors import CredentialsRejected, PlatformUnavailable, ScopeMissing, StoreMisconfigured, SyncError
from inventory_pipeline.core.quantity import UNKNOWN, Quantity, platform_number
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stock import DEFAULT_LOCATION, NO_LOCATION, Completeness, ListCoverage, Page, RejectedLine, StockLine
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.auth import QueryCredentials
from inventory_pipeline.http.client import in_order
from inventory_pipeline.http.response import Response

SUM = "sum row of a product with combinations (these are the lines)"
PACK = "pack (its stock is that of its products)"
BEGUN = "product that is still being created"
ORPHAN = "stock row whose product or combination is gone"

_RESOURCES = ("products", "combinations", "stock_availables")
_OVERSELL = {"0": False, "1": True}  # 2 is the shop's own setting, which the webservice does not tell
_BAD_KEY, _NOT_ALLOWED = {16, 17, 18, 19, 20}, {21, 26, 132}  # of the webservice's own error codes
_HIGHEST = 999_999_999
_KEYS = "Advanced Parameters > Webservice"
_OWN_ADDRESS = " (PrestaShop sends on what is not asked at its own address, as at Shop Parameters > Traffic & SEO)"


class Product(msgspec.Struct, gc=False):
    """Fields are looked at where they are read, so that a bad one costs its own line and no other."""

    id: Any
    reference: Any = None
    ean13: Any = None
    active: Any = "1"
    state: Any = "1"
    name: Any = None
    price: Any = None
    product_type: Any = None
    cache_is_pack: Any = None
    pack_stock_type: Any = None


class Combination(msgspec.Struct, gc=False):
    id: Any
    id_product: Any
    reference: Any = None
    ean13: Any = None


class StockRow(msgspec.Struct, gc=False):
    id: Any
    id_product: Any
    id_product_attribute: Any
    quantity: Any = msgspec.UNSET
    out_of_stock: Any = None


class _Id(msgspec.Struct, gc=False):
    id: Any


Row = TypeVar("Row", Product, Combination, StockRow, _Id)


class Tile(NamedTuple):
    """Every product of a range of ids, with the combinations and stock rows of the same range: enough to make its lines."""

    products: list[Product]
    combinations: list[Combination]
    stock: list[StockRow]
    rejected: list[RejectedLine]


class PrestaShop:
    """One shop. Memory holds one tile of products at a time."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        platform="prestashop",
        title="PrestaShop",
        versions="8 and 9 (webservice)",
        auth="webservice key as Basic user name",
        scopes=("View (GET) of products, combinations, stock_availables",),
        calls_per_100k="about 300: 3 per 1,000 products, and 3 lists of ids",
        grant="Advanced Parameters > Webservice: switch it on, Add new key, View (GET) for products, combinations and"
        " stock_availables",
        locations="one for each shop; stock that a group of shops shares is one pool",
        available="the row's quantity; what is physically there or reserved is not told",
        limits="none of its own",
        gaps="packs are left out, unless an order takes from stock as they are; whether stock is managed at all is not told",
        proved_by="answers recorded from 8.2.1, and a local server with faults",
        credentials=("key",),
        settings={
            "auth": "basic or query; query puts the key into the address, for hosts that drop the Authorization header (basic)",
            "per_page": "products per request, 1 to 5000; fewer for a slow shop (1000)",
            "shop": "id of one shop of a multishop (the shop of the address)",
        },
    )

    def __init__(self, context: ConnectorContext) -> None:
        context.check_names(self.info)
        settings = context.store.settings
        self._url = f"{store_address(context.store.url, ('/api',))}/api"
        self._per_page = whole_number(settings, "per_page", 1000, 1, 5000)
        shop = whole_number(settings, "shop", 0, 0, _HIGHEST)
        self._common: dict[str, str | int] = {"output_format": "JSON"} | ({"id_shop": shop} if shop else {})
        key = context.credentials["key"].strip()
        in_query = choice(settings, "auth", "basic", ("basic", "query")) == "query"
        auth = QueryCredentials(ws_key=key) if in_query else httpx.BasicAuth(key, "")
        self._http = context.open_http(auth=auth)

    @property
    def api_calls(self) -> int:
        return self._http.calls

    async def check(self) -> list[CheckItem]:
        address = CheckItem("address", True, "PrestaShop's webservice answers")
        credentials = CheckItem("credentials", True, "the shop knows the key")
        async with self._http:
            try:
                for resource in _RESOURCES:
                    await self._get(resource, {"limit": "0,1"})
            except SyncError as error:
                return stopped_by(error, address, credentials)
        allowed = f"the key may view {', '.join(_RESOURCES)}"
        version = CheckItem("version", True, "the webservice does not tell its version; 8 and 9 answer alike")
        return [address, credentials, CheckItem("permissions", True, allowed), version]

    async def read(self) -> AsyncGenerator[Page | Completeness]:
        """Tile by tile; at the end each resource's list of ids is the total that the tiles are held against."""
        counts: dict[str, int] = dict.fromkeys(_RESOURCES, 0)
        async with self._http:
            async with aclosing(self._tiles()) as tiles:
                async for tile in tiles:
                    for name, rows in zip(_RESOURCES, tile, strict=False):
                        counts[name] += len(rows)
                    # What cannot be decoded was shown all the same.
                    counts["stock_availables"] += len(tile.rejected)
                    yield page_of(tile)
            totals = {name: await self._count(name) for name in _RESOURCES}
        lists = tuple(ListCoverage(name, total, min(counts[name], total)) for name, total in totals.items())
        expected, read = sum(totals.values()), sum(one.read for one in lists)
        yield Completeness(expected, read, "read by id, against the list of all ids", lists=lists, memo=self._http.memo)

    async def read_items(self, items: Sequence[AskedItem], sku: str) -> Page:
        """Three requests for the products that are meant, and two before them to find an SKU's."""
        async with self._http:
            owners = {item.item_id.partition("-")[0] for item in items} if items else await self._owners_of(sku)
            if not owners:
                return Page()
            which = f"[{'|'.join(sorted(owners))}]"
            products, bad = await self._rows("products", Product, {"filter[id]": which})
            combinations, worse = await self._rows("combinations", Combination, {"filter[id_product]": which})
            stock, worst = await self._rows("stock_availables", StockRow, {"filter[id_product]": which})
        page = page_of(Tile(products, combinations, stock, [*bad, *worse, *worst]))
        asked = {item.item_id for item in items}
        if not items:
            asked = {f"{product.id}-0" for product in products if is_sku(product.reference, sku)}
            asked |= {f"{whole_id(one.id_product)}-{one.id}" for one in combinations if is_sku(one.reference, sku)}
        page.lines[:] = [line for line in page.lines if line.item_id in asked]
        page.rejected[:] = [line for line in page.rejected if line.item_id is None or line.item_id in asked]
        return page

    async def _owners_of(self, sku: str) -> set[str]:
        """The products that have the SKU themselves or by a combination."""
        which = {"filter[reference]": reference_filter(sku)}
        products, _ = await self._rows("products", Product, which)
        combinations, _ = await self._rows("combinations", Combination, which)
        found = {product.id for product in products if is_sku(product.reference, sku)}
        found |= {whole_id(one.id_product) for one in combinations if is_sku(one.reference, sku)}
        return {str(number) for number in found if number}

    async def _tiles(self) -> AsyncGenerator[Tile]:
        after, first = -1, await self._products(-1)
        while True:
            products, rejected = first
            # The last tile reaches to the end: rows of products that are gone stand there too.
            until = max((product.id for product in products), default=_HIGHEST)
            inside = f"[{after + 1},{until}]"
            requests = [
                partial(self._rows, "combinations", Combination, {"filter[id_product]": inside}),
                partial(self._rows, "stock_availables", StockRow, {"filter[id_product]": inside}),
            ]
            if products:
                requests.append(partial(self._products, until))
            async with aclosing(in_order(requests, self._http.connections)) as found:
                (combinations, bad), (stock, worse), *following = [answer async for answer in found]
            yield Tile(products, combinations, stock, [*rejected, *bad, *worse])
            if not following:
                return
            after, first = until, following[0]

    async def _products(self, after: int) -> Any:
        return await self._page("products", Product, {"filter[id]": f"[{after + 1},{_HIGHEST}]"}, 0)

    async def _rows(self, resource: str, kind: type[Row], params: Mapping[str, str]) -> Any:
        rows: list[Row] = []
        rejected: list[RejectedLine] = []
        while True:
            page, bad = await self._page(resource, kind, params, len(rows) + len(rejected))
            rows += page
            rejected += bad
            if len(page) + len(bad) < self._per_page:
                return rows, rejected

    async def _page(self, resource: str, kind: type[Row], params: Mapping[str, str], offset: int) -> Any:
        display = f"[{field_names(kind)}]"
        limit = f"{offset},{self._per_page}"
        response = await self._get(resource, {"display": display, "sort": "[id_ASC]", "limit": limit, **params})
        return decode_list(response, kind, resource)

    async def _count(self, resource: str) -> int:
        return len(decode_list(await self._get(resource, {"sort": "[id_ASC]"}), _Id, resource)[0])

    async def _get(self, resource: str, params: Mapping[str, str | int]) -> Response:
        try:
            response = await self._http.get(f"{self._url}/{resource}", params={**self._common, **params})
        except PlatformUnavailable as error:
            cure = f", or see that the webservice is turned on ({_KEYS})" if " answers 503" in str(error) else ""
            raise PlatformUnavailable(f"{error}{cure}") from None
        if response.status != 200 or response.is_html:
            raise error_of(response)
        return response


def reference_filter(sku: str) -> str:
    """A filter is taken as it stands unless it has brackets, the webservice's own signs: those of an SKU become wildcards."""
    return f"[{re.sub(r'[][]', '_', sku)}]%" if "[" in sku or "]" in sku else sku


def error_of(response: Response) -> SyncError:
    """What an answer means that is no list: of its codes, several may come together."""
    codes, told = _errors(response)
    told = f"{response.host_and_path} answers {response.status}{told}"
    if response.status == 401 and not codes:
        return CredentialsRejected(
            f"{told} without a reason, as where no key arrives; let the web server pass the Authorization header"
            " (CGIPassAuth On), or set auth=query"
        )
    if codes & _BAD_KEY:
        return CredentialsRejected(f"the shop does not accept the key ({told}); copy it anew from {_KEYS}, and turn it on there")
    if codes & _NOT_ALLOWED:
        return ScopeMissing(
            f"the key may not view what is read ({told}); allow it View (GET) at {_KEYS} for {', '.join(_RESOURCES)}"
        )
    if response.is_html:
        return web_page_error(response, "PrestaShop's webservice", _OWN_ADDRESS)
    return StoreMisconfigured(f"{told}; check the address and the settings of this store")


def _errors(response: Response) -> tuple[set[int], str]:
    try:
        body = msgspec.json.decode(response.body, type=dict[str, list[dict[str, Any]]])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return set(), ""
    errors = body.get("errors", [])
    words = one_line(redact("; ".join(str(error.get("message", "")) for error in errors)), 160)
    return {error["code"] for error in errors if isinstance(error.get("code"), int)}, f": {words.replace('; ', ', ')}"


def page_of(tile: Tile) -> Page:
    """The tile's lines. A row without combination is the stock of a simple product, else the sum of its combinations."""
    page = PageBuilder(RejectedLine(entry.reason, None, None, entry.excerpt) for entry in tile.rejected)
    products = {product.id: product for product in tile.products}
    combinations: defaultdict[int, dict[int, Combination]] = defaultdict(dict)
    for combination in tile.combinations:
        combinations[whole_id(combination.id_product) or 0][combination.id] = combination
    without_row = {(number, 0) for number in products if number not in combinations}
    without_row |= {(number, inner) for number, own in combinations.items() if number in products for inner in own}
    for row in tile.stock:
        number, inner = whole_id(row.id_product) or 0, whole_id(row.id_product_attribute) or 0
        product, own = products.get(number), combinations.get(number, {})
        without_row.discard((number, inner))
        if product is None or (inner and inner not in own):
            page.exclude(ORPHAN)
        elif reason := excluded(product):
            page.exclude(reason)
        elif own and not inner:
            page.exclude(SUM)
        else:
            page.add(f"{number}-{inner}", row, partial(line_of, product, own.get(inner)))
    for number, inner in sorted(without_row):
        if not excluded(products[number]):
            page.add(f"{number}-{inner}", None, partial(line_of, products[number], combinations[number].get(inner)))
    return page.page()


def excluded(product: Product) -> str | None:
    if str(product.state) == "0":
        return BEGUN
    is_pack = product.product_type == "pack" or str(product.cache_is_pack) == "1"
    # 0: an order takes the pack itself from stock, so that its own quantity is what there is.
    return PACK if is_pack and str(product.pack_stock_type) != "0" else None


def line_of(product: Product, combination: Combination | None, row: StockRow | None) -> StockLine:
    """Ids of products and combinations collide, so a line's holds both. Raises LineRejected."""
    own = combination or product
    return StockLine(
        item_id=f"{product.id}-{combination.id if combination else 0}",
        location_id=DEFAULT_LOCATION if row else NO_LOCATION,
        product_id=str(product.id),
        sku=text_of(own.reference) or None,
        title=_name(product.name),
        status="active" if str(product.active) in ("1", "True") else "draft",
        quantity=UNKNOWN if row is None or row.quantity is None else Quantity.of(platform_number(row.quantity)),
        oversell_allowed=_OVERSELL.get(str(row.out_of_stock)) if row else None,
        barcode=text_of(own.ean13) or None,
        price=None if combination else price_of(product.price),
    )


def _name(raw: Any) -> str:
    """A text, or in a shop of several languages a list of them: the first."""
    first = raw[0] if isinstance(raw, list) and raw else raw
    name = first.get("value") if isinstance(first, dict) else first
    return name if isinstance(name, str) else ""


CONNECTOR = PrestaShop
