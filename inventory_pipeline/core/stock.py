"""What a connector yields: stock lines in pages, and at the very end the proof that the read was whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.quantity import ABSURD, PLACES, UNKNOWN, Number, Quantity, exact_number
from inventory_pipeline.core.text import clean_text, is_clean

DEFAULT_LOCATION = "default"  # of a store without locations
NO_LOCATION = "-"  # of a variant without any level

Status = Literal["active", "draft", "archived"]
STATUSES: frozenset[str] = frozenset({"active", "draft", "archived"})

ID_LENGTH = 255
SKU_LENGTH = 500
TITLE_LENGTH = 500


class StockLine(NamedTuple):
    """Stock of one variant at one location. Identity within a store: (item_id, location_id).

    `quantity` is what is available. `on_hand`, `committed` and `incoming` are given only where the platform does.
    Lines that draw on one physical quantity carry the same `shared_pool`. `sellable` is the platform's own word.
    """

    item_id: str
    location_id: str = DEFAULT_LOCATION
    product_id: str | None = None
    sku: str | None = None
    title: str = ""
    status: Status = "active"
    quantity: Quantity = UNKNOWN
    on_hand: Number | None = None
    committed: Number | None = None
    incoming: Number | None = None
    sellable: bool | None = None
    oversell_allowed: bool | None = None
    shared_pool: str | None = None
    location: str | None = None
    location_active: bool = True
    barcode: str | None = None
    price: Decimal | None = None
    currency: str | None = None


class RejectedLine(NamedTuple):
    """A line that could not be read: kept with its reason. With a readable identity its current line becomes unknown."""

    reason: str
    item_id: str | None = None
    location_id: str | None = None
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a read, in memory at once. `excluded` counts what is deliberately not a line, by reason."""

    lines: list[StockLine] = field(default_factory=list)
    rejected: list[RejectedLine] = field(default_factory=list)
    excluded: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Completeness:
    """The last thing a connector yields: how its read compares with what the platform says it has.

    `expected` and `read` count the platform's own entities (products and variations, feed rows), the read ones
    distinct. `expected` is None where the platform gives no total; `how` then says what proves the end. `unchanged`
    says that the platform answered "not modified": no lines follow and the last snapshot holds. `memo` is kept with
    the published snapshot and handed to the next read. `modified` is a file's own time: when its maker last wrote it.
    """

    expected: int | None
    read: int
    how: str
    repeats: int = 0
    moved: bool = False
    unchanged: bool = False
    memo: Mapping[str, str] = field(default_factory=dict)
    modified: datetime | None = None

    @property
    def gap(self) -> int:
        """Entities the platform says it has and the read did not show; 0 where it gives no total."""
        return 0 if self.expected is None else max(self.expected - self.read, 0)


def checked_line(line: StockLine) -> StockLine:
    """The line with texts that any database can hold, or LineRejected where its identity or status cannot be used.

    Runs once per line of a catalogue: the usual line is only looked at, and returned as it is.
    """
    item, location, product, sku, title, status, (state, value), on_hand, committed, incoming = line[:10]
    _, _, pool, place, _, barcode, price, currency = line[10:]
    for name, identity in (("id", item), ("location id", location)):
        if not isinstance(identity, str) or not 0 < len(identity) <= ID_LENGTH or not is_clean(identity):
            raise LineRejected(f"{name} {identity!r:.60} is empty, too long or holds characters that no id has")
    if status not in STATUSES:
        raise LineRejected(f"status {status!r:.60} is none of active, draft, archived")
    if sku is not None and len(sku) > SKU_LENGTH:
        raise LineRejected(f"SKU of {len(sku)} characters is longer than {SKU_LENGTH}")
    if (value is None) == (state == "tracked"):
        raise LineRejected(f"quantity {value!r:.60} does not go with state {state!r}")
    for what, number in (("quantity", value), ("on hand", on_hand), ("committed", committed), ("incoming", incoming)):
        if number is not None:
            exact_number(number, what)
    if price is not None and (stored := _storable_price(price)) is not price:
        line = line._replace(price=stored)
    texts = [text for text in (product, sku, title, pool, place, barcode, currency) if text]
    if len(title) <= TITLE_LENGTH and is_clean("".join(texts)):
        return line
    return line._replace(
        product_id=clean_text(product),
        sku=clean_text(sku),
        title=clean_text(title, TITLE_LENGTH) or "",
        shared_pool=clean_text(pool),
        location=clean_text(place),
        barcode=clean_text(barcode),
        currency=clean_text(currency),
    )


def _storable_price(price: Decimal) -> Decimal | None:
    """The price to the decimals that are kept. One that nobody could pay is no price; it does not cost the line."""
    if not price.is_finite() or abs(price) > ABSURD:
        return None
    rounded = round(price, PLACES)
    return price if rounded == price else rounded
