"""A WooCommerce shop whose goods and faults a test decides, for what no recorded answer shows."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from inventory_pipeline_tests.connectors.woocommerce_protocol import CANNOT_VIEW, NO_ROUTE, Gate
from inventory_pipeline_tests.http.local_server import Answer, LocalServer, Request

Fault = Callable[[Request], Answer | None]
Permalinks = Literal["pretty", "index", "plain"]


def product(number: Any, **changes: Any) -> dict[str, Any]:
    """A simple product with 5 in stock, as 11.x lists it."""
    return {
        "id": number,
        "name": f"Product {number}",
        "type": "simple",
        "status": "publish",
        "sku": f"SKU-{number}",
        "global_unique_id": "",
        "manage_stock": True,
        "stock_quantity": 5,
        "stock_status": "instock",
        "backorders": "no",
        "price": "9.99",
        "variations": [],
    } | changes


def parent(number: Any, *variations: int, **changes: Any) -> dict[str, Any]:
    own = {"type": "variable", "manage_stock": False, "stock_quantity": None, "variations": list(variations)}
    return product(number, **(own | changes))


def variation(number: Any, parent_id: Any, option: str = "S", **changes: Any) -> dict[str, Any]:
    own = {"parent_id": parent_id, "type": "variation", "attributes": [{"id": 0, "name": "Size", "option": option}]}
    made = product(number, **(own | changes))
    del made["variations"]
    return made


@dataclass
class MadeUpShop:
    """`fault` may answer a request instead of the shop. `path` is the subfolder the shop lives in.

    `permalinks` "index": they begin with /index.php/. `flat` False: as before 10.3. `totals` False: as behind a proxy that
    drops the header. `hidden` are ids of items that the shop counts and never shows, each on its page: orphaned variations, and
    rows that WordPress cannot read.
    """

    products: list[dict[str, Any]] = field(default_factory=list)
    variations: list[dict[str, Any]] = field(default_factory=list)
    flat: bool = True
    totals: bool = True
    permalinks: Permalinks = "pretty"
    path: str = ""
    version: str | None = None
    hidden: set[int] = field(default_factory=set)
    fault: Fault = lambda _: None
    gate: Gate | None = field(default_factory=Gate)
    base_url: str = ""

    def serve(self, **options: Any) -> LocalServer:
        server = LocalServer(self, **options)
        self.base_url = server.url
        return server

    @property
    def url(self) -> str:
        return self.base_url + self.path

    def __call__(self, request: Request) -> Answer:
        if answer := self.fault(request):
            return answer
        route = self._route(request)
        if route is None:
            return Answer.html("Page not found", 404)
        # WooCommerce looks at keys only where the address as sent holds this.
        if self.gate and "wp-json/wc/" not in request.target:
            return CANNOT_VIEW
        if self.gate and (refusal := self.gate.refusal(request, self.base_url)):
            return refusal
        if route == "/system_status":
            return Answer.json({"environment": {"version": self.version}}) if self.version else NO_ROUTE
        items = self._items(route)
        return NO_ROUTE if items is None else self._page(items, request.query)

    def _route(self, request: Request) -> str | None:
        path = request.path.removeprefix(self.path)
        if "rest_route" in request.query and path.startswith("/index.php"):
            return request.query["rest_route"].removeprefix("/wc/v3").rstrip("/")
        if self.permalinks != "pretty":
            path = path.removeprefix("/index.php") if self.permalinks == "index" and path.startswith("/index.php/") else ""
        prefix = "/wp-json/wc/v3"
        return path.removeprefix(prefix).rstrip("/") if path.startswith(prefix) else None

    def _items(self, route: str) -> list[dict[str, Any]] | None:
        if route == "/products":
            return self.products
        if route == "/variations":
            return self.variations if self.flat else None
        number = route.removeprefix("/products/").removesuffix("/variations")
        return [item for item in self.variations if str(item["parent_id"]) == number]

    def _page(self, items: list[dict[str, Any]], query: dict[str, str]) -> Answer:
        size, number = int(query.get("per_page", 10)), int(query.get("page", 1))
        if "include" in query:
            items = [item for item in items if str(item["id"]) in query["include"].split(",")]
        if "sku" in query:
            items = [item for item in (*items, *self.variations) if item["sku"].lower() == query["sku"].lower()]
        wanted = set(query["_fields"].split(","))
        page = items[(number - 1) * size : number * size]
        shown = [_only(item, wanted) for item in page if item["id"] not in self.hidden]
        headers = {"Content-Type": "application/json; charset=UTF-8"}
        if self.totals:
            headers |= {"X-WP-Total": str(len(items)), "X-WP-TotalPages": str(-(-len(items) // size))}
        return Answer(200, json.dumps(shown).encode(), headers)


def _only(item: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name in wanted}
