"""Rows of a feed, whatever holds them: each with where it stands, and its cells by column."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from inventory_pipeline.connectors.feed.columns import Heading, Key, is_heading_row
from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.core.errors import IncompleteRead, Quarantined
from inventory_pipeline.core.text import one_line

HEAD = 30  # so many rows are searched for the headings


class Row(NamedTuple):
    """`number` is its line in a file, its row in a sheet, its place in a list. `raw` are the lines it goes over where these
    are several. `fault` says why its cells are not to be had."""

    number: int
    cells: Any
    raw: tuple[str, ...] = ()
    fault: str = ""


class Rows(Protocol):
    """An opened feed, read once. `fixed` is False where later rows may have other columns (JSON). `described` says what it
    is, for a person. `above` are the rows over the headings, which stand in the row `heading_line`."""

    @property
    def headings(self) -> Sequence[Heading]: ...
    @property
    def above(self) -> Sequence[Row]: ...

    fixed: bool
    described: str
    heading_line: int

    def rows(self) -> Iterator[Row]:
        """All rows below the headings, once. Raises IncompleteRead where the end is missing."""
        ...

    def pick(self, row: Row, keys: Sequence[Key]) -> list[object]:
        """A row's cells at these places; None where it has none."""
        ...


def doubt(what: str, cure: str) -> Quarantined:
    """The Quarantined error for a file that can be read in two ways: a person must say which; reading again changes nothing."""
    return Quarantined(f"quarantined: {what}; the last good snapshot stays; {cure}")


class Table:
    """A table out of a text or a workbook: its headings are the first row that names an id and a stock.

    A row with fewer cells than headings is read as if it had no cells there; one with more is told by `overlong`.
    """

    fixed = True

    def __init__(self, rows: Iterator[Row], described: str, settings: FeedSettings) -> None:
        self._rows = rows
        self._head = list(islice(rows, HEAD)) if settings.header_row is None else []
        self.above: list[Row] = []
        self.heading_line = 0
        cells = self._find_headings(settings)
        sample: Sequence[object] = next((row.cells for row in self._head if any(map(_filled, row.cells))), ())
        self.headings = [
            Heading(place, one_line(cell, 200) if "\n" not in str(cell) else str(cell).strip(), _text_at(sample, place))
            for place, cell in enumerate(cells)
        ]
        self.width = len(self.headings)
        self.described = f"{described}, {self.width} headings"

    def _find_headings(self, settings: FeedSettings) -> Sequence[object]:
        """The headings' cells; what stands above is kept apart, and the rows below are still to come."""
        if settings.header_row is not None:
            while not self._head or self._head[-1].number < settings.header_row:
                row = next(self._rows, None)
                if row is None:
                    break
                self._head.append(row)
        if not any(map(_filled, (cell for row in self._head for cell in row.cells))):
            raise IncompleteRead("the feed has no heading line")
        if settings.header_row == 0:
            return [f"#{number}" for number in range(1, max(len(row.cells) for row in self._head) + 1)]
        at = self._heading_at(settings)
        row = self._head[at]
        self.above, self._head, self.heading_line = self._head[:at], self._head[at + 1 :], row.number
        if settings.header_row is not None and not self._head and (below := next(self._rows, None)):
            self._head = [below]
        cells = list(row.cells)
        return cells if row.fault == "" else self._refuse(row)

    def _heading_at(self, settings: FeedSettings) -> int:
        if settings.header_row is not None:
            return len(self._head) - 1
        scores = [is_heading_row(row.cells, settings) for row in self._head]
        best = max(scores)
        return scores.index(best) if best else next(at for at, row in enumerate(self._head) if any(map(_filled, row.cells)))

    def _refuse(self, row: Row) -> Sequence[object]:
        raise IncompleteRead(f"the heading line cannot be split into cells ({row.fault})")

    def rows(self) -> Iterator[Row]:
        yield from self._head
        self._head = []
        yield from self._rows

    def pick(self, row: Row, keys: Sequence[Key]) -> list[object]:
        cells = row.cells
        try:
            return list(itemgetter(*keys)(cells)) if len(keys) > 1 else [cells[keys[0]]]
        except IndexError:
            return [cells[key] if isinstance(key, int) and key < len(cells) else None for key in keys]

    def overlong(self, row: Row) -> bool:
        return len(row.cells) > self.width and any(map(_filled, row.cells[self.width :]))


def _filled(cell: object) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _text_at(cells: Sequence[object], place: int) -> str:
    return one_line(cells[place], 40) if place < len(cells) and _filled(cells[place]) else ""


def shown_row(cells: Any, limit: int = 120) -> str:
    """A row for a person, on one line."""
    values = cells.values() if isinstance(cells, Mapping) else cells
    return one_line(", ".join("" if value is None else str(value) for value in values), limit)
