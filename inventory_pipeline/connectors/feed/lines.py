"""Rows become stock lines. Pure: cells and settings in, lines out."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, NamedTuple

from inventory_pipeline.connectors.feed.columns import Columns
from inventory_pipeline.connectors.feed.numbers import NumberFormat, amount_of
from inventory_pipeline.connectors.feed.settings import FeedSettings, Meaning
from inventory_pipeline.connectors.feed.words import EMPTY, folded, undisguised, visible, word_of
from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Number, Quantity
from inventory_pipeline.core.stock import DEFAULT_LOCATION, RejectedLine, Status, StockLine
from inventory_pipeline.core.text import REPLACEMENT, one_line

_LONGEST = 10**15  # a spreadsheet keeps no more digits of a number
_LOST_DIGITS = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d{2,3}")
_KNOWN_CELLS = 20_000  # how many cells' meanings are kept, since the same quantities come again and again
_IDENTIFYING = {"id", "sku", "product_id", "parent", "location", "barcode"}

Cells = Sequence[object]


class Reading(NamedTuple):
    """What a quantity's cell says. `sellable` where a word told that. `least`: it may be more."""

    quantity: Quantity
    sellable: bool | None = None
    least: bool = False


class LineParser:
    """Parses rows, whose cells stand in the order of `columns.keys`. `formats` says how each column's numbers are written.

    `notes` counts what was read in a way that a person should know of. Rows that draw on another row's stock may have to
    wait for it: `waiting` gives them at the end.
    """

    def __init__(
        self, columns: Columns, settings: FeedSettings, formats: Mapping[str, NumberFormat], *, disguised: bool = False
    ) -> None:
        places = {key: place for place, key in enumerate(columns.keys)}
        self._settings = settings
        self._formats = formats
        self._disguised = disguised
        self._identity = columns.identity
        self._places = {name: tuple(places[key] for key in column.keys) for name, column in columns.fields.items()}
        self._rules = [(tuple(places[key] for key in column.keys), rule) for rule, column in columns.rules]
        self._locations = [(column.shown, places[column.keys[0]]) for column in columns.locations]
        self._fill_by = places[columns.fill_down.keys[0]] if columns.fill_down else None
        self._filled = [place for name in ("title", "status") for place in self._places.get(name, ())]
        self._filled += [
            place for where, rule in self._rules if rule.kind != "filter" and EMPTY not in rule.values for place in where
        ]
        self._single = {name: where[0] for name, where in self._places.items() if len(where) == 1}
        self._others = self._other_fields()
        self._defaults: dict[str, Any] = {"currency": settings.currency} if settings.currency else {}
        self._tracking_rules = any(rule.kind == "untracked" for _, rule in self._rules)
        self._prices: dict[str, Decimal | None] = {}
        self._before: Cells = ()
        self._known: dict[tuple[str, str], Reading] = {}
        self._parents: dict[str, tuple[str, Quantity]] = {}
        self._waiting: list[tuple[StockLine, str, int]] = []
        self.notes: Counter[str] = Counter()

    def identity_of(self, cells: Cells) -> tuple[str, str]:
        """The row's item and location. Raises LineRejected where it has no id that can be believed."""
        return self._item_id(cells), self._location(cells)

    def excluded(self, cells: Cells) -> str | None:
        """Why the settings leave the row out, or None. The stock of an excluded row is kept: other rows may draw on it."""
        for places, rule in self._rules:
            if rule.kind == "untracked":
                continue
            reason = rule.excludes(self._joined(cells, places))
            if reason is not None:
                if self._settings.parent:
                    with suppress(LineRejected):  # then nothing can draw on it, which its children's rejection says
                        self._remember(self._item_id(cells), self._text(cells, "sku"), self._quantity(cells).quantity)
                return reason
        return None

    def filled(self, cells: list[object]) -> Cells:
        """The row, its empty cells filled from the row above where the settings say so."""
        if self._fill_by is None:
            return cells
        if self._before and cells[self._fill_by] == self._before[self._fill_by]:
            for place in self._filled:
                if folded(cells[place]) == EMPTY:
                    cells[place] = self._before[place]
        self._before = cells
        return cells

    def lines(self, cells: Cells, identity: tuple[str, str], number: int) -> list[StockLine]:
        """The lines of the row with this identity: one, or one for each location or SKU in it; none while it waits for the row
        that it draws on.

        Raises LineRejected where it cannot be read.
        """
        item_id, location = identity
        if self._locations:
            line = self._line(cells, item_id, location, Reading(UNKNOWN))
            return [
                line._replace(
                    location_id=visible(name), location=visible(name), quantity=self._amount(cells[place], name).quantity
                )
                for name, place in self._locations
            ]
        reading = self._quantity(cells)
        if reading.least:
            self.notes["read as at least (10+, >10, 2-5)"] += 1
        line = self._line(cells, item_id, location, reading)
        if self._settings.parent and folded(self._cell(cells, "available")) in self._settings.parent:
            return self._drawn(line, self._text(cells, "parent"), number)
        if self._settings.sku_separator and line.sku and self._settings.sku_separator in line.sku:
            return self._of_each_sku(line)
        return [line]

    def waiting(self) -> tuple[list[tuple[StockLine, int]], list[tuple[RejectedLine, int]]]:
        """The lines of rows that waited for the row whose stock they draw on. To be called when all rows were read."""
        waiting, self._waiting = self._waiting, []
        lines: list[tuple[StockLine, int]] = []
        rejected: list[tuple[RejectedLine, int]] = []
        for line, parent, number in waiting:
            if parent in self._parents:
                lines += ((drawn, number) for drawn in self._drawn(line, parent, number))
            else:
                reason = f"its stock is that of {parent!r:.60}, and no excluded row has this SKU or id"
                rejected.append((RejectedLine(reason, line.item_id, line.location_id, line.title), number))
        return lines, rejected

    def shown(self, cells: Cells) -> str:
        """The row's understood cells, for a person."""
        values = ((name, self._joined(cells, places)) for name, places in self._places.items())
        return one_line(", ".join(f"{name}={'' if value is None else value}" for name, value in values))

    def number_of(self, cells: Cells) -> Number | None:
        """The row's quantity, where it has one."""
        with suppress(LineRejected):
            return self._quantity(cells).quantity.value
        return None

    def _line(self, cells: Cells, item_id: str, location: str, reading: Reading) -> StockLine:
        values: dict[str, Any] = {name: read(cells, field) for name, field, read in self._others}
        if values.get("sellable") is None:
            values["sellable"] = reading.sellable
        quantity = UNTRACKED if self._tracking_rules and self._untracked(cells) else reading.quantity
        if self._defaults and not values.get("currency"):
            values |= self._defaults
        return StockLine(item_id, location, quantity=quantity, **values)

    def _other_fields(self) -> list[tuple[str, str, Callable[[Cells, str], Any]]]:
        """What a line holds beside its identity and its quantity, of the columns that there are: name, field, how it is read."""
        readers: dict[str, tuple[str, Callable[[Cells, str], Any]]] = {
            **{name: (name, self._text) for name in ("sku", "currency")},
            **{name: (name, self._number) for name in ("on_hand", "committed", "incoming")},
            "product_id": ("product_id" if "product_id" in self._places else "parent", self._product),
            "title": ("title", self._title),
            "status": ("status", self._status),
            "sellable": ("sellable", self._truth),
            "oversell_allowed": ("oversell", self._truth),
            "location": ("location_name", self._text),
            "barcode": ("barcode", self._barcode),
            "price": ("price", self._price),
        }
        return [(name, field, read) for name, (field, read) in readers.items() if field in self._places]

    # --- who it is ----------------------------------------------------------------------------------------------------

    def _item_id(self, cells: Cells) -> str:
        """The id. It never falls back to the SKU: a row whose id is missing now and then would become two lines."""
        item_id = self._text(cells, self._identity)
        if item_id is None:
            raise LineRejected(f"the row has no {self._identity}")
        if REPLACEMENT in item_id:
            raise LineRejected(f"{self._identity} {item_id!r:.60} holds characters that cannot be read")
        if _LOST_DIGITS.fullmatch(item_id):
            raise LineRejected(
                f"{self._identity} {item_id!r:.60} is a number that a spreadsheet cut short, its digits are lost; have the"
                " column exported as text"
            )
        return item_id

    def _location(self, cells: Cells) -> str:
        return (self._text(cells, "location") if "location" in self._places else None) or DEFAULT_LOCATION

    def _of_each_sku(self, line: StockLine) -> list[StockLine]:
        """One line for each SKU in the cell. They share one number, so that each is unknown, unless the number is zero."""
        skus = [sku for sku in map(visible, (line.sku or "").split(self._settings.sku_separator)) if sku]
        if len(skus) < 2:
            return [line._replace(sku=skus[0] if skus else None)]
        none_left = line.quantity.state == "tracked" and line.quantity.value == 0
        self.notes["SKUs that share one number, so that the count of each is not known"] += 0 if none_left else len(skus)
        quantity, sellable = (line.quantity, line.sellable) if none_left else (UNKNOWN, line.quantity.state == "tracked" or None)
        return [line._replace(item_id=f"{line.item_id}/{sku}", sku=sku, quantity=quantity, sellable=sellable) for sku in skus]

    # --- how much there is --------------------------------------------------------------------------------------------

    def _untracked(self, cells: Cells) -> bool:
        return any(rule.kind == "untracked" and folded(self._joined(cells, at)) in rule.values for at, rule in self._rules)

    def _quantity(self, cells: Cells) -> Reading:
        if "available" in self._places:
            return self._amount(self._cell(cells, "available"), "available")
        if self._locations or "sellable" not in self._places:
            return Reading(UNKNOWN)
        return self._availability(self._cell(cells, "sellable"))

    def _availability(self, cell: object) -> Reading:
        """The quantity in a feed without numbers: zero where the item is sold out, else unknown or what the settings give."""
        word = word_of(cell)
        meaning = self._settings.words.get(word)
        if meaning is not None:
            return Reading(meaning.quantity, meaning.sellable)
        truth = self._settings.truth.get(word)
        return Reading(Quantity.of(0) if truth is False else UNKNOWN, truth)

    def _amount(self, cell: object, name: str) -> Reading:
        if not isinstance(cell, str):
            return self._read_amount(cell, name)
        known = self._known.get((name, cell))
        if known is None:
            known = self._read_amount(cell, name)
            if len(self._known) < _KNOWN_CELLS:
                self._known[name, cell] = known
        return known

    def _read_amount(self, cell: object, name: str) -> Reading:
        text = self._plain(cell) if isinstance(cell, str) else cell
        word = folded(text)
        if word in self._settings.untracked:
            return Reading(UNTRACKED)
        if word in self._settings.unknown or word in self._settings.parent:
            return Reading(UNKNOWN)
        meaning: Meaning | None = self._settings.words.get(word.replace("_", " "))
        if meaning is not None:
            return Reading(meaning.quantity, meaning.sellable)
        number, least = self._read_number(text, name)
        if least and not self._settings.open_numbers:
            return Reading(UNKNOWN, sellable=True)
        return Reading(Quantity.of(number), least=least)

    def _number(self, cells: Cells, name: str) -> Number | None:
        reading = self._amount(self._cell(cells, name), name)
        return reading.quantity.value

    def _read_number(self, cell: object, name: str) -> tuple[Number, bool]:
        numbers = self._formats.get(name) or NumberFormat()
        if isinstance(cell, str):
            amount = amount_of(cell, numbers, name)
            return amount.number, amount.least
        return numbers.read(cell, name), False

    def _remember(self, item_id: str, sku: str | None, quantity: Quantity) -> None:
        """Rows are named by SKU, by id, or as `id:44`; where one row's SKU is another's id, the SKU is meant."""
        for name in (item_id, f"id:{item_id}"):
            self._parents.setdefault(name, (item_id, quantity))
        if sku:
            self._parents[sku] = (item_id, quantity)

    def _drawn(self, line: StockLine, parent: str | None, number: int) -> list[StockLine]:
        """The line with its parent's stock. Only an excluded row can be a parent: a line would be counted beside its pool."""
        if parent is None:
            raise LineRejected("its stock is that of its parent, and no column names the parent")
        if parent not in self._parents:
            self._waiting.append((line, parent, number))
            return []
        item_id, quantity = self._parents[parent]
        pool = item_id if quantity.state == "tracked" else None
        return [line._replace(quantity=quantity, shared_pool=pool)]

    # --- what else it says --------------------------------------------------------------------------------------------

    def _price(self, cells: Cells, name: str) -> Decimal | None:
        """A price that cannot be read, or can be read two ways, is no reason to doubt the stock beside it."""
        cell = self._cell(cells, name)
        if not isinstance(cell, str):
            return None if cell is None else self._read_price(cell)
        if name not in self._formats:
            return None
        if cell not in self._prices:
            if len(self._prices) >= _KNOWN_CELLS:
                self._prices.clear()
            self._prices[cell] = self._read_price(re.sub(r"^[^\d.,+-]{1,4}|\s*[^\d.,]{1,4}$", "", visible(cell)))
        return self._prices[cell]

    def _read_price(self, cell: object) -> Decimal | None:
        with suppress(LineRejected):
            return Decimal(self._read_number(cell, "price")[0])
        return None

    def _title(self, cells: Cells, name: str) -> str:
        return self._text(cells, name) or ""

    def _product(self, cells: Cells, name: str) -> str | None:
        """The product; where a row tells none, the row that it draws on."""
        return self._text(cells, name) or self._text(cells, "parent")

    def _barcode(self, cells: Cells, name: str) -> str | None:
        barcode = self._text(cells, name)
        return None if barcode and _LOST_DIGITS.fullmatch(barcode) else barcode

    def _truth(self, cells: Cells, name: str) -> bool | None:
        return self._settings.truth.get(word_of(self._plain(self._cell(cells, name))))

    def _status(self, cells: Cells, name: str) -> Status:
        word = folded(self._plain(self._cell(cells, name)))
        if word == EMPTY:
            return "active"
        status = self._settings.status.get(word)
        if status is None:
            raise LineRejected(f"status {word!r:.60} is unknown: set status.active, status.draft or status.archived")
        return status

    def _text(self, cells: Cells, name: str) -> str | None:
        cell = self._cell(cells, name)
        if cell is None:
            return None
        if isinstance(cell, str):
            return (self._plain_text(cell) if name in _IDENTIFYING else cell.strip()) or None
        if isinstance(cell, bool) or not isinstance(cell, (int, Decimal)):
            raise LineRejected(f"{name} is neither text nor a number; an inner value is named by its path, as title.en")
        if isinstance(cell, Decimal) and abs(cell) >= _LONGEST:
            raise LineRejected(f"{name} {cell!s:.60} is a number longer than a spreadsheet keeps; have it exported as text")
        if isinstance(cell, int):
            return str(cell)
        return str(int(cell)) if cell == int(cell) else str(cell)

    def _plain(self, cell: object) -> object:
        return self._plain_text(cell) if isinstance(cell, str) else cell

    def _plain_text(self, cell: str) -> str:
        text = visible(cell)
        return visible(undisguised(text)) if self._disguised and text[:1] in ("'", "=") else text

    def _cell(self, cells: Cells, name: str) -> object:
        place = self._single.get(name)
        if place is not None:
            return cells[place]
        places = self._places.get(name)
        return None if places is None else self._joined(cells, places)

    def _joined(self, cells: Cells, places: Sequence[int]) -> object:
        if len(places) == 1:
            return cells[places[0]]
        texts = ["" if cells[place] is None else str(self._plain(cells[place])) for place in places]
        return "/".join(texts).rstrip("/") or None
