"""A Shopify shop whose goods and faults a test decides, for what the demo shop does not show. Exports and pages alike."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inventory_pipeline_tests.http.local_server import Answer, LocalServer, Request

TOKEN = "shpat_0123456789abcdef0123456789abcdef"
SCOPES = ("read_products", "read_inventory", "read_locations")
EXPORT_ID = "gid://shopify/BulkOperation/9"
# What a fault may do, told the operation's name ("" for the export's file): answer instead of the shop, or nothing.
Fault = Callable[[str, Request], Answer | None]


def gid(kind: str, number: Any) -> str:
    return f"gid://shopify/{kind}/{number}"


def level(
    item: Any, location: Any = 1, *, is_active: bool = True, open_location: bool = True, **quantities: Any
) -> dict[str, Any]:
    return {
        "__typename": "InventoryLevel",
        "id": f"{gid('InventoryLevel', location)}?inventory_item_id={item}",
        "isActive": is_active,
        "item": {"id": gid("InventoryItem", item)},
        "location": {"id": gid("Location", location), "name": f"Place {location}", "isActive": open_location},
        "quantities": [{"name": name, "quantity": quantity} for name, quantity in quantities.items()],
    }


def variant(number: Any, item: Any = None, *, tracked: bool = True, status: str = "ACTIVE", **changes: Any) -> dict[str, Any]:
    """Without `item` it has an inventory item of its own number."""
    return {
        "__typename": "ProductVariant",
        "id": gid("ProductVariant", number),
        "sku": f"SKU-{number}",
        "barcode": None,
        "title": "Default Title",
        "price": "9.99",
        "availableForSale": True,
        "inventoryPolicy": "DENY",
        "requiresComponents": False,
        "product": {"id": gid("Product", number), "title": f"Product {number}", "status": status},
        "inventoryItem": {"id": gid("InventoryItem", item or number), "tracked": tracked},
    } | changes


@dataclass
class MadeUpShopify:
    """`levels` are found by their inventory item. Counts are the shop's own word where a test does not give another."""

    variants: list[dict[str, Any]] = field(default_factory=list)
    levels: list[dict[str, Any]] = field(default_factory=list)
    fault: Fault = lambda _name, _request: None
    token: str = TOKEN
    scopes: tuple[str, ...] = SCOPES
    counts: list[int] = field(default_factory=list)  # what the shop counts, one after the other
    operation: Mapping[str, Any] = field(default_factory=dict)  # what the finished operation says otherwise
    page: int = 2  # variants per page, whatever is asked
    levels_page: int = 10
    base_url: str = ""

    def serve(self) -> LocalServer:
        server = LocalServer(self)
        self.base_url = server.url
        return server

    def __call__(self, request: Request) -> Answer:
        if request.path == "/storage/export.jsonl":
            assert "x-shopify-access-token" not in request.headers, "the token goes to nobody but the shop"
            return self.fault("", request) or Answer(200, self.jsonl, {"Content-Type": "application/jsonl"})
        if request.headers.get("x-shopify-access-token") != self.token:
            return Answer.json({"errors": "[API] Invalid API key or access token"}, 401)
        question = json.loads(request.body)
        if answer := self.fault(question["operationName"], request):
            return answer
        return Answer.json({"data": getattr(self, question["operationName"])(**question["variables"])})

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every parent first, then all levels of each variant: nothing promises more."""
        children = [{**level, "__parentId": variant["id"]} for variant in self.variants for level in self._levels(variant)]
        return [*self.variants, *children]

    @property
    def jsonl(self) -> bytes:
        return b"".join(json.dumps(line).encode() + b"\n" for line in self.lines)

    def InventoryAccess(self) -> Any:  # noqa: N802 - named as the operations are
        scopes = [{"handle": scope} for scope in self.scopes]
        return {"shop": {"name": "Made up", "currencyCode": "EUR"}, "currentAppInstallation": {"accessScopes": scopes}}

    def InventoryCount(self) -> Any:  # noqa: N802
        count = self.counts.pop(0) if self.counts else len(self.variants)
        return {"productVariantsCount": {"count": count, "precision": "EXACT"}}

    def InventoryExportStart(self, **_: Any) -> Any:  # noqa: N802
        run = {"bulkOperation": {"id": EXPORT_ID, "status": "CREATED"}, "userErrors": []}
        return {"bulkOperationRunQuery": run}

    def InventoryExport(self, **_: Any) -> Any:  # noqa: N802
        lines = self.lines
        finished = {
            "id": EXPORT_ID,
            "status": "COMPLETED",
            "errorCode": None,
            "objectCount": str(len(lines)),
            "rootObjectCount": str(len(self.variants)),
            "fileSize": str(len(self.jsonl)),
            "url": f"{self.base_url}/storage/export.jsonl?Signature=sig_0123456789" if lines else None,
            "partialDataUrl": None,
        }
        return {"operation": {**finished, **self.operation}}

    def InventoryExportCancel(self, id: str) -> Any:  # noqa: A002, N802
        return {"bulkOperationCancel": {"bulkOperation": {"id": id, "status": "CANCELING"}, "userErrors": []}}

    def InventoryPage(self, after: str | None, query: str = "", **_: Any) -> Any:  # noqa: N802
        start, found = int(after or 0), [variant for variant in self.variants if not query or _found(variant, query)]
        shown = [self._with_levels(variant) for variant in found[start : start + self.page]]
        return {"productVariants": {"nodes": shown, "pageInfo": self._page_info(start + self.page, len(found))}}

    def InventorySharing(self, item: str) -> Any:  # noqa: N802
        sold = [variant for variant in self.variants if variant["inventoryItem"]["id"] == item]
        return {"inventoryItem": {"variants": {"nodes": sold, "pageInfo": self._page_info(0, 0)}}}

    def InventoryLevels(self, item: str, after: str, **_: Any) -> Any:  # noqa: N802
        found = next(variant for variant in self.variants if variant["inventoryItem"]["id"] == item)
        return {"inventoryItem": {"inventoryLevels": self._levels_from(found, int(after))}}

    def _levels(self, variant: Mapping[str, Any]) -> list[dict[str, Any]]:
        item = (variant.get("inventoryItem") or {}).get("id")
        return [level for level in self.levels if level.get("item", {}).get("id") == item]

    def _with_levels(self, variant: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(variant.get("inventoryItem"), dict):
            return variant
        return {**variant, "inventoryItem": {**variant["inventoryItem"], "inventoryLevels": self._levels_from(variant, 0)}}

    def _levels_from(self, variant: Mapping[str, Any], start: int) -> dict[str, Any]:
        levels = self._levels(variant)
        shown = levels[start : start + self.levels_page]
        return {"nodes": shown, "pageInfo": self._page_info(start + self.levels_page, len(levels))}

    def _page_info(self, end: int, total: int) -> dict[str, Any]:
        return {"hasNextPage": end < total, "endCursor": str(end)}


def _found(variant: Mapping[str, Any], query: str) -> bool:
    """Ids joined by OR, or an SKU in quotation marks: it finds whatever begins so, upper and lower case alike."""
    if query.startswith("id:"):
        return variant["id"].rpartition("/")[2] in query.replace("id:", "").split(" OR ")
    quoted = re.fullmatch(r'sku:"((?:[^"\\]|\\.)*)"', query)
    assert quoted, f"{query} is not one quoted SKU"
    return (variant["sku"] or "").lower().startswith(re.sub(r"\\(.)", r"\1", quoted[1]).lower())
