"""A Medusa Admin API over rows that a test decides or that were recorded: lists in the order of ids, keys, strict parameters."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from inventory_pipeline.connectors.base import ConnectorContext
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline_tests.connectors.contracts import contract
from inventory_pipeline_tests.http.local_server import Answer, Request

KEY = "sk_0123456789abcdef0123456789abcdef"
LISTS = {"inventory-items": "inventory_items", "product-variants": "variants", "stock-locations": "stock_locations"}
Fault = Callable[[Request], Answer | None]
Rows = dict[str, list[dict[str, Any]]]


def recorded(name: str) -> dict[str, Any]:
    """One recorded answer of 2.21.2."""
    return json.loads(contract("medusa", f"recorded/medusa-2.21.2-{name}.json").read_bytes())


def recorded_answer(name: str) -> Answer:
    found = recorded(name)
    body = found["body"]
    return Answer(found["status"], (body if isinstance(body, str) else json.dumps(body)).encode())


def recorded_rows() -> Rows:
    """The rows of the recorded pages, 100 each."""
    rows: Rows = {"stock-locations": recorded("stock-locations")["body"]["stock_locations"]}
    for route in ("inventory-items", "product-variants"):
        rows[route] = [row for offset in (0, 100, 200, 300) for row in recorded(f"{route}-{offset}")["body"][LISTS[route]]]
    return rows


@dataclass
class MedusaServer:
    """The app of a LocalServer. `fault` may answer a request instead; `hidden` rows are counted and never shown."""

    rows: Rows
    fault: Fault = lambda _: None
    key: str = KEY
    hidden: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> Answer:
        if answer := self.fault(request):
            return answer
        expected = "Basic " + base64.b64encode(f"{self.key}:".encode()).decode()
        if request.headers.get("authorization") != expected:
            return Answer.json({"message": "Unauthorized"}, 401)
        query = request.query
        ids = {name: value for name, value in query.items() if name.startswith("id[")}
        if unknown := set(query) - {"limit", "offset", "order", "fields", "q"} - set(ids):
            return Answer.json({"type": "invalid_data", "message": f"Invalid request: Unrecognized fields: {unknown}"}, 400)
        route = request.path.removeprefix("/admin/")
        rows, limit, offset = sorted(self.rows[route], key=lambda row: str(row["id"])), int(query["limit"]), int(query["offset"])
        rows = [row for row in rows if (not ids or row["id"] in ids.values()) and _found(row, query.get("q", ""))]
        if "variants.id" in query["fields"]:
            rows = [row | {"variants": self._sold_from(row["id"])} for row in rows]
        shown = [row for row in rows[offset : offset + limit] if row["id"] not in self.hidden]
        return Answer.json({LISTS[route]: shown, "count": len(rows), "offset": offset, "limit": limit})

    def _sold_from(self, item_id: str) -> list[dict[str, str]]:
        variants = self.rows["product-variants"]
        return [
            {"id": one["id"]} for one in variants if item_id in [part["inventory_item_id"] for part in one["inventory_items"]]
        ]


def _found(row: dict[str, Any], words: str) -> bool:
    """The search looks into SKU and title, whatever the case."""
    return any(words.lower() in str(row.get(name)).lower() for name in ("sku", "title")) or not words


def medusa_context(url: str, settings: dict[str, str] | None = None, **more: Any) -> ConnectorContext:
    store = StoreIntegration(key="shop", platform="medusa", url=url, settings=settings or {}, allow_private=True)
    return ConnectorContext(store=store, credentials={"api_key": KEY}, **more)


def item(name: str, *levels: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "location_levels": list(levels)}


def level(available: Any, location: str = "sloc_1", **numbers: Any) -> dict[str, Any]:
    return {"location_id": location, "available_quantity": available} | numbers


def variant(name: str, *items: str, **fields: Any) -> dict[str, Any]:
    parts = [{"inventory_item_id": part, "required_quantity": 1} for part in items]
    own = {"sku": f"SKU-{name}", "barcode": None, "title": "M", "manage_inventory": True, "allow_backorder": False}
    product = {"product_id": "prod_1", "product": {"title": "Shirt", "status": "published"}}
    return {"id": name, **own, **product, "inventory_items": parts} | fields
