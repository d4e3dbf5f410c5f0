"""The root fields of a demo shop's Admin API: what one request may ask, by its version and its token's scopes."""

from typing import Any

from inventory_pipeline.demo.catalogue import Catalogue
from inventory_pipeline.demo.graphql import GraphqlError
from inventory_pipeline.demo.graphql_values import Connection, Node, resolve
from inventory_pipeline.demo.shopify.exports import Exports
from inventory_pipeline.demo.shopify.nodes import ITEMS, Shelf, gid, sold


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

    def _variants(self, **page: Any) -> Connection:
        self._require("read_products")
        return Connection(sold(self._catalogue), self._shelf.variant, page)

    def _item(self, id: str) -> Node | None:  # noqa: A002 - Shopify's name
        self._require("read_inventory")
        pools = {gid("InventoryItem", ITEMS + item.pool.id): item.pool for _, (_, item) in sold(self._catalogue)}
        return self._shelf.item(pools[id]) if id in pools else None

    def _require(self, scope: str) -> None:
        if scope not in self._scopes:
            needed = f"`{scope}` access scope."
            raise GraphqlError(f"Access denied. Required access: {needed}", "ACCESS_DENIED", requiredAccess=needed)
