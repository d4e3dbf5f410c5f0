"""Reading a whole store in a test."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from inventory_pipeline.connectors.base import CheckItem, Connector, ConnectorContext
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.stock import Completeness, LineNote, Page, RejectedLine, StockLine
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline_tests.connectors.woocommerce_protocol import KEY, SECRET


@dataclass
class Whole:
    """Everything a read gave, in order; `lines` by identity, the later read winning."""

    items: list[Page | Completeness] = field(default_factory=list)
    lines: dict[tuple[str, str], StockLine] = field(default_factory=dict)
    rejected: list[RejectedLine] = field(default_factory=list)
    excluded: Counter[str] = field(default_factory=Counter)
    notes: list[LineNote] = field(default_factory=list)
    api_calls: int = 0

    @property
    def proof(self) -> Completeness:
        assert isinstance(self.items[-1], Completeness)
        return self.items[-1]


async def read_whole(connector: Connector) -> Whole:
    whole = Whole()
    async with aclosing(connector.read()) as items:
        async for item in items:
            whole.items.append(item)
            if isinstance(item, Page):
                whole.lines |= {(line.item_id, line.location_id): line for line in item.lines}
                whole.rejected += item.rejected
                whole.excluded.update(item.excluded)
                whole.notes += item.notes
    whole.api_calls = connector.api_calls
    return whole


def woo_context(url: str, settings: Mapping[str, str] | None = None, **more: Any) -> ConnectorContext:
    store = StoreIntegration(key="shop", platform="woocommerce", url=url, settings=settings or {}, allow_private=True)
    credentials = {"consumer_key": KEY, "consumer_secret": SECRET} | more.pop("credentials", {})
    return ConnectorContext(store=store, credentials=credentials, **more)


def read_shop(url: str, settings: Mapping[str, str] | None = None, **more: Any) -> Whole:
    return asyncio.run(read_whole(connector_for("woocommerce")(woo_context(url, settings, **more))))


def check_shop(url: str, settings: Mapping[str, str] | None = None, **more: Any) -> dict[str, CheckItem]:
    items = asyncio.run(connector_for("woocommerce")(woo_context(url, settings, **more)).check())
    return {item.check: item for item in items}
