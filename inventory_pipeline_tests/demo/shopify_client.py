"""A plain client for the demo's Shopify shop: http.client for the wire, nothing of the project's own."""

import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from inventory_pipeline.demo.shopify import DemoShopify
from inventory_pipeline_tests.demo.client import Reply


def post(url: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, response.read())
    finally:
        connection.close()


def asked(shop: DemoShopify, text: str, version: str = "2026-07", /, token: str | None = None, **variables: Any) -> Reply:
    """The answer to one GraphQL question."""
    headers = {"Content-Type": "application/json", "X-Shopify-Access-Token": token or shop.token}
    body = json.dumps({"query": text, "variables": variables}).encode()
    return post(shop.url, f"/admin/api/{version}/graphql.json", body, headers)


def data(shop: DemoShopify, text: str, version: str = "2026-07", /, **variables: Any) -> Any:
    answer = asked(shop, text, version, **variables).json
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def code(shop: DemoShopify, text: str, version: str = "2026-07", /, **variables: Any) -> str:
    """The code of the only error."""
    (error,) = asked(shop, text, version, **variables).json["errors"]
    return error["extensions"]["code"]


def granted(shop: DemoShopify, **form: str) -> Reply:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return post(shop.url, "/admin/oauth/access_token", urlencode(form).encode(), headers)
