"""What a connector yields: stock lines in pages, and at the very end the proof that the read was whole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.quantity import ABSURD, PLACES, UNKNOWN, Number, Quantity, exact_number, storable_number
from inventory_pipeline.core.text import clean_text, is_clean

DEFAULT_LOCATION = "default"  # of a store without locations
NO_LOCATION = "-"  # of a variant without any level

Status = Literal["active", "draft", "archived"]
STATUSES: frozenset[str] = frozenset({"active", "draft", "archived"})

# Notes on lines whose numbers are not kept as they came.
TOO_LARGE = f"number beyond {ABSURD:,}, as programs write it for “unlimited”: taken as unknown"
TOO_FINE = f"number of more than {PLACES} decimals: rounded to {PLACES}"

# A value that a reason shows in quotation marks.
_QUOTED = re.compile(r"(?<!\w)(?:'[^']*'|\"[^\"]*\")(?!\w)")

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
    """A line that could not be read: kept with its reason. With a readable identity its current line becomes unknown.

    `value` is what stands in `field`, as the reason shows it.
    """

    reason: str
    item_id: str | None = None
    location_id: str | None = None
    excerpt: str = ""
    field: str = ""
    value: str = ""

    @property
    def kind(self) -> str:
        """The reason without this line's own value: by it lines that are wrong in the same way are counted together."""
        reason = self.reason.replace(f" {self.value}", " …", 1) if self.value else self.reason
        return _QUOTED.sub("…", reason)

    @classmethod
    def of(cls, error: LineRejected, item_id: str | None, location_id: str | None, excerpt: str) -> "RejectedLine":
        return cls(str(error), item_id, location_id, excerpt, error.field, error.value)


class LineNote(NamedTuple):
    """What a person should know of a line that is read all the same. `value` is what the platform says there."""

    reason: str
    item_id: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a read, in memory at once. `excluded` counts what is deliberately not a line, by reason."""

    lines: list[StockLine] = field(default_factory=list)
    rejected: list[RejectedLine] = field(default_factory=list)
    excluded: Mapping[str, int] = field(default_factory=dict)
    notes: list[LineNote] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ListCoverage:
    """One of the lists that a read consists of: how many entries the platform says it has (None: it does not say), and how
    many distinct ones the read showed.

    `hidden` are the ids of the entries that another list proves and this one did not show: their lines keep their stock,
    unverified. None where nobody knows which entries a gap is about.
    """

    name: str
    expected: int | None
    read: int
    hidden: tuple[str, ...] | None = None

    @property
    def gap(self) -> int:
        return 0 if self.expected is None else max(self.expected - self.read, 0)


@dataclass(frozen=True, slots=True)
class Completeness:
    """The last thing a connector yields: how its read compares with what the platform says it has.

    `expected` and `read` count the platform's own entities (products and variations, feed rows), the read ones
    distinct. `expected` is None where the platform gives no total; `how` then says what proves the end. `unchanged`
    says that the platform answered "not modified": no lines follow and the last snapshot holds. `memo` is kept with
    the published snapshot and handed to the next read. `lists` are the parts of the read, where it has several. `notes` are
    sentences about the store for a person, each with what to do after its last semicolon.
    `modified` is a file's own time: when its maker last wrote it.
    """

    expected: int | None
    read: int
    how: str
    repeats: int = 0
    moved: bool = False
    unchanged: bool = False
    memo: Mapping[str, str] = field(default_factory=dict)
    lists: tuple[ListCoverage, ...] = ()
    notes: tuple[str, ...] = ()
    modified: datetime | None = None

    @property
    def gap(self) -> int:
        """Entities the platform says it has and the read did not show; 0 where it gives no total."""
        return 0 if self.expected is None else max(self.expected - self.read, 0)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The items whose lines this read must have and did not show."""
        return tuple(item_id for one in self.lists for item_id in one.hidden or ())

    @property
    def knows_what_is_hidden(self) -> bool:
        """Whether every line that the read did not show and that is not `hidden` is proved to be gone."""
        return self.gap == 0 or (bool(self.lists) and all(one.gap == 0 or one.hidden is not None for one in self.lists))


def storable_line(line: StockLine) -> tuple[StockLine, list[LineNote]]:
    """The line with numbers that can be kept, and a note on each that was changed.

    A quantity beyond ABSURD is unknown, not a number; one with more decimals than are kept is rounded.
    """
    notes: list[LineNote] = []
    changed: dict[str, Number | None] = {}
    named = {"on_hand": line.on_hand, "committed": line.committed, "incoming": line.incoming, "quantity": line.quantity.value}
    for name, number in named.items():
        if number is None or (isinstance(number, Decimal) and not number.is_finite()):
            continue
        kept = storable_number(number)
        if kept != number:
            changed[name] = kept
            notes.append(LineNote(TOO_LARGE if kept is None else TOO_FINE, line.item_id, f"{name} {number!s:.40}"))
    if "quantity" in changed:
        kept = changed.pop("quantity")
        line = line._replace(quantity=UNKNOWN if kept is None else Quantity.of(kept))
    return line._replace(**changed), notes


def checked_line(line: StockLine) -> StockLine:
    """The line, its texts made storable and its price rounded to what is kept.

    Raises LineRejected where the identity, the status or a quantity cannot be used. Runs once per line of a catalogue: the
    usual line is returned as it is.
    """
    state, value = line.quantity
    for name, identity in (("id", line.item_id), ("location id", line.location_id)):
        if not isinstance(identity, str) or not 0 < len(identity) <= ID_LENGTH or not is_clean(identity):
            told = f"{name} {identity!r:.60} is empty, too long or holds characters that no id has"
            raise LineRejected(told, name, f"{identity!r:.60}")
    if line.status not in STATUSES:
        told = f"status {line.status!r:.60} is none of active, draft, archived"
        raise LineRejected(told, "status", f"{line.status!r:.60}")
    if line.sku is not None and len(line.sku) > SKU_LENGTH:
        raise LineRejected(
            f"SKU of {len(line.sku)} characters is longer than {SKU_LENGTH}", "SKU", f"of {len(line.sku)} characters"
        )
    if (value is None) == (state == "tracked"):
        raise LineRejected(f"quantity {value!r:.60} does not go with state {state!r}", "quantity", f"{value!r:.60}")
    numbers = (("quantity", value), ("on hand", line.on_hand), ("committed", line.committed), ("incoming", line.incoming))
    for what, number in numbers:
        if number is not None:
            exact_number(number, what)
    if line.price is not None and (stored := _storable_price(line.price)) is not line.price:
        line = line._replace(price=stored)
    texts = (line.product_id, line.sku, line.title, line.shared_pool, line.location, line.barcode, line.currency)
    if len(line.title) <= TITLE_LENGTH and is_clean("".join([text for text in texts if text])):
        return line
    return line._replace(
        product_id=clean_text(line.product_id),
        sku=clean_text(line.sku),
        title=clean_text(line.title, TITLE_LENGTH) or "",
        shared_pool=clean_text(line.shared_pool),
        location=clean_text(line.location),
        barcode=clean_text(line.barcode),
        currency=clean_text(line.currency),
    )


def _storable_price(price: Decimal) -> Decimal | None:
    """The price to the decimals that are kept. One that nobody could pay is no price; it does not cost the line."""
    if not price.is_finite() or abs(price) > ABSURD:
        return None
    rounded = round(price, PLACES)
    return price if rounded == price else rounded
