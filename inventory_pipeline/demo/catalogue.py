"""A shop's catalogue, free of any platform's protocol: dialects show it, sales change it, tests ask it for the truth."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Kind = Literal["simple", "variable", "variation", "grouped", "external"]
Status = Literal["publish", "private", "draft", "pending", "future"]
Tracking = Literal["own", "parent", "none"]
Availability = Literal["instock", "outofstock", "onbackorder"]

OPENED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)  # when the made-up shops began: nothing here reads a clock


@dataclass(slots=True, eq=False, kw_only=True)
class Item:
    """A product or a variation. Ids are unique within a catalogue, over both.

    `tracking` says whose `quantity` counts: the item's own, its parent's (a pool shared with its sisters), or none, where
    only `availability` does. `quantity` is a whole number of units, negative where `backorders` let it go below zero.
    """

    id: int
    kind: Kind
    title: str  # of a variation: its option, such as "M"
    sku: str = ""
    barcode: str = ""
    price: str = ""
    status: Status = "publish"
    tracking: Tracking = "own"
    quantity: int = 0
    availability: Availability = "instock"
    backorders: Literal["no", "notify", "yes"] = "no"
    low_stock: int | None = None
    created: datetime = OPENED
    modified: datetime = OPENED
    option: str = ""  # of a variable product: what its variations differ in, such as "Size"
    parent: "Item | None" = field(default=None, repr=False)
    variations: "list[Item]" = field(default_factory=list, repr=False)
    members: "list[Item]" = field(default_factory=list, repr=False)  # of a grouped product
    orphaned: bool = False  # a variation whose product is gone: its row is left, and nobody sells it

    @property
    def pool(self) -> "Item":
        """The item whose quantity this one draws on."""
        return self.parent if self.tracking == "parent" and self.parent is not None else self

    @property
    def tracked(self) -> bool:
        return self.pool.tracking == "own"

    @property
    def stock(self) -> int | None:
        """Units of the pool; None where nothing is tracked."""
        return self.pool.quantity if self.tracked else None


class Catalogue:
    """Products in the order of their ids, each variable one with its variations.

    Every change goes through `change`, `add` or `remove`, which raise `revision`: servers keep encoded pages until it moves.
    """

    def __init__(self, products: Iterable[Item] = ()) -> None:
        self.lock = threading.RLock()
        self.revision = 0
        self._items: dict[int, Item] = {}
        self._last_id = 9
        for product in products:
            self.add(product)

    def __getitem__(self, item_id: int) -> Item:
        return self._items[item_id]

    def get(self, item_id: int) -> Item | None:
        return self._items.get(item_id)

    @property
    def products(self) -> list[Item]:
        return [item for item in self._items.values() if item.parent is None]

    @property
    def variations(self) -> list[Item]:
        """Orphaned ones too."""
        return [item for item in self._items.values() if item.parent is not None]

    @property
    def lines(self) -> list[Item]:
        """What has stock of its own to tell: every simple product and variation, whatever its status."""
        return [item for item in self._items.values() if item.kind in ("simple", "variation") and not item.orphaned]

    @property
    def pools(self) -> list[Item]:
        """The quantities behind the lines, each once."""
        return list({item.pool.id: item.pool for item in self.lines if item.tracked}.values())

    @property
    def units(self) -> int:
        return sum(item.quantity for item in self.pools)

    def change(self, item: Item | int, **values: object) -> None:
        """Sets attributes of one item, such as `quantity=3`."""
        with self.lock:
            item = self[item] if isinstance(item, int) else item
            for name, value in values.items():
                setattr(item, name, value)
            self.revision += 1

    def add(self, product: Item) -> None:
        """Adds a product with its variations. Ids grow, as a platform's do, and are never used twice."""
        with self.lock:
            for item in (product, *product.variations):
                if item.id <= self._last_id:
                    raise ValueError(f"item {item.id} comes after {self._last_id}")
                self._last_id = item.id
                self._items[item.id] = item
            self.revision += 1

    def remove(self, item: Item | int, *, leaving_orphans: bool = False) -> None:
        """Removes a variation, or a product with all its variations; `leaving_orphans` leaves the rows of these behind."""
        with self.lock:
            item = self[item] if isinstance(item, int) else item
            del self._items[item.id]
            for variation in item.variations:
                if leaving_orphans:
                    variation.orphaned = True
                else:
                    del self._items[variation.id]
            if item.parent is not None:
                item.parent.variations.remove(item)
            self.revision += 1

    @property
    def next_id(self) -> int:
        return self._last_id + 1
