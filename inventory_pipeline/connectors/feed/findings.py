"""What one reading of a feed found, for a person; and which rows of a table are no items."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from inventory_pipeline.connectors.feed.columns import Columns, Heading
from inventory_pipeline.connectors.feed.numbers import NumberFormat
from inventory_pipeline.connectors.feed.presets import Preset
from inventory_pipeline.connectors.feed.rows import Row, Table
from inventory_pipeline.connectors.feed.words import UNITS, is_ruler, is_total, is_total_of, remark_of, visible
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.stock import StockLine

_EXAMPLES = 3
ABOVE = "above the headings"
EMPTY_ROW = "empty row"

_UNIT_ROW = UNITS | {"text", "string", "number", "integer", "int", "decimal", "float", "varchar", "required", "optional"}
_UNIT_ROW |= {"kg", "g", "m", "cm", "mm", "l", "eur", "usd", "€", "$", "quantity", "numeric"}


@dataclass(slots=True)
class Examples:
    """How often something was seen, and the first rows that showed it."""

    count: int = 0
    rows: list[str] = field(default_factory=list)

    def add(self, row: str) -> None:
        self.count += 1
        if len(self.rows) < _EXAMPLES:
            self.rows.append(row)


@dataclass(slots=True)
class Findings:
    """`left_out` are rows that are no items, by reason; `excluded` those that the settings leave out. `first` are the first
    lines with the rows that they came from."""

    described: str = ""
    preset: Preset | None = None
    columns: Columns | None = None
    present: tuple[Heading, ...] = ()
    heading_line: int = 0
    formats: dict[str, NumberFormat] = field(default_factory=dict)
    left_out: dict[str, Examples] = field(default_factory=dict)
    excluded: dict[str, Examples] = field(default_factory=dict)
    rejected: dict[str, Examples] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    units: Number = 0
    lines: int = 0
    first: list[tuple[int, StockLine]] = field(default_factory=list)

    def leave_out(self, reason: str, row: str) -> None:
        self.left_out.setdefault(reason, Examples()).add(row)

    def exclude(self, reason: str, row: str) -> None:
        self.excluded.setdefault(reason, Examples()).add(row)

    def reject(self, reason: str, row: str) -> None:
        # Reasons may name lines, so that there may be as many as rows: the first few are kept.
        if reason in self.rejected or len(self.rejected) < 100:
            self.rejected.setdefault(reason, Examples()).add(row)

    @property
    def understood(self) -> str:
        """The format that was recognised, and the column of each field."""
        known = f"{self.preset.title}; " if self.preset else ""
        numbers = "".join(f"; in {name} {form}" for name, form in self.formats.items())
        others = "".join(
            f"; {name} could also be {', '.join(column.others)}"
            for name, column in (self.columns.fields if self.columns else {}).items()
            if column.others
        )
        heading = f"; headings in line {self.heading_line:,}" if self.heading_line > 1 else ""
        return f"{known}{self.described}{heading}{f'; {self.columns}' if self.columns else ''}{others}{numbers}"

    @property
    def told(self) -> str:
        """What was left out or read in a special way, for the sync's line: empty where nothing was."""
        parts = [f"{count:,} {note}" for note, count in self.notes.items() if count]
        odd = [
            f"{reason} ({f'{rows.count:,}, ' if rows.count > 1 else ''}{rows.rows[0]})"
            for reason, rows in self.left_out.items()
            if reason not in (EMPTY_ROW, ABOVE)
        ]
        return "; ".join([*parts, *([f"left out: {', '.join(odd)}"] if odd else [])])


class Leftovers:
    """Tells the rows of a table that are no items: totals, footers, rulers, and headings that come again."""

    def __init__(self, rows: Table, columns: Columns) -> None:
        self._width = rows.width
        self._headings = [heading.text for heading in rows.headings] if rows.heading_line else None
        self.stock = [key for column in columns.stock for key in column.keys if isinstance(key, int)]
        self._first = True

    def judge(self, row: Row, cells: list[object], identity: Sequence[int], stock: Sequence[int]) -> tuple[str, str]:
        """Why the row is no item ("" where it may be one), and what it else lacks: "nameless", "short", "bare" or nothing."""
        first, self._first = self._first, False
        named = any(filled(cells[place]) for place in identity)
        stocked = any(filled(cells[place]) for place in stock)
        if named and stocked and not first:
            name = cells[identity[0]]
            if not isinstance(name, str) or not (name[:1] in "-=_*~+.#" or is_total_of(name) or self._again(row)):
                return "", ""
        texts = [text for text in (visible(str(cell)) for cell in row.cells if filled(cell)) if text]
        if not texts:
            return EMPTY_ROW, ""
        if self._again(row):
            return "the headings again", ""
        if all(map(is_ruler, texts)) and (len(texts) > 1 or not stocked):
            return "a ruler", ""
        own = [visible(str(cells[place])) for place in identity if filled(cells[place])]
        if is_total(texts[0]) and own in ([], [texts[0]]):
            return "a total", ""
        if self._width > 2 and is_total_of(texts[0]) and not any(map(_has_letters, texts[1:])):
            return "a total", ""
        if first and all(text.strip("()[]").casefold() in _UNIT_ROW for text in texts):
            return "units below the headings", ""
        if named and stocked:
            return "", ""
        ends_early = any(cells[place] is None for place in stock)
        if ((len(texts) == 1 and self._width > 1) or ends_early) and (remark := remark_of(" ".join(texts))):
            return remark, ""
        if not named:
            return ("", "nameless") if stocked else ("neither id nor stock", "")
        if ends_early:
            return "", "short"
        if len(texts) == 1 and " " in texts[0]:
            wordy = self._width > 2 and not any(mark.isdigit() for mark in texts[0])
            return ("a heading within the list", "") if wordy else ("", "bare")
        return "", ""

    def _again(self, row: Row) -> bool:
        return self._headings is not None and [str(cell).strip() for cell in row.cells] == self._headings


def _has_letters(text: str) -> bool:
    return any(mark.isalpha() for mark in text)


def filled(cell: object) -> bool:
    """Whether a cell holds anything that a person sees."""
    return cell is not None and (not isinstance(cell, str) or (cell != "" and (cell[0].isalnum() or visible(cell) != "")))
