"""Reading a Shopify shop in a test, made up or the demo's."""

import asyncio
from collections.abc import Mapping
from typing import Any

from inventory_pipeline.connectors.base import CheckItem, ConnectorContext
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline_tests.connectors.made_up_shopify import TOKEN, MadeUpShopify
from inventory_pipeline_tests.connectors.reading import Whole, read_whole


def shopify_context(
    url: str, settings: Mapping[str, str] | None = None, credentials: Mapping[str, str] | None = None, **more: Any
) -> ConnectorContext:
    """`bulk` unless `settings` say otherwise, and looking often."""
    settings = {"read": "bulk", "bulk_poll": "0.01"} | dict(settings or {})
    store = StoreIntegration(key="shop", platform="shopify", url=url, settings=settings, allow_private=True)
    return ConnectorContext(store=store, credentials=credentials or {"access_token": TOKEN}, **more)


def read_url(url: str, settings: Mapping[str, str] | None = None, credentials: Mapping[str, str] | None = None) -> Whole:
    return asyncio.run(read_whole(connector_for("shopify")(shopify_context(url, settings, credentials))))


def check_url(
    url: str, settings: Mapping[str, str] | None = None, credentials: Mapping[str, str] | None = None
) -> dict[str, CheckItem]:
    items = asyncio.run(connector_for("shopify")(shopify_context(url, settings, credentials)).check())
    return {item.check: item for item in items}


def read_made_up(shop: MadeUpShopify, **settings: str) -> Whole:
    """The whole shop; every connection is closed afterwards."""
    with shop.serve() as server:
        try:
            return read_url(server.url, settings)
        finally:
            assert server.all_closed()
