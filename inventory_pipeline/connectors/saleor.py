"""Saleor through its GraphQL API: variants by cursor, each with its stock in every warehouse.

Seen on a real server (3.23.28). A token that is not valid counts as anonymous, which sees a part of the catalogue with a
200: so who is asking is asked first. A warehouse's `quantity` includes what is allocated to orders.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import ClassVar

from msgspec import Raw

from inventory_pipeline.connectors.base import AskedItem, CheckItem, ConnectorContext, PlatformInfo
from inventory_pipeline.connectors.store_settings import whole_number
from inventory_pipeline.connectors.toolkit.addresses import store_address, web_page_error
from inventory_pipeline.connectors.toolkit.checks import stopped_by
from inventory_pipeline.connectors.toolkit.graphql import (
    Camel,
    GraphQLApi,
    GraphQLError,
    PageInfo,
    Query,
    errors_of,
    next_cursor,
    shown,
)
from inventory_pipeline.connectors.toolkit.pages import SeenTexts
from inventory_pipeline.connectors.toolkit.parsing import decode_nodes, is_sku
from inventory_pipeline.connectors.toolkit.tokens import HeaderToken
from inventory_pipeline.core.errors import CredentialsRejected, PlatformUnavailable, ScopeMissing, StoreMisconfigured, SyncError
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Number, Quantity
from inventory_pipeline.core.stock import NO_LOCATION, Completeness, Page, StockLine
from inventory_pipeline.http.response import Response

PERMISSION = "MANAGE_PRODUCTS"
MOST = 100  # variants that one request may be given; each SKU belongs to one of them
_EXPIRED = {"ExpiredSignatureError", "InvalidTokenError", "InvalidSignatureError", "DecodeError"}

IDENTITY = Query("InventoryIdentity", "query InventoryIdentity { app { permissions { code } } me { userPermissions { code } } }")
COUNT = Query("InventoryCount", "query InventoryCount { productVariants(first: 1) { totalCount } }")
# No channel is named, which would leave out what is not listed in it.
VARIANTS = Query(
    "InventoryVariants",
    "query InventoryVariants($first: Int!, $after: String, $where: ProductVariantWhereInput)"
    " { productVariants(first: $first, after: $after, where: $where)"
    " { pageInfo { hasNextPage endCursor } edges { node { id sku name trackInventory channelListings { id }"
    " product { id name channelListings { isPublished } }"
    " stocks { quantity quantityAllocated quantityReserved warehouse { id name } } } } } }",
)


class _Permission(Camel):
    code: str


class _App(Camel):
    permissions: list[_Permission] | None = None


class _User(Camel):
    user_permissions: list[_Permission] | None = None


class _Identity(Camel):
    app: _App | None = None
    me: _User | None = None


class _Total(Camel):
    total_count: int


class _Counted(Camel):
    product_variants: _Total


class _Edge(Camel):
    node: Raw


class _Connection(Camel):
    page_info: PageInfo
    edges: list[_Edge]


class _Variants(Camel):
    product_variants: _Connection


class _Listing(Camel):
    is_published: bool = True


class _Product(Camel):
    id: str
    name: str
    channel_listings: list[_Listing] | None = None


class _Warehouse(Camel):
    id: str
    name: str


class _Stock(Camel):
    warehouse: _Warehouse
    quantity: int
    quantity_allocated: int
    quantity_reserved: int | None = None


class Variant(Camel):
    id: str
    name: str
    track_inventory: bool
    product: _Product
    stocks: list[_Stock]
    sku: str | None = None
    channel_listings: list[_Listing] | None = None


class SaleorApi(GraphQLApi):
    platform = "Saleor"

    def status_error(self, response: Response) -> SyncError:
        if response.is_html:
            return web_page_error(response, "Saleor's GraphQL API")
        if errors := errors_of(response):
            return self.refusal(errors, IDENTITY)
        return StoreMisconfigured(f"{response.host_and_path} answers {response.summary}; check the store's address")

    def refusal(self, errors: list[GraphQLError] | str, query: Query) -> SyncError:
        if isinstance(errors, str):
            return PlatformUnavailable(f"Saleor refuses {query.name}: {shown(errors)}")
        told, codes = shown(errors[0].message), {error.code for error in errors}
        if "PermissionDenied" in codes:
            return ScopeMissing(f"Saleor denies {query.name}: {told}; give the app the permission {PERMISSION}")
        if codes & _EXPIRED:
            return CredentialsRejected(f"Saleor does not accept the token ({told}); give the store the token of an app")
        return StoreMisconfigured(f"Saleor refuses {query.name}: {told}; is this a Saleor of 3.20 or newer?")

    async def identify(self) -> None:
        """Raises CredentialsRejected for an anonymous request, ScopeMissing where the permission is not there."""
        identity = await self.execute(IDENTITY, _Identity)
        if identity.app is None and identity.me is None:
            raise CredentialsRejected(
                "Saleor does not know the token and answers as to a stranger; make an app at Configuration > Webhooks &"
                " Extensions, and give the store its token"
            )
        granted = [*((identity.app and identity.app.permissions) or ()), *((identity.me and identity.me.user_permissions) or ())]
        if PERMISSION not in {permission.code for permission in granted}:
            raise ScopeMissing(f"the token lacks the permission {PERMISSION}; give it to the app")

    async def count(self) -> int:
        return (await self.execute(COUNT, _Counted)).product_variants.total_count


class Saleor:
    """One shop: all channels, all warehouses."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        platform="saleor",
        title="Saleor",
        versions="3.20 to 3.23",
        auth="token of an app",
        scopes=(PERMISSION,),
        calls_per_100k="about 1,000",
        grant="Extensions (Apps in older dashboards): make one by hand, with the permission Manage products, and copy its token",
        locations="each warehouse",
        available="the warehouse's quantity less what is allocated to orders and reserved for checkouts; may be negative",
        limits="100 entries a page; what a query may cost is the server's setting",
        gaps="preorders, and which warehouse serves which channel, are not looked at",
        proved_by="answers recorded from 3.23.28, its schema, and a local server with faults",
        credentials=("token",),
        settings={"per_page": "variants per request, 1 to 100 (100)"},
    )

    def __init__(self, context: ConnectorContext) -> None:
        context.check_names(self.info)
        self._url = f"{store_address(context.store.url, ('/graphql',))}/graphql/"
        self._per_page = whole_number(context.store.settings, "per_page", MOST, 1, MOST)
        auth = HeaderToken("Authorization", f"Bearer {context.credentials['token'].strip()}")
        self._http = context.open_http(auth=auth)

    @property
    def api_calls(self) -> int:
        return self._http.calls

    async def check(self) -> list[CheckItem]:
        address = CheckItem("address", True, "Saleor's GraphQL API answers")
        credentials = CheckItem("credentials", True, "Saleor knows the token")
        async with self._http:
            api = SaleorApi(self._http, self._url)
            try:
                await api.identify()
                variants = await api.count()
            except SyncError as error:
                return stopped_by(error, address, credentials)
        seen = f"the token has {PERMISSION}; {variants:,} variants are listed"
        version = CheckItem("version", True, "the queries are those of 3.20 to 3.23; Saleor does not tell apps its release")
        return [address, credentials, CheckItem("permissions", True, seen), version]

    async def read(self) -> AsyncGenerator[Page | Completeness]:
        async with self._http:
            api = SaleorApi(self._http, self._url)
            await api.identify()
            before = await api.count()
            seen, found, repeats, after, cursors = SeenTexts(), 0, 0, None, set[str]()
            while True:
                answer = await api.execute(VARIANTS, _Variants, first=self._per_page, after=after)
                connection = answer.product_variants
                variants, rejected = decode_nodes((edge.node for edge in connection.edges), Variant)
                ids = [*(variant.id for variant in variants), *(line.item_id for line in rejected)]
                new = sum(item_id is None or seen.add(item_id) for item_id in ids)
                found += new
                repeats += len(ids) - new
                yield Page([line for variant in variants for line in lines_of(variant)], rejected)
                after = next_cursor(connection.page_info, cursors, "product variants")
                if after is None:
                    break
            total = await api.count()
        # A total that moves while it is read proves its smaller value only.
        expected = min(before, total)
        how = "distinct ids against totalCount"
        yield Completeness(expected, min(found, expected), how, repeats, moved=before != total, memo=self._http.memo)

    async def read_items(self, items: Sequence[AskedItem], sku: str) -> Page:
        """One request for who is asking, and one for the variants: no more than `MOST` of them."""
        which = {"ids": [item.item_id for item in items]} if items else {"sku": {"eq": sku}}
        async with self._http:
            api = SaleorApi(self._http, self._url)
            await api.identify()
            answer = await api.execute(VARIANTS, _Variants, first=MOST, after=None, where=which)
        variants, rejected = decode_nodes((edge.node for edge in answer.product_variants.edges), Variant)
        asked = (variant for variant in variants if items or is_sku(variant.sku, sku))
        return Page([line for variant in asked for line in lines_of(variant)], rejected)


def lines_of(variant: Variant) -> Iterator[StockLine]:
    """One line for each warehouse; one without a place where no warehouse has the variant."""
    product, tracked = variant.product, variant.track_inventory
    title = product.name if variant.name in ("", variant.id) else f"{product.name} - {variant.name}"
    line = StockLine(
        item_id=variant.id,
        location_id=NO_LOCATION,
        product_id=product.id,
        sku=variant.sku or None,
        title=title,
        status="active" if _is_sold(variant) else "draft",
        quantity=UNKNOWN if tracked else UNTRACKED,
    )
    if not variant.stocks:
        yield line
    for stock in variant.stocks:
        committed = stock.quantity_allocated + (stock.quantity_reserved or 0)
        numbers: dict[str, Number] = {"on_hand": stock.quantity, "committed": committed} if tracked else {}
        yield line._replace(
            location_id=stock.warehouse.id,
            location=stock.warehouse.name,
            # What is not tracked still carries the numbers of an earlier day.
            quantity=Quantity.of(stock.quantity - committed) if tracked else UNTRACKED,
            **numbers,
        )


def _is_sold(variant: Variant) -> bool:
    """Whether any channel sells it: the product is published there and the variant listed. Null: not told, so it is."""
    listings = variant.product.channel_listings
    published = listings is None or any(listing.is_published for listing in listings)
    return published and (variant.channel_listings is None or bool(variant.channel_listings))


CONNECTOR = Saleor
