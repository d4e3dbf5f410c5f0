"""Vendure through its Admin API: variants by id, each with its stock at every location.

Seen on a real server (3.7.3). It answers refusals with a 200. Without `take` a list is cut at 1,000 without a word, so it is
always given. A session's token comes in a header of the answer to the log-in, on some servers only as a cookie.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, TypeVar

import httpx
import msgspec
from msgspec import Raw

from inventory_pipeline.connectors.base import AskedItem, CheckItem, ConnectorContext, PlatformInfo
from inventory_pipeline.connectors.store_settings import check_names, whole_number
from inventory_pipeline.connectors.toolkit.addresses import store_address, web_page_error
from inventory_pipeline.connectors.toolkit.checks import stopped_by
from inventory_pipeline.connectors.toolkit.graphql import Camel, GraphQLApi, GraphQLError, Query, errors_of, shown
from inventory_pipeline.connectors.toolkit.pages import ListPage, PageBuilder, PagedList, ProofBuilder, SeenTexts
from inventory_pipeline.connectors.toolkit.parsing import decode_nodes, is_sku
from inventory_pipeline.connectors.toolkit.tokens import FetchedToken, Grant, HeaderToken
from inventory_pipeline.core.errors import (
    CredentialsRejected,
    IncompleteRead,
    PlatformUnavailable,
    ScopeMissing,
    StoreMisconfigured,
    SyncError,
    UsageError,
)
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Number, Quantity
from inventory_pipeline.core.stock import NO_LOCATION, Completeness, LineNote, Page, StockLine
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.response import Response, host_and_path

API_KEY, USERNAME, PASSWORD = "api_key", "username", "password"
THRESHOLD = "out-of-stock threshold over several locations: not taken off what is available"

_LOGIN = (
    "mutation Login($username: String!, $password: String!) { login(username: $username, password: $password)"
    " { __typename ... on ErrorResult { errorCode message } } }"
)
# Whoever is known to the server may ask this, so it also tells whether the credential is right: an API key may not ask `me`.
SETTINGS = Query("InventorySettings", "query InventorySettings { globalSettings { trackInventory outOfStockThreshold } }")
COUNT = Query("InventoryCount", "query InventoryCount { productVariants(options: { take: 1 }) { totalItems } }")
VARIANTS = Query(
    "InventoryVariants",
    "query InventoryVariants($take: Int!, $skip: Int!, $filter: ProductVariantFilterParameter) {"
    " productVariants(options: { take: $take, skip: $skip, sort: { id: ASC }, filter: $filter })"
    " { totalItems items { id sku name enabled trackInventory outOfStockThreshold useGlobalOutOfStockThreshold"
    " product { id enabled } stockLevels { stockOnHand stockAllocated stockLocation { id name } } } } }",
)


class _Shop(Camel):
    track_inventory: bool
    out_of_stock_threshold: int


class _Settings(Camel):
    global_settings: _Shop


class _Total(Camel):
    total_items: int


class _Counted(Camel):
    product_variants: _Total


class _List(Camel):
    total_items: int
    items: list[Raw]


class _Variants(Camel):
    product_variants: _List


class _Location(Camel):
    id: str
    name: str


class _Level(Camel):
    stock_on_hand: int
    stock_allocated: int
    stock_location: _Location


class _Product(Camel):
    id: str
    enabled: bool


class Variant(Camel):
    id: str
    name: str
    enabled: bool
    track_inventory: str
    out_of_stock_threshold: int
    use_global_out_of_stock_threshold: bool
    product: _Product
    stock_levels: list[_Level]
    sku: str | None = None


Answer = TypeVar("Answer")
_MOST_SESSIONS = 3  # that one request may find ended: others use them up at the same time


class SessionLogin(FetchedToken):
    """Logs in before the first request, and again where the session has ended."""

    def __init__(self, url: str, username: str, password: str) -> None:
        super().__init__("Authorization")
        self._url = url
        self._body = {"query": _LOGIN, "variables": {"username": username, "password": password}}

    def token_request(self, user_agent: str) -> httpx.Request:
        return httpx.Request("POST", self._url, json=self._body, headers={"Accept": "application/json", "User-Agent": user_agent})

    def grant_of(self, response: httpx.Response) -> Grant:
        where = host_and_path(str(response.url))
        try:
            answer = msgspec.json.decode(response.content)
            login = answer["data"]["login"]
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
            raise StoreMisconfigured(f"{where} answers {response.status_code} to a log-in; check the store's address") from None
        if "errorCode" in login:
            raise CredentialsRejected(
                f"Vendure does not accept username and password ({shown(str(login.get('message', '')))}); correct them"
            )
        if token := response.headers.get("vendure-auth-token"):
            self.header = "Authorization"
            return Grant(f"Bearer {token}", secrets=(token,))
        if cookies := dict(response.cookies):
            self.header = "Cookie"
            return Grant("; ".join(f"{name}={value}" for name, value in cookies.items()), secrets=tuple(cookies.values()))
        raise IncompleteRead(f"{where} accepts the log-in and gives neither a token nor a cookie")


class VendureApi(GraphQLApi):
    platform = "Vendure"

    def __init__(self, http: HttpClient, url: str, channel: str, session: SessionLogin | None) -> None:
        super().__init__(http, url, headers={"vendure-token": channel} if channel else None)
        self._session = session

    async def execute(self, query: Query, answer: type[Answer], /, **variables: Any) -> Answer:
        """As every GraphQLApi; a session that has ended is begun anew."""
        for _ in range(_MOST_SESSIONS):
            token = self._session.token if self._session else ""
            try:
                return await super().execute(query, answer, **variables)
            except (CredentialsRejected, ScopeMissing):
                if self._session is None or not token:
                    raise
                self._session.forget(token)
        return await super().execute(query, answer, **variables)

    def status_error(self, response: Response) -> SyncError:
        if response.is_html:
            return web_page_error(response, "Vendure's Admin API")
        if errors := errors_of(response):
            return self.refusal(errors, SETTINGS)
        return StoreMisconfigured(
            f"{response.host_and_path} answers {response.summary}; check the store's address and the setting path"
        )

    def refusal(self, errors: list[GraphQLError] | str, query: Query) -> SyncError:
        if isinstance(errors, str):
            return PlatformUnavailable(f"Vendure refuses {query.name}: {shown(errors)}")
        told, codes = f"Vendure refuses {query.name}: {shown(errors[0].message)}", {error.code for error in errors}
        if codes & {"FORBIDDEN", "UNAUTHORIZED"}:
            if query is not SETTINGS:
                return ScopeMissing(f"{told}; give the role the permission ReadCatalog")
            if self._session is not None:
                return CredentialsRejected(f"{told}, although the log-in was accepted; is the user still active?")
            return CredentialsRejected(
                f"{told}: the key is wrong, or the server takes no API keys (they came with 3.6); correct it, have `api-key` put"
                " into the server's tokenMethod, or give the store username and password instead"
            )
        if "CHANNEL_NOT_FOUND" in codes:
            return StoreMisconfigured(f"{told}; correct the setting channel")
        if "INTERNAL_SERVER_ERROR" in codes:
            return PlatformUnavailable(f"{told}; the next sync tries again")
        return StoreMisconfigured(f"{told}; if it is too much at once, set a smaller per_page")


class Vendure:
    """One channel of one server, the default one where no other is named: that sees every variant."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        platform="vendure",
        title="Vendure",
        versions="3",
        auth="api_key (from 3.6 on, where the server takes them); or username and password of an administrator",
        other_credentials=("api_key", "username", "password"),
        scopes=("ReadCatalog",),
        calls_per_100k="about 400",
        grant="Settings > Roles: one with ReadCatalog; then Settings > API Keys (from 3.6 on), or an administrator who has"
        " only this role",
        locations="each stock location that ever had stock of the variant",
        available="on hand less allocated, and less the out-of-stock threshold where the variant has one location",
        limits="1,000 entries a page unless the server says otherwise (adminListQueryLimit)",
        gaps="a threshold over several locations is not taken off, and said; up to 3.7.3 its own stock may drift under"
        " concurrent checkouts",
        proved_by="answers recorded from 3.7.3, a real 3.7.3 (make live), the schema of 3.5, and a local server with faults",
        settings={
            "per_page": "variants per request, 1 to 1000; fewer for a slow server (250)",
            "channel": "token of the channel to read (the default channel, which has every variant)",
            "path": "where the Admin API is (admin-api)",
        },
    )

    def __init__(self, context: ConnectorContext) -> None:
        context.check_names(self.info)
        settings = context.store.settings
        path = settings.get("path", "").strip().strip("/") or "admin-api"
        url = f"{store_address(context.store.url, (f'/{path}',))}/{path}"
        self._per_page = whole_number(settings, "per_page", 250, 1, 1000)
        auth = _auth(url, context)
        self._http = context.open_http(auth=auth)
        self._session = auth if isinstance(auth, SessionLogin) else None
        self._connect = partial(VendureApi, self._http, url, settings.get("channel", "").strip(), self._session)

    @property
    def api_calls(self) -> int:
        return self._http.calls + (self._session.calls if self._session else 0)

    async def check(self) -> list[CheckItem]:
        address = CheckItem("address", True, "Vendure's Admin API answers")
        credentials = CheckItem(
            "credentials", True, "Vendure accepts the log-in" if self._session else "Vendure accepts the API key"
        )
        async with self._http:
            api = self._connect()
            try:
                await api.execute(SETTINGS, _Settings)
                variants = (await api.execute(COUNT, _Counted)).product_variants.total_items
            except SyncError as error:
                return stopped_by(error, address, credentials)
        version = CheckItem("version", True, "Vendure does not tell its release; the queries are those of 3")
        return [address, credentials, CheckItem("permissions", True, f"{variants:,} variants are listed"), version]

    async def read(self) -> AsyncGenerator[Page | Completeness]:
        proof = ProofBuilder()
        async with self._http:
            api = self._connect()
            shop = (await api.execute(SETTINGS, _Settings)).global_settings
            variants = self._variants(api)
            async with aclosing(variants.pages()) as pages:
                async for listed in pages:
                    yield page_of(listed, shop)
        proof.add(variants)
        yield replace(proof.completeness("distinct ids against totalItems"), memo=self._http.memo)

    async def read_items(self, items: Sequence[AskedItem], sku: str) -> Page:
        """One request for the server's settings, and one for the variants."""
        which = {"id": {"in": [item.item_id for item in items]}} if items else {"sku": {"eq": sku}}
        async with self._http:
            api = self._connect()
            shop = (await api.execute(SETTINGS, _Settings)).global_settings
            listed = await self._variants(api, filter=which).whole()
        if not items:
            listed.items = [variant for variant in listed.items if is_sku(variant.sku, sku)]
        return page_of(listed, shop)

    def _variants(self, api: VendureApi, **which: Any) -> PagedList[Variant]:
        fetch = partial(self._page, api, which)
        return PagedList("productVariants", fetch, self._per_page, self._http.connections, seen=SeenTexts())

    async def _page(self, api: VendureApi, which: Mapping[str, Any], number: int) -> ListPage[Variant]:
        size = self._per_page
        found = (await api.execute(VARIANTS, _Variants, take=size, skip=(number - 1) * size, **which)).product_variants
        return ListPage(number, *decode_nodes(found.items, Variant), found.total_items)


def _auth(url: str, context: ConnectorContext) -> HeaderToken | SessionLogin:
    given = context.credentials
    check_names("credential", given, (API_KEY, USERNAME, PASSWORD))
    key, username, password = (given.get(name, "").strip() for name in (API_KEY, USERNAME, PASSWORD))
    if key and not username and not password:
        return HeaderToken("vendure-api-key", key)
    if username and password and not key:
        return SessionLogin(url, username, password)
    raise UsageError(
        f"Vendure needs the credential {API_KEY}, or {USERNAME} and {PASSWORD}: give the store {API_KEY}=secret:NAME"
    )


def page_of(listed: ListPage[Variant], shop: _Shop) -> Page:
    page = PageBuilder(listed.rejected)
    notes: list[LineNote] = []
    for variant in listed.items:
        page.add_all(lines_of(variant, shop))
        threshold = threshold_of(variant, shop)
        if threshold > 0 and len(variant.stock_levels) > 1 and is_tracked(variant, shop):
            notes.append(LineNote(THRESHOLD, variant.id, f"threshold {threshold}"))
    made = page.page()
    return Page(made.lines, made.rejected, made.excluded, notes)


def is_tracked(variant: Variant, shop: _Shop) -> bool:
    return shop.track_inventory if variant.track_inventory == "INHERIT" else variant.track_inventory != "FALSE"


def threshold_of(variant: Variant, shop: _Shop) -> int:
    """How many units are kept back, over all locations together; below zero, how many may be sold beyond what is there."""
    return shop.out_of_stock_threshold if variant.use_global_out_of_stock_threshold else variant.out_of_stock_threshold


def lines_of(variant: Variant, shop: _Shop) -> Iterator[StockLine]:
    """One line for each location that has ever had stock of it, else one without a place."""
    tracked, threshold = is_tracked(variant, shop), threshold_of(variant, shop)
    line = StockLine(
        item_id=variant.id,
        location_id=NO_LOCATION,
        product_id=variant.product.id,
        sku=variant.sku or None,
        title=variant.name,
        status="active" if variant.enabled and variant.product.enabled else "draft",
        quantity=UNKNOWN if tracked else UNTRACKED,
        oversell_allowed=threshold < 0 if tracked else None,
    )
    if not variant.stock_levels:
        yield line
    kept_back = max(threshold, 0) if len(variant.stock_levels) == 1 else 0
    for level in variant.stock_levels:
        numbers: dict[str, Number] = {"on_hand": level.stock_on_hand, "committed": level.stock_allocated} if tracked else {}
        yield line._replace(
            location_id=level.stock_location.id,
            location=level.stock_location.name,
            # What is not tracked still carries numbers.
            quantity=Quantity.of(level.stock_on_hand - level.stock_allocated - kept_back) if tracked else UNTRACKED,
            **numbers,
        )


CONNECTOR = Vendure
