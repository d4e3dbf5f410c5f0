"""A demo shop that speaks Shopify's Admin GraphQL API, 2025-10 to 2026-07, bulk operations included."""

import json
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self
from urllib.parse import parse_qs

from inventory_pipeline.demo.catalogue import Catalogue
from inventory_pipeline.demo.graphql import GraphqlError, parse
from inventory_pipeline.demo.graphql_values import Connection, Node, resolve, select
from inventory_pipeline.demo.messages import Answer, Body, Request
from inventory_pipeline.demo.server import DemoServer
from inventory_pipeline.demo.shopify.cost import Bucket, cost_of, used_by
from inventory_pipeline.demo.shopify.exports import Exports, Storage
from inventory_pipeline.demo.shopify.faults import JSON, ShopifyFaults
from inventory_pipeline.demo.shopify.nodes import ITEMS, Pair, Shelf, gid, is_found, sold

SCOPES = ("read_products", "read_inventory", "read_locations")
LIFE = 24 * 3600


@dataclass(frozen=True, slots=True)
class Token:
    scopes: tuple[str, ...]
    until: float = float("inf")


class Tokens:
    """The shop's tokens, and the one app that may fetch some. `clock` gives seconds."""

    def __init__(self, scopes: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.scopes = tuple(scopes)
        self.client_id, self.client_secret = secrets.token_hex(16), f"shpss_{secrets.token_hex(16)}"
        self.granted = 0
        self._clock = clock
        self._tokens: dict[str, Token] = {}

    def add(self, token: str | None = None) -> str:
        """One more token that holds for ever, made up where not given."""
        token = token or f"shpat_{secrets.token_hex(16)}"
        self._tokens[token] = Token(self.scopes)
        return token

    def revoke_all(self) -> None:
        self._tokens.clear()

    def scopes_of(self, token: str) -> tuple[str, ...] | None:
        """None for a token that is not known or has expired."""
        found = self._tokens.get(token)
        return found.scopes if found and self._clock() < found.until else None

    def grant(self, request: Request) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer to a client-credentials grant (RFC 6749, 4.4), its form in the request's body."""
        form = {name: values[-1] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            return 401, {"error": "invalid_client", "error_description": "Client authentication failed."}
        token = f"shpat_{secrets.token_hex(16)}"
        self._tokens[token] = Token(self.scopes, self._clock() + LIFE)
        self.granted += 1
        return 200, {"access_token": token, "scope": ",".join(self.scopes), "expires_in": LIFE - 1}


class Root:
    """What one request sees: the root fields of its version, as far as its scopes reach."""

    def __init__(self, catalogue: Catalogue, exports: Exports, version: str, scopes: tuple[str, ...]) -> None:
        self._catalogue, self._exports, self._version, self._scopes = catalogue, exports, version, scopes
        self._shelf = Shelf(version, self._require)

    @property
    def queries(self) -> Node:
        fields: Node = {
            "shop": {"name": "Driftwood & Co", "currencyCode": "EUR", "myshopifyDomain": "driftwood-demo.myshopify.com"},
            "currentAppInstallation": {"accessScopes": [{"handle": scope} for scope in self._scopes]},
            "productVariantsCount": self._count,
            "productVariants": self._variants,
            "inventoryItem": self._item,
            "currentBulkOperation": lambda type="QUERY": self._exports.latest() if type == "QUERY" else None,  # noqa: A006
        }
        return fields | {"bulkOperation": self._exports.look} if self._version >= "2026-01" else fields

    @property
    def mutations(self) -> Node:
        return {"bulkOperationRunQuery": self._run, "bulkOperationCancel": self._exports.cancel}

    def _run(self, query: str, groupObjects: bool) -> Node:  # noqa: N803 - Shopify's name
        if groupObjects:
            raise GraphqlError("this demo shop does not group objects", "BAD_REQUEST")
        most = 5 if self._version >= "2026-01" else 1
        return self._exports.run(query, most, lambda field: resolve(self.queries, field))

    def _count(self, limit: int | None = 10_000) -> Node:
        self._require("read_products")
        count = len(sold(self._catalogue))
        capped = limit is not None and count > limit
        return {"count": limit if capped else count, "precision": "AT_LEAST" if capped else "EXACT"}

    def _variants(self, query: str | None = None, **page: Any) -> Connection:
        self._require("read_products")
        found = sold(self._catalogue)
        return Connection([one for one in found if is_found(*one, query)] if query else found, self._shelf.variant, page)

    def _item(self, id: str) -> Node | None:  # noqa: A002 - Shopify's name
        self._require("read_inventory")
        drawing = [one for one in sold(self._catalogue) if gid("InventoryItem", ITEMS + one[1][1].pool.id) == id]
        if not drawing:
            return None
        item = self._shelf.item(drawing[0][1][1].pool)
        return item | {"variants": partial(self._drawing, drawing)} if self._version >= "2026-01" else item

    def _drawing(self, variants: list[tuple[int, Pair]], **page: Any) -> Connection:
        self._require("read_products")
        return Connection(variants, self._shelf.variant, page)

    def _require(self, scope: str) -> None:
        if scope not in self._scopes:
            needed = f"`{scope}` access scope."
            raise GraphqlError(f"Access denied. Required access: {needed}", "ACCESS_DENIED", requiredAccess=needed)


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
