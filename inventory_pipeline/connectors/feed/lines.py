"""Rows become stock lines. Pure: cells and settings in, pages out."""

from collections import Counter
from contextlib import suppress
from decimal import Decimal

from inventory_pipeline.connectors.feed.columns import Columns
from inventory_pipeline.connectors.feed.parents import Parents
from inventory_pipeline.connectors.feed.rows import Batch, Row
from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.words import EMPTY, folded
from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Number, Quantity
from inventory_pipeline.core.stock import DEFAULT_LOCATION, Page, RejectedLine, Status, StockLine
from inventory_pipeline.core.text import REPLACEMENT, one_line

_WHOLE = 10**18  # up to here a JSON number with an empty fraction (5.0) is the id 5


class LineParser:
    """Parses the batches of one read, in order; `rest` gives what had to wait for a later row."""

    def __init__(self, columns: Columns, settings: FeedSettings) -> None:
        place = columns.wanted.index
        self._settings = settings
        self._identity = columns.identity
        self._identity_first = columns.identity_first
        self._places = {field: place(heading) for field, heading in columns.headings.items()}
        self._rules = [(place(heading), rule) for heading, rule in zip(columns.ruled, settings.rules, strict=True)]
        self._parents = Parents()

    def page(self, batch: Batch) -> Page:
        lines: list[StockLine] = []
        rejected = [*batch.rejected, *map(self._overlong, batch.overlong)]
        excluded: Counter[str] = Counter()
        for row in batch.rows:
            reason = self._why_excluded(row)
            if reason is not None:
                excluded[reason] += 1
                continue
            item_id: str | None = None
            location_id: str | None = None
            try:
                item_id = self._item_id(row)
                location_id = self._text(row, "location") or DEFAULT_LOCATION
                line = self._line(row, item_id, location_id)
            except LineRejected as error:
                rejected.append(RejectedLine(str(error), item_id, location_id, one_line(self._shown(row))))
                continue
            if line is not None:
                lines.append(line)
        return Page(lines, rejected, excluded)

    def rest(self) -> Page:
        return self._parents.rest()

    def _overlong(self, row: Row) -> RejectedLine:
        """Cells before the stray mark stand right, and only the first is sure to be one."""
        reason = "the row has more cells than there are headings: a delimiter or a quotation mark in it is not quoted"
        known = (self._text(row, self._identity), DEFAULT_LOCATION) if self._identity_first else (None, None)
        return RejectedLine(reason, *known, excerpt=one_line(self._shown(row)))

    def _why_excluded(self, row: Row) -> str | None:
        if all(folded(value) == EMPTY for value in row):
            return "empty row"
        for place, rule in self._rules:
            reason = rule.excludes(row[place])
            if reason is not None:
                if self._settings.parent:
                    with suppress(LineRejected):  # then nothing can draw on it, which its children's rejection says
                        self._parents.remember(self._item_id(row), self._text(row, "sku"), self._quantity(row))
                return reason
        return None

    def _line(self, row: Row, item_id: str, location_id: str) -> StockLine | None:
        text = self._text
        parent = text(row, "parent")
        draws = folded(self._cell(row, "available")) in self._settings.parent
        line = StockLine(
            item_id=item_id,
            location_id=location_id,
            product_id=text(row, "product_id") or parent,
            sku=text(row, "sku"),
            title=text(row, "title") or "",
            status=self._status(row),
            quantity=UNKNOWN if draws else self._quantity(row),
            on_hand=self._number(row, "on_hand"),
            committed=self._number(row, "committed"),
            incoming=self._number(row, "incoming"),
            sellable=self._truth(row, "sellable"),
            oversell_allowed=self._truth(row, "oversell"),
            location=text(row, "location_name"),
            barcode=text(row, "barcode"),
            price=self._price(row),
            currency=text(row, "currency") or self._settings.currency,
        )
        if not draws:
            return line
        if parent is None:
            raise LineRejected("its stock is that of its parent, and no column names the parent")
        return self._parents.draw(line, parent)

    def _item_id(self, row: Row) -> str:
        """The id alone, without a fallback to the SKU: an id that comes and goes would make two lines of one."""
        item_id = self._text(row, self._identity)
        if item_id is None:
            raise LineRejected(f"the row has no {self._identity}")
        if REPLACEMENT in item_id:
            raise LineRejected(f"{self._identity} {item_id!r:.60} holds characters that cannot be read")
        return item_id

    def _quantity(self, row: Row) -> Quantity:
        cell = self._cell(row, "available")
        word = folded(cell)
        if word in self._settings.untracked and "available" in self._places:
            return UNTRACKED
        if word in self._settings.unknown:
            return UNKNOWN
        return Quantity.of(self._settings.numbers.read(cell, "available"))

    def _number(self, row: Row, field: str) -> Number | None:
        cell = self._cell(row, field)
        return None if folded(cell) in self._settings.unknown else self._settings.numbers.read(cell, field)

    def _price(self, row: Row) -> Decimal | None:
        """A price that cannot be read is no reason to doubt the stock beside it."""
        with suppress(LineRejected):
            number = self._number(row, "price")
            return None if number is None else Decimal(number)
        return None

    def _truth(self, row: Row, field: str) -> bool | None:
        return self._settings.truth.get(folded(self._cell(row, field)))

    def _status(self, row: Row) -> Status:
        word = folded(self._cell(row, "status"))
        if word == EMPTY:
            return "active"
        status = self._settings.status.get(word)
        if status is None:
            raise LineRejected(f"status {word!r:.60} is unknown: set status.active, status.draft or status.archived")
        return status

    def _text(self, row: Row, field: str) -> str | None:
        cell = self._cell(row, field)
        if cell is None or isinstance(cell, str):
            return (cell or "").strip() or None
        if isinstance(cell, bool) or not isinstance(cell, (int, Decimal)):
            raise LineRejected(f"{field} is neither text nor a number; an inner value is named by its path, as title.en")
        if isinstance(cell, Decimal) and abs(cell) < _WHOLE and cell == int(cell):
            return str(int(cell))
        return str(cell)

    def _cell(self, row: Row, field: str) -> object:
        place = self._places.get(field)
        return None if place is None else row[place]

    def _shown(self, row: Row) -> str:
        return ", ".join(f"{field}={row[place]}" for field, place in self._places.items())
