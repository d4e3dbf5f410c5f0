"""What is asked of Shopify's Admin GraphQL, by API version. Tests hold every text against the schema of its version.

Differences between versions are read from Shopify's published schemas: `bulkOperation(id:)` since 2026-01,
`InventoryLevel.isActive` and `includeInactive` since 2026-04.
"""

from collections.abc import Collection
from dataclasses import dataclass

from inventory_pipeline.connectors.toolkit.graphql import Query

VERSIONS = ("2025-10", "2026-01", "2026-04", "2026-07")
DEFAULT_VERSION = VERSIONS[-1]

# Asked by name: a name that the shop does not have is then missing from the answer, and never a zero.
AVAILABLE, ON_HAND, COMMITTED, INCOMING = "available", "on_hand", "committed", "incoming"

# `__typename` first: it tells the lines of an export apart, and the decoder looks for it.
_VARIANT = "__typename id sku barcode title price availableForSale inventoryPolicy requiresComponents product { id title status }"
_OPERATION = "id status errorCode objectCount rootObjectCount fileSize url partialDataUrl"


@dataclass(frozen=True, slots=True)
class Queries:
    """All queries for one API version. `exported` is the query that runs inside a bulk operation."""

    version: str

    @property
    def _levels_arguments(self) -> str:
        """Deactivated levels are asked for where they can be told from active ones."""
        return "includeInactive: true" if self.version >= "2026-04" else ""

    @property
    def _level(self) -> str:
        # `item { id }`: which node `__parentId` names below a plain object is not documented, so nothing leans on it.
        active = "isActive" if self.version >= "2026-04" else ""
        names = ", ".join(f'"{name}"' for name in (AVAILABLE, ON_HAND, COMMITTED, INCOMING))
        return _tidy(
            f"__typename id {active} item {{ id }} location {{ id name isActive }}"
            f" quantities(names: [{names}]) {{ name quantity }}"
        )

    @property
    def access(self) -> Query:
        """The shop and what the token may read; needs no scope itself."""
        return _query(
            "InventoryAccess",
            "query InventoryAccess { shop { name currencyCode } currentAppInstallation { accessScopes { handle } } }",
        )

    @property
    def count(self) -> Query:
        # Without `limit: null` the count stops at 10,000.
        return _query("InventoryCount", "query InventoryCount { productVariantsCount(limit: null) { count precision } }")

    @property
    def exported(self) -> str:
        arguments = f"({self._levels_arguments})" if self._levels_arguments else ""
        return _tidy(
            f"{{ productVariants {{ edges {{ node {{ {_VARIANT} inventoryItem {{ id tracked"
            f" inventoryLevels{arguments} {{ edges {{ node {{ {self._level} }} }} }} }} }} }} }} }}"
        )

    @property
    def start(self) -> Query:
        # groupObjects is always told: its default differs between versions, and true is slow and orders lines otherwise.
        return _query(
            "InventoryExportStart",
            "mutation InventoryExportStart($query: String!) { bulkOperationRunQuery(query: $query, groupObjects: false)"
            " { bulkOperation { id status } userErrors { code message } } }",
        )

    @property
    def poll(self) -> Query:
        """Takes `id` where the version can ask for one operation; else the answer's id must be compared."""
        if not self.polls_by_id:
            return _query(
                "InventoryExport",
                f"query InventoryExport {{ operation: currentBulkOperation(type: QUERY) {{ {_OPERATION} }} }}",
            )
        return _query(
            "InventoryExport",
            f"query InventoryExport($id: ID!) {{ operation: bulkOperation(id: $id) {{ {_OPERATION} }} }}",
        )

    @property
    def polls_by_id(self) -> bool:
        return self.version >= "2026-01"

    @property
    def cancel(self) -> Query:
        return _query(
            "InventoryExportCancel",
            "mutation InventoryExportCancel($id: ID!) { bulkOperationCancel(id: $id)"
            " { bulkOperation { id status } userErrors { message } } }",
        )

    @property
    def page(self) -> Query:
        return _query(
            "InventoryPage",
            "query InventoryPage($first: Int!, $after: String, $levels: Int!, $query: String)"
            " { productVariants(first: $first, after: $after, query: $query)"
            f" {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {_VARIANT} inventoryItem {{ id tracked"
            f" inventoryLevels(first: $levels {self._levels_arguments})"
            f" {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {self._level} }} }} }} }} }} }}",
        )

    @property
    def levels(self) -> Query:
        """The further levels of one inventory item that has more than a page of them."""
        return _query(
            "InventoryLevels",
            "query InventoryLevels($item: ID!, $levels: Int!, $after: String) { inventoryItem(id: $item)"
            f" {{ inventoryLevels(first: $levels after: $after {self._levels_arguments})"
            f" {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {self._level} }} }} }} }}",
        )

    @property
    def sharing(self) -> Query:
        """Variants that are sold from one inventory item; a version that does not know `shares_items` has one for each."""
        return _query(
            "InventorySharing",
            "query InventorySharing($item: ID!) { inventoryItem(id: $item) { variants(first: 10)"
            f" {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {_VARIANT} inventoryItem {{ id tracked }} }} }} }} }}",
        )

    @property
    def shares_items(self) -> bool:
        return self.version >= "2026-01"

    @property
    def all(self) -> tuple[Query, ...]:
        """Every operation of this version, and the exported query under the name of the whole."""
        exported = Query("InventoryExported", self.exported)
        always = (self.access, self.count, exported, self.start, self.poll, self.cancel, self.page, self.levels)
        return (*always, self.sharing) if self.shares_items else always


def search_for(variants: Collection[str], sku: str) -> str:
    """Shopify's search for variants by their numbers, else for an SKU, which is quoted: it may hold the search's own words."""
    if variants:
        return " OR ".join(f"id:{number}" for number in sorted(variants))
    escaped = sku.replace("\\", "\\\\").replace('"', '\\"')
    return f'sku:"{escaped}"'


def _query(name: str, text: str) -> Query:
    return Query(name, _tidy(text))


def _tidy(text: str) -> str:
    return " ".join(text.split()).replace(" )", ")")
