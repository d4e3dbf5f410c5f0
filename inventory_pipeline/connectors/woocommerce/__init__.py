"""WooCommerce 7 to 11 through its REST API v3: products, then their variations, by the fewest calls the version allows."""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import ClassVar

import httpx

from inventory_pipeline.connectors.base import CheckItem, ConnectorContext, PlatformInfo
from inventory_pipeline.connectors.store_settings import choice, flag, whole_number
from inventory_pipeline.connectors.toolkit.addresses import store_address
from inventory_pipeline.connectors.woocommerce.api import NAMESPACE, WooApi
from inventory_pipeline.connectors.woocommerce.check import check_shop
from inventory_pipeline.connectors.woocommerce.read import WAY, ShopRead
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stock import Completeness, Page
from inventory_pipeline.http.auth import OAuth1, QueryCredentials

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")


class WooCommerce:
    """One shop. Over plain http WooCommerce takes no password, only OAuth 1.0a signatures; over https it takes Basic."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        platform="woocommerce",
        title="WooCommerce",
        versions="7 to 11 (REST API v3)",
        auth="consumer key and secret: Basic over https, OAuth 1.0a (HMAC-SHA256) over http",
        scopes=("Read",),
        calls_per_100k="about 1,000, and one more per 100 variations; before 10.3 one more per variable product instead",
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
        self._lang = _language(settings)
        auth, other = _auth(address, settings, context.credentials)
        self._http = context.open_http(auth=auth)
        other_http = context.open_http(auth=other) if other else None
        way = "plain" if flag(settings, "rest_route", False) else context.memo.get(WAY, "")
        self._api = WooApi(self._http, address, way=way, other_http=other_http)

    @property
    def api_calls(self) -> int:
        return self._api.calls

    async def check(self) -> list[CheckItem]:
        async with self._http:
            return await check_shop(self._api, self._memo)

    async def read(self) -> AsyncGenerator[Page | Completeness]:
        read = ShopRead(self._api, self._http.connections, self._per_page, self._lang)
        async with self._http, aclosing(read.pages()) as pages:
            async for page in pages:
                yield page


def _language(settings: Mapping[str, str]) -> str:
    text = settings.get("lang", "").strip()
    if text and not _LANGUAGE.fullmatch(text):
        raise UsageError(f"setting lang={text!r:.40} is not the code of a language as the plugin writes it, such as en or pt-br")
    return text


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
