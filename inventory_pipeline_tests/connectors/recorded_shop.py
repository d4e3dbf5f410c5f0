"""Serves the answers recorded from real WooCommerce shops, version by version, to requests signed like a client's.

Where INVENTORY_CONTRACTS is not set there are none, and the tests that need them are skipped.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from inventory_pipeline_tests.connectors.contracts import contract
from inventory_pipeline_tests.connectors.woocommerce_protocol import NO_ROUTE, Gate, error
from inventory_pipeline_tests.http.local_server import Answer, LocalServer, Request

VERSIONS = ("7.0.0", "10.3.6", "11.0.1")
_VARIATIONS_OF = re.compile(r"/products/(\d+)/variations")


def recorded_folder() -> Path:
    folder = contract("woocommerce", "recorded")
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: no recorded answers to serve")
    return folder


def recorded(name: str) -> Mapping[str, Any]:
    """One recorded answer: status, headers, body (text, or the JSON's value)."""
    return json.loads((recorded_folder() / f"{name}.json").read_bytes())


def recorded_answer(name: str) -> Answer:
    """The answer as it was, its `Link` included: whoever follows that leaves this server."""
    return _answer(recorded(name))


class RecordedShop:
    """The app of a LocalServer."""

    def __init__(self, version: str) -> None:
        self.gate = Gate()
        self.base_url = ""
        self._answers = {path.name: json.loads(path.read_bytes()) for path in recorded_folder().glob(f"wc-{version}-*.json")}
        self._prefix = f"wc-{version}-"

    def serve(self) -> LocalServer:
        server = LocalServer(self)
        self.base_url = server.url
        return server

    def __call__(self, request: Request) -> Answer:
        route = request.path.removeprefix("/wp-json/wc/v3").rstrip("/")
        if refusal := self.gate.refusal(request, self.base_url):
            return refusal
        query = request.query
        if query["_fields"] == "id":
            return self._one(f"{_list_name(route)}-page1") or NO_ROUTE
        if route == "/system_status":
            return NO_ROUTE
        asked_as_recorded = query["per_page"] == "100" and query["orderby"] == "id" and query["order"] == "asc"
        if not asked_as_recorded:
            return error(400, "rest_invalid_param", "Only per_page=100, orderby=id and order=asc were recorded.")
        name, page = _list_name(route), int(query["page"])
        found = self._one(f"{name}-page{page}") or (self._one(name) if page == 1 else None)
        return _with_fields(found, query["_fields"]) if found else self._past_the_end(name)

    def _past_the_end(self, name: str) -> Answer:
        first = self._one(name) or self._one(f"{name}-page1")
        return Answer(200, b"[]", first.headers) if first else NO_ROUTE

    def _one(self, name: str) -> Answer | None:
        found = self._answers.get(f"{self._prefix}{name}.json")
        return _answer(found) if found else None


def _list_name(route: str) -> str:
    of_product = _VARIATIONS_OF.fullmatch(route)
    return f"product{of_product[1]}-variations" if of_product else route.removeprefix("/")


def _answer(found: Mapping[str, Any]) -> Answer:
    body = found["body"]
    return Answer(found["status"], (body if isinstance(body, str) else json.dumps(body)).encode(), found["headers"])


def _with_fields(answer: Answer, fields: str) -> Answer:
    """WordPress leaves out what `_fields` does not name; variations were recorded whole."""
    wanted = set(fields.split(","))
    items = [{name: value for name, value in item.items() if name in wanted} for item in json.loads(answer.body)]
    return Answer(answer.status, json.dumps(items).encode(), answer.headers)
