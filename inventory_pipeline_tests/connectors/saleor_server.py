"""Saleor's GraphQL API over variants that a test decides or that were recorded: cursors, tokens, permissions."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from inventory_pipeline.connectors.base import ConnectorContext
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline_tests.connectors.contracts import contract
from inventory_pipeline_tests.http.local_server import Answer, Request

TOKEN = "saleor_token_0123456789abcdef"
Fault = Callable[[str, Request], Answer | None]


def recorded(name: str) -> dict[str, Any]:
    return json.loads(contract("saleor", f"recorded/saleor-3.23.28-{name}.json").read_bytes())


def recorded_variants() -> list[dict[str, Any]]:
    pages = [recorded(f"variants-page{number}")["body"]["data"]["productVariants"] for number in range(1, 5)]
    return [edge["node"] for page in pages for edge in page["edges"]]


@dataclass
class SaleorServer:
    """The app of a LocalServer. `fault` is told the operation and may answer instead. `hidden` ids are counted, never shown.

    A wrong token is anonymous, as on a real server: it sees nothing of `app`, and the first variant only.
    """

    variants: list[Any]
    fault: Fault = lambda _name, _request: None
    token: str = TOKEN
    permissions: tuple[str, ...] = ("MANAGE_PRODUCTS",)
    hidden: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> Answer:
        body = json.loads(request.body)
        name, variables = body["operationName"], body["variables"]
        if answer := self.fault(name, request):
            return answer
        known = request.headers.get("authorization") == f"Bearer {self.token}"
        if name == "InventoryIdentity":
            app = {"permissions": [{"code": code} for code in self.permissions]} if known else None
            return Answer.json({"data": {"app": app, "me": None}})
        variants = self.variants if known else self.variants[:1]
        if name == "InventoryCount":
            return Answer.json({"data": {"productVariants": {"totalCount": len(variants)}}})
        variants = [one for one in variants if _matches(one, variables.get("where") or {})]
        start = int(variables["after"] or 0)
        end = start + variables["first"]
        page = {"hasNextPage": end < len(variants), "endCursor": str(end)}
        shown = [one for one in variants[start:end] if not isinstance(one, dict) or one.get("id") not in self.hidden]
        return Answer.json({"data": {"productVariants": {"pageInfo": page, "edges": [{"node": one} for one in shown]}}})


def _matches(one: Any, where: dict[str, Any]) -> bool:
    """More loosely than a real server: upper and lower case of an SKU are alike."""
    if "sku" in where:
        return one["sku"].lower() == where["sku"]["eq"].lower()
    return "ids" not in where or one["id"] in where["ids"]


def saleor_context(url: str, settings: dict[str, str] | None = None, **more: Any) -> ConnectorContext:
    store = StoreIntegration(key="shop", platform="saleor", url=url, settings=settings or {}, allow_private=True)
    return ConnectorContext(store=store, credentials={"token": TOKEN}, **more)


def stock(quantity: Any, allocated: int = 0, warehouse: str = "W1", reserved: int = 0) -> dict[str, Any]:
    numbers = {"quantity": quantity, "quantityAllocated": allocated, "quantityReserved": reserved}
    return numbers | {"warehouse": {"id": warehouse, "name": f"Warehouse {warehouse}"}}


def variant(name: str, *stocks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    product = {"id": "P1", "name": "Shirt", "channelListings": [{"isPublished": True}]}
    own = {"id": name, "sku": f"SKU-{name}", "name": "M", "trackInventory": True, "channelListings": [{"id": "L1"}]}
    return {**own, "product": product, "stocks": list(stocks)} | fields
