"""CSV and TSV through pandas: its C parser, texts only, in chunks."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Literal, cast

from inventory_pipeline.connectors.feed.rows import BATCH, Batch
from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.text import FeedText
from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured
from inventory_pipeline.core.text import one_line

HEADING_LIMIT = 1 << 17  # characters; also the longest cell that the csv module takes
_CANDIDATES = ",;\t|"
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space"}


class TableRows:
    """A table with a heading line.

    A row with fewer cells than headings is read as if the rest were empty: Excel leaves out empty cells at a row's end.
    A row with more is rejected, since its cells are shifted. `end_proved` says that the transport has proved the end;
    without that, a last line without its line break counts as cut off.
    """

    fixed = True
    empty = False  # a heading is there, or reading it failed

    def __init__(self, text: FeedText, settings: FeedSettings, *, tabs: bool, end_proved: bool) -> None:
        self._text = text
        self._quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if settings.quoted else csv.QUOTE_NONE
        self._needs_line_break = settings.final_newline and not end_proved
        self._delimiter = settings.delimiter or ("\t" if tabs else self._likely_delimiter())
        self.headings = self._read_headings()

    def __str__(self) -> str:
        between = _NAMES.get(self._delimiter, repr(self._delimiter))
        return f"{between} between cells, {len(self.headings)} headings"

    def batches(self, wanted: Sequence[str]) -> Iterator[Batch]:
        import pandas as pd  # costs half a second, which only those who read a table shall pay

        width = len(self.headings)
        names = [str(number) for number in range(width + 2)]  # two more, where the cells of overlong rows show
        # pandas takes the first line for the width, and cuts overlong rows instead of refusing the file only where told
        # which columns to use.
        self._text.put_back(self._delimiter.join(names) + "\n")
        used = [names[self.headings.index(heading)] for heading in wanted] + names[width:]
        try:
            chunks = pd.read_csv(
                cast(Any, self._text),  # it reads and iterates, which is all that pandas asks
                sep=self._delimiter,
                quoting=self._quoting,
                usecols=used,
                dtype=str,
                na_filter=False,  # so NA, null and nan are words, and nothing is ever NaN
                index_col=False,
                chunksize=BATCH,
                engine="c",
            )
            with chunks:
                for chunk in chunks:
                    yield _batch(chunk[used].to_numpy(dtype=object).tolist())
        except pd.errors.ParserError as error:
            raise IncompleteRead(f"the table cannot be read to its end: {one_line(error, 120)}") from None
        if self._needs_line_break and not self._text.ended_with_line_break:
            raise IncompleteRead(
                "the last line does not end with a line break, so the file may be cut off; if its maker always writes it so,"
                " set final_newline=optional"
            )

    def _likely_delimiter(self) -> str:
        """The candidate that splits the heading line into the most cells."""
        said = self._text.peek(6).lower()
        if said.startswith("sep=") and len(said) > 4:  # how Excel is told
            return said[4]
        widths: dict[str, int] = {}
        for candidate in _CANDIDATES:
            with suppress(IncompleteRead):
                widths[candidate] = len(self._split_heading(candidate)[0])
        best = max(widths.values(), default=0)
        if best < 2 and len(widths) < len(_CANDIDATES):
            return next(candidate for candidate in _CANDIDATES if candidate not in widths)  # whose fault is then raised
        likely = [candidate for candidate, width in widths.items() if width == best]
        if best > 1 and len(likely) > 1:
            raise StoreMisconfigured(f"cells could be split by {' or '.join(_NAMES[name] for name in likely)}; set delimiter=")
        return likely[0]

    def _read_headings(self) -> list[str]:
        headings, length = self._split_heading(self._delimiter)
        self._text.read(length)
        return [heading.strip() for heading in headings]

    def _split_heading(self, delimiter: str) -> tuple[list[str], int]:
        """The first row that is not empty, and how many characters it takes with what stands before it."""
        head = io.StringIO(self._text.peek(HEADING_LIMIT), newline="")
        if self._text.peek(4).lower() == "sep=":
            head.readline()
        try:
            for row in csv.reader(head, delimiter=delimiter, quoting=self._quoting, strict=True):
                if any(cell.strip() for cell in row):
                    return row, head.tell()
        except csv.Error as error:
            raise IncompleteRead(f"the heading line cannot be split into cells ({error})") from None
        raise IncompleteRead("the feed has no heading line")


def _batch(cells: list[list[str]]) -> Batch:
    """The last two cells of each row are those beyond its headings, where an empty one (a delimiter at the end) is harmless."""
    batch = Batch()
    for row in cells:
        (batch.overlong if row[-2] or row[-1] else batch.rows).append(row[:-2])
    return batch
