"""Vendure's Admin API over variants that a test decides or that were recorded: log-ins, sessions that end, keys, limits."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from inventory_pipeline.connectors.base import ConnectorContext
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline_tests.connectors.contracts import contract
from inventory_pipeline_tests.http.local_server import Answer, Request

KEY = "vendure_key_0123456789abcdef"
USERNAME, PASSWORD = "stock-reader", "pw_0123456789abcdef"
MOST = 1000  # adminListQueryLimit
Fault = Callable[[str, Request], Answer | None]


def recorded_body(name: str) -> dict[str, Any]:
    return json.loads(contract("vendure", f"recorded/vendure-3.7.3-{name}.json").read_bytes())["body"]


def recorded_variants() -> list[dict[str, Any]]:
    pages = [recorded_body(f"variants-{skip}")["data"]["productVariants"] for skip in (0, 300, 600, 900)]
    return [variant for page in pages for variant in page["items"]]


def refusal(code: str, message: str) -> Answer:
    return Answer.json({"errors": [{"message": message, "extensions": {"code": code}}], "data": None})


FORBIDDEN = refusal("FORBIDDEN", "You are not currently authorized to perform this action")


@dataclass
class VendureServer:
    """The app of a LocalServer. `takes` says how it knows who asks; each session holds for `session_requests` requests.

    `fault` is told the operation and may answer instead. `hidden` ids are counted and never shown.
    """

    variants: list[Any]
    fault: Fault = lambda _name, _request: None
    takes: Literal["api-key", "bearer", "cookie"] = "api-key"
    key: str = KEY
    password: str = PASSWORD
    settings: dict[str, Any] = field(default_factory=lambda: {"trackInventory": True, "outOfStockThreshold": 0})
    session_requests: int = 1_000_000
    hidden: set[str] = field(default_factory=set)
    logins: int = 0
    left: int = 0

    def __call__(self, request: Request) -> Answer:
        body = json.loads(request.body)
        variables = body.get("variables") or {}
        name = body.get("operationName") or "Login"
        if answer := self.fault(name, request):
            return answer
        if name == "Login":
            return self._login(variables)
        if not self._knows(request):
            return FORBIDDEN
        self.left -= 1
        if name == "InventorySettings":
            return Answer.json({"data": {"globalSettings": self.settings}})
        if name == "InventoryCount":
            return Answer.json({"data": {"productVariants": {"totalItems": len(self.variants)}}})
        if variables["take"] > MOST:
            return refusal("USER_INPUT_ERROR", f"Cannot take more than {MOST} results from a list query")
        listed = [one for one in self.variants if _matches(one, variables.get("filter") or {})]
        page = listed[variables["skip"] : variables["skip"] + variables["take"]]
        shown = [one for one in page if not isinstance(one, dict) or one.get("id") not in self.hidden]
        return Answer.json({"data": {"productVariants": {"totalItems": len(listed), "items": shown}}})

    def _login(self, variables: dict[str, str]) -> Answer:
        if (variables["username"], variables["password"]) != (USERNAME, self.password):
            told = {"errorCode": "INVALID_CREDENTIALS_ERROR", "message": "The provided credentials are invalid"}
            return Answer.json({"data": {"login": {"__typename": "InvalidCredentialsError", **told}}})
        self.logins += 1
        self.left = self.session_requests
        header = {"vendure-auth-token": self._session} if self.takes == "bearer" else {"Set-Cookie": f"session={self._session}"}
        answer = Answer.json({"data": {"login": {"__typename": "CurrentUser"}}})
        return Answer(200, answer.body, {**answer.headers, **(header if self.takes != "api-key" else {})})

    @property
    def _session(self) -> str:
        return f"session_{self.logins:016}"

    def _knows(self, request: Request) -> bool:
        if self.takes == "api-key":
            return request.headers.get("vendure-api-key") == self.key
        given = request.headers.get("authorization" if self.takes == "bearer" else "cookie", "")
        wanted = f"Bearer {self._session}" if self.takes == "bearer" else f"session={self._session}"
        return given == wanted and self.left > 0


def _matches(one: Any, which: dict[str, Any]) -> bool:
    """As over MySQL, upper and lower case of an SKU are alike."""
    if "sku" in which:
        return one["sku"].lower() == which["sku"]["eq"].lower()
    return "id" not in which or one["id"] in which["id"]["in"]


def vendure_context(
    url: str, settings: dict[str, str] | None = None, credentials: dict[str, str] | None = None, **more: Any
) -> ConnectorContext:
    store = StoreIntegration(key="shop", platform="vendure", url=url, settings=settings or {}, allow_private=True)
    return ConnectorContext(store=store, credentials=credentials or {"api_key": KEY}, **more)


def level(on_hand: Any, allocated: int = 0, location: str = "1") -> dict[str, Any]:
    place = {"id": location, "name": f"Location {location}"}
    return {"stockOnHand": on_hand, "stockAllocated": allocated, "stockLocation": place}


def variant(name: str, *levels: dict[str, Any], **fields: Any) -> dict[str, Any]:
    own = {"id": name, "sku": f"SKU-{name}", "name": f"Lamp {name}", "enabled": True, "trackInventory": "INHERIT"}
    threshold = {"outOfStockThreshold": 0, "useGlobalOutOfStockThreshold": True}
    return {**own, **threshold, "product": {"id": "P1", "enabled": True}, "stockLevels": list(levels)} | fields
