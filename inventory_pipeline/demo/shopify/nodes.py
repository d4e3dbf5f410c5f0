"""A catalogue as Shopify's objects: products, variants, inventory items and their levels at three locations.

A pool shared by variations becomes one inventory item behind several variants, a grouped product a bundle. External
products have no counterpart and are not shown.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from inventory_pipeline.demo.catalogue import Catalogue, Item
from inventory_pipeline.demo.graphql_values import Connection, Node

# So far from the catalogue's own ids that no test can mix them up.
PRODUCTS, VARIANTS, ITEMS, LEVELS = 7_000_000_000_000, 40_000_000_000_000, 43_000_000_000_000, 140_000_000_000
LOCATIONS = {61_000_000_001: ("Warehouse", True), 61_000_000_002: ("Shop floor", True), 61_000_000_003: ("Old cellar", False)}
WAREHOUSE, FLOOR, CELLAR = LOCATIONS
STATUSES = {"publish": "ACTIVE", "private": "UNLISTED"}
QUANTITIES: Sequence[str] = ("available", "on_hand", "committed", "incoming")

Pair = tuple[Item, Item]  # a product and what is sold of it: itself, or one of its variations


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def sold(catalogue: Catalogue) -> list[tuple[int, Pair]]:
    """Every variant by its number, in the order of numbers."""
    shown = (product for product in catalogue.products if product.kind != "external")
    return [(VARIANTS + item.id, (product, item)) for product in shown for item in product.variations or [product]]


def is_found(number: int, pair: Pair, query: str) -> bool:
    """Whether a search for ids or for a quoted SKU finds a variant; it is loose, so that a client looks at what it is given."""
    if quoted := re.fullmatch(r'sku:"(.*)"', query):
        return pair[1].sku.lower().startswith(re.sub(r"\\(.)", r"\1", quoted[1]).lower())
    return f"id:{number}" in query.split(" OR ")


class Shelf:
    """Makes the nodes for one API version. `require` is told the scope of what is shown, and raises where it is missing."""

    def __init__(self, version: str, require: Callable[[str], None]) -> None:
        self._tells_inactive = version >= "2026-04"
        self._require = require

    def variant(self, pair: Pair) -> Node:
        product, item = pair
        buyable = item.availability == "instock"
        if item.tracked:
            buyable = (item.stock or 0) > 0 or item.backorders != "no"
        return {
            "__typename": "ProductVariant",
            "id": gid("ProductVariant", VARIANTS + item.id),
            "sku": item.sku or None,
            "barcode": item.barcode or None,
            "title": "Default Title" if item is product else item.title,
            "price": item.price or "0.00",
            "availableForSale": buyable,
            "inventoryPolicy": "DENY" if item.backorders == "no" else "CONTINUE",
            "requiresComponents": item.kind == "grouped",
            "product": {
                "__typename": "Product",
                "id": gid("Product", PRODUCTS + product.id),
                "title": product.title,
                "status": STATUSES.get(product.status, "DRAFT"),
            },
            "inventoryItem": self.item(item.pool),
        }

    def item(self, pool: Item) -> Node:
        def every(includeInactive: bool = False, **page: Any) -> Connection:  # noqa: N803 - Shopify's name
            self._require("read_inventory")
            shown = [place for place in places(pool) if place[1] or includeInactive]
            return Connection([(place[0], place) for place in shown], lambda place: self._level(pool, *place), page)

        def active(first: int | None = None, after: str | None = None) -> Connection:
            return every(first=first, after=after)

        return {
            "__typename": "InventoryItem",
            "id": gid("InventoryItem", ITEMS + pool.id),
            "tracked": pool.tracking == "own",
            "inventoryLevels": every if self._tells_inactive else active,
        }

    def _level(self, pool: Item, location: int, is_active: bool, quantities: Sequence[int]) -> Node:
        shown = dict(zip(QUANTITIES, quantities, strict=True))

        def named(names: Sequence[str]) -> list[Node]:
            """Names that the shop does not have are left out."""
            known = [name for name in names if name in shown]
            return [{"__typename": "InventoryQuantity", "name": name, "quantity": shown[name]} for name in known]

        level = {
            "__typename": "InventoryLevel",
            "id": f"{gid('InventoryLevel', LEVELS + location % 1000)}?inventory_item_id={ITEMS + pool.id}",
            "item": {"__typename": "InventoryItem", "id": gid("InventoryItem", ITEMS + pool.id)},
            "location": lambda: self._location(location),
            "quantities": named,
        }
        return level | {"isActive": is_active} if self._tells_inactive else level

    def _location(self, number: int) -> Node:
        self._require("read_locations")
        name, is_active = LOCATIONS[number]
        return {"__typename": "Location", "id": gid("Location", number), "name": name, "isActive": is_active}


def places(pool: Item) -> list[tuple[int, bool, Sequence[int]]]:
    """Where a pool is stocked: location, whether its level is active, and the quantities there.

    Every third has a part of its stock on the shop floor; some have a deactivated level there, some a level at a location
    that was closed, and half of what is not tracked has no level at all. The available units of all add up to the pool's.
    """
    number = pool.id
    if pool.tracking != "own":
        return [] if number % 2 else [(WAREHOUSE, True, (0, 0, 0, 0))]
    quantity = pool.quantity
    on_floor = quantity // 4 if number % 3 == 0 and quantity > 0 else 0
    committed = number % 4 if quantity > on_floor else 0
    incoming = 12 if number % 10 == 0 else 0
    stocked = quantity - on_floor
    found: list[tuple[int, bool, Sequence[int]]] = [(WAREHOUSE, True, (stocked, stocked + committed, committed, incoming))]
    if number % 3 == 0:
        found.append((FLOOR, True, (on_floor, on_floor, 0, 0)))
    elif number % 17 == 0:
        found.append((FLOOR, False, (0, 0, 0, 0)))
    if number % 29 == 0:
        found.append((CELLAR, True, (0, 0, 0, 0)))
    return found
