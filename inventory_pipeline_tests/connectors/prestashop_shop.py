"""A PrestaShop webservice over rows that a test decides or that were recorded: lists, filters, limits, keys."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from inventory_pipeline.connectors.base import ConnectorContext
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline_tests.connectors.contracts import contract
from inventory_pipeline_tests.http.local_server import Answer, Request

KEY = "ABCDEFGH12345678ABCDEFGH12345678"
RESOURCES = ("products", "combinations", "stock_availables")
Fault = Callable[[Request], Answer | None]


def recorded(name: str) -> dict[str, Any]:
    """One recorded answer of 8.2.1. Skips the test where there are none."""
    return json.loads(contract("prestashop", f"recorded/ps-8.2.1-{name}.json").read_bytes())


def recorded_answer(name: str) -> Answer:
    found = recorded(name)
    body = found["body"]
    return Answer(found["status"], (body if isinstance(body, str) else json.dumps(body)).encode(), found["headers"])


def recorded_rows() -> dict[str, list[dict[str, Any]]]:
    """The rows of the recorded pages, 100 each; the page after the last is the empty list."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for resource in RESOURCES:
        rows[resource] = []
        while True:
            try:
                body = recorded(f"{resource}-{len(rows[resource])}")["body"]
            except FileNotFoundError:
                break
            if not body:
                break
            rows[resource] += body[resource]
    return rows


@dataclass
class PrestaShopServer:
    """The app of a LocalServer. `fault` may answer a request instead; `hidden` rows are counted in the ids and never shown."""

    rows: dict[str, list[dict[str, Any]]]
    fault: Fault = lambda _: None
    key: str = KEY
    hidden: set[int] = field(default_factory=set)

    def __call__(self, request: Request) -> Answer:
        if answer := self.fault(request):
            return answer
        if self._key_of(request) != self.key:
            return Answer.json({"errors": [{"code": 20, "message": "Authentification key is not active"}]}, 401)
        resource = request.path.removeprefix("/api/")
        rows, query = sorted(self.rows[resource], key=lambda row: int(row["id"])), request.query
        if "display" not in query:
            shown = [{"id": row["id"]} for row in rows]
        else:
            wanted = query["display"].strip("[]").split(",")
            rows = [row for row in rows if self._matches(row, query) and row["id"] not in self.hidden]
            shown = [{name: row[name] for name in wanted if name in row} for row in rows]
        if "limit" in query:
            offset, count = map(int, query["limit"].split(","))
            shown = shown[offset : offset + count]
        return Answer.json({resource: shown} if shown else [])

    @staticmethod
    def _matches(row: dict[str, Any], query: dict[str, str]) -> bool:
        for name, text in query.items():
            if (found := re.fullmatch(r"filter\[(\w+)\]", name)) and not _passes(str(row[found[1]]), text):
                return False
        return True

    @staticmethod
    def _key_of(request: Request) -> str:
        header = request.headers.get("authorization", "")
        return request.query.get("ws_key") or base64.b64decode(header.removeprefix("Basic ")).decode().rstrip(":")


def _passes(value: str, text: str) -> bool:
    """As the webservice: brackets hold a list, a range, a pattern or a value; without them it is the value, whatever the case."""
    before, inner, after = parts.groups() if (parts := re.fullmatch(r"(.*)\[(.*)\](.*)", text)) else ("", "", "")
    if parts is None:
        return value.lower() == text.lower()
    if "%" in (before, after):
        pattern = "".join({"%": ".*", "_": "."}.get(sign, re.escape(sign)) for sign in f"{before}{inner}{after}")
        return re.fullmatch(pattern, value, re.IGNORECASE) is not None
    if before or after:
        return True
    if interval := re.fullmatch(r"(\d+),(\d+)", inner):
        return int(interval[1]) <= int(value) <= int(interval[2])
    return value in inner.split("|")


def presta_context(url: str, settings: dict[str, str] | None = None, **more: Any) -> ConnectorContext:
    store = StoreIntegration(key="shop", platform="prestashop", url=url, settings=settings or {}, allow_private=True)
    return ConnectorContext(store=store, credentials={"key": KEY}, **more)
