"""A demo shop that speaks Shopify's Admin GraphQL API, 2025-10 to 2026-07, bulk operations included."""

import json
import re
from collections.abc import Mapping
from typing import Any, Self

from inventory_pipeline.demo.catalogue import Catalogue
from inventory_pipeline.demo.graphql import GraphqlError, parse
from inventory_pipeline.demo.graphql_values import select
from inventory_pipeline.demo.messages import Answer, Body, Request
from inventory_pipeline.demo.server import DemoServer
from inventory_pipeline.demo.shopify.cost import Bucket, cost_of, used_by
from inventory_pipeline.demo.shopify.exports import Exports
from inventory_pipeline.demo.shopify.faults import JSON, ShopifyFaults
from inventory_pipeline.demo.shopify.root import Root
from inventory_pipeline.demo.shopify.storage import Storage
from inventory_pipeline.demo.shopify.tokens import SCOPES, Tokens

VERSIONS = ("2025-10", "2026-01", "2026-04", "2026-07")
ENDPOINT = re.compile(r"/admin/api/([^/]+)/graphql\.json")
WRONG_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"


class DemoShopify(DemoServer):
    """A Shopify shop on a loopback port: `with DemoShopify(catalogue) as shop: shop.url, shop.token`.

    Its exports lie on a second server, `storage`. `faults` and `storage.faults` may be switched on at any time; the
    catalogue may change under it through its own methods.
    """

    faults: ShopifyFaults

    def __init__(
        self, catalogue: Catalogue, *, token: str | None = None, scopes: tuple[str, ...] = SCOPES, bucket: Bucket | None = None
    ) -> None:
        self.faults = ShopifyFaults()
        super().__init__(self.faults)
        self.catalogue = catalogue
        self.storage = Storage()
        self.tokens = Tokens(scopes)
        self.token = self.tokens.add(token)
        self.exports = Exports(self.storage, self.faults)
        self.bucket = bucket or Bucket()

    def start(self, port: int = 0) -> Self:
        """As every demo server; the storage takes any free port."""
        super().start(port)
        self.storage.start()
        return self

    def close(self) -> None:
        super().close()
        self.storage.close()

    def answer(self, request: Request) -> Answer:
        if request.path == "/admin/oauth/access_token" and request.method == "POST":
            status, body = self.tokens.grant(request)
            return _json(status, body)
        found = ENDPOINT.fullmatch(request.path)
        if found is None or found[1] not in VERSIONS or request.method != "POST":
            return _json(404, {"errors": "Not Found"})
        scopes = self.tokens.scopes_of(request.headers.get("x-shopify-access-token", ""))
        if scopes is None:
            return _json(401, {"errors": WRONG_TOKEN})
        return _json(200, self._asked(request, found[1], scopes), {"X-Shopify-API-Version": found[1]})

    def _asked(self, request: Request, version: str, scopes: tuple[str, ...]) -> Mapping[str, Any]:
        requested, actual = 0.0, None
        try:
            question = json.loads(request.body)
            kind, selections = parse(question["query"], question.get("variables"))
            requested = cost_of(kind, selections)
            self.bucket.take(requested)
            root = Root(self.catalogue, self.exports, version, scopes)
            with self.catalogue.lock:
                answer: dict[str, Any] = {"data": select(root.mutations if kind == "mutation" else root.queries, selections)}
            actual = min(requested, used_by(answer["data"]))
            self.bucket.give_back(requested - actual)
        except GraphqlError as error:
            answer = {"errors": [{"message": str(error), "extensions": error.extensions}]}
            if error.code == "ACCESS_DENIED":
                answer["data"] = None
        return answer | {"extensions": {"cost": self.bucket.told(requested, actual)}}


def _json(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, {**JSON, **(headers or {})}, Body.of_json(body))
