"""CSV, TSV and their like, by the standard csv module, which knows the number of each line and reports bad quotation marks."""

import csv
import io
from collections.abc import Iterator, Sequence

from inventory_pipeline.connectors.feed.columns import is_heading_row
from inventory_pipeline.connectors.feed.rows import HEAD, Row, Table, doubt
from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.text import MAX_LINE, Text
from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured

csv.field_size_limit(MAX_LINE)  # its own, 131,072 characters, is shorter than some descriptions

_CANDIDATES = ",;\t|"
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space"}
_PEEK = 1 << 17  # characters in which the headings must be
_NEVER_CLOSES = "set quoting=none where quotation marks are ordinary characters"
_CLOSED_EARLY = "text stands behind a closing quotation mark"


class DelimitedTable(Table):
    """A text of rows, one a line or, where a quoted cell holds line breaks, several.

    `end_proved`: the transport has proved the end. Without that, a last line without its line break counts as cut off, unless
    the file has `rested` and that line has all its cells.
    """

    def __init__(self, text: Text, settings: FeedSettings, *, tabs: bool, packing: str, end_proved: bool, rested: bool) -> None:
        self._text = text
        self._quoted = settings.quoting != "none"
        self._lines_may_look_like_rows = settings.quoting == "multiline"
        self._needs_line_break = settings.final_newline and not end_proved
        self._rested = rested
        self._delimiter = settings.delimiter or self._likely_delimiter(settings, tabs)
        between = _NAMES.get(self._delimiter, repr(self._delimiter))
        kind = "TSV" if self._delimiter == "\t" else "CSV"
        packed = f", {packing}" if packing else ""
        super().__init__(self._records(), f"{kind}{packed}, {text.encoding}, {between} between cells", settings)

    def rows(self) -> Iterator[Row]:
        last: Row | None = None
        for row in super().rows():
            if row.fault and (row.fault != _CLOSED_EARLY or len(row.cells) != self.width):
                raise doubt(f"line {row.number:,} cannot be split into cells: {row.fault}", _NEVER_CLOSES)
            last = row
            yield row
        if self._needs_line_break and not self._text.ended_with_line_break:
            whole = last is not None and len(last.cells) >= self.width and bool(last.cells[self.width - 1].strip())
            if not (self._rested and whole):
                raise IncompleteRead(
                    "the last line does not end with a line break, so the file may be cut off; if its maker always writes it"
                    " so, set final_newline=optional"
                )

    def swallowed(self, row: Row, stock: Sequence[int]) -> bool:
        """Whether a row that goes over several lines may be several rows: one of its lines, taken alone, has a cell for each
        heading and a number where the stock stands. Then a quotation mark was opened that nobody meant.

        The line that closes the cell has the rest of the row, whatever it looks like; the line that opens it, all before.
        """
        if self._lines_may_look_like_rows:
            return False
        first, *middle, last = (line.rstrip("\r\n").split(self._delimiter) for line in row.raw)
        opens_at_the_end = len(first) == self.width and first[-1].startswith('"')
        lines = [*middle, last if opens_at_the_end else first]
        return any(len(cells) == self.width and any(cells[place].strip(' "')[:1].isdigit() for place in stock) for cells in lines)

    def _records(self) -> Iterator[Row]:
        raw: list[str] = []

        def lines() -> Iterator[str]:
            size = 0
            while line := self._text.line():
                size = len(line) if not raw else size + len(line)
                if size > MAX_LINE:
                    raise StoreMisconfigured(
                        f"the row that begins in line {self._text.lines - len(raw):,} is longer than {MAX_LINE >> 20} MiB:"
                        f" a quotation mark in it never closes; {_NEVER_CLOSES}"
                    )
                raw.append(line)
                yield line

        quoting = csv.QUOTE_MINIMAL if self._quoted else csv.QUOTE_NONE
        reader = csv.reader(lines(), delimiter=self._delimiter, quoting=quoting, strict=True)
        text = self._text
        while True:
            raw.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._faulty(raw, error)
                continue
            if cells:
                yield Row(text.lines - len(raw) + 1, cells, tuple(raw) if len(raw) > 1 else ())

    def _faulty(self, raw: list[str], error: csv.Error) -> Row:
        """The row of a line with bad quotation marks: its cells without the marks around them, and the fault.

        Raises IncompleteRead for a mark that never closes.
        """
        number = self._text.lines - len(raw) + 1
        if "unexpected end" in str(error):
            raise IncompleteRead(
                f"the table cannot be read to its end: a quotation mark in line {number:,} never closes; {_NEVER_CLOSES}"
            )
        if len(raw) > 1:
            return Row(number, [], tuple(raw), f"a quotation mark opens that closes only {len(raw) - 1:,} lines later")
        cells = [_unwrapped(cell) for cell in raw[0].rstrip("\r\n").split(self._delimiter)]
        return Row(number, cells, fault=_CLOSED_EARLY)

    def _likely_delimiter(self, settings: FeedSettings, tabs: bool) -> str:
        """The candidate that shows the headings, else the one that splits some row into the most cells."""
        lines = io.StringIO(self._text.peek(_PEEK), newline="").readlines()
        if lines and lines[0][:4].lower() == "sep=" and len(lines[0]) > 4:  # how Excel is told
            self._text.line()
            return lines[0][4]
        if tabs:
            return "\t"
        scores: dict[str, tuple[int, int]] = {}
        fault = ""
        for candidate in _CANDIDATES:
            try:
                scores[candidate] = self._score(lines, candidate, settings)
            except csv.Error as error:
                fault = str(error)
        best = max(scores.values(), default=(0, 0))
        if best[1] < 2 and fault:
            raise IncompleteRead(f"the heading line cannot be split into cells ({fault})")
        likely = [candidate for candidate, score in scores.items() if score == best]
        if best[1] > 1 and len(likely) > 1:
            raise StoreMisconfigured(f"cells could be split by {' or '.join(_NAMES[name] for name in likely)}; set delimiter=")
        return likely[0]

    def _score(self, lines: Sequence[str], delimiter: str, settings: FeedSettings) -> tuple[int, int]:
        quoting = csv.QUOTE_MINIMAL if self._quoted else csv.QUOTE_NONE
        reader = csv.reader(iter(lines), delimiter=delimiter, quoting=quoting, strict=True)
        best, width, rows = 0, 0, 0
        while rows < HEAD:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error:
                if not rows:
                    raise
                cells = []
            rows += 1
            width = max(width, len(cells))
            best = max(best, is_heading_row(cells, settings) if len(cells) > 1 else 0)
        return best if best > 1 else 0, width


def _unwrapped(cell: str) -> str:
    """The cell without the marks around it, where it stands between two."""
    return cell[1:-1] if len(cell) > 2 and cell[0] == cell[-1] == '"' else cell
