"""CSV that a spreadsheet opens without executing anything in it, and that is read back exactly.

Spreadsheets take a cell that begins with `=`, `+`, `-` or `@` for a formula, and a shop's texts come from strangers. Such a
text gets a `'` before it, as a person types one to say "this is text"; where one stands there already it gets another, so
that taking one away gives back what was written. Rules of OWASP: https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from inventory_pipeline.core.errors import UsageError

# Full-width and small forms too: spreadsheets of some languages read them as the plain ones.
_FORMULA = "=+@＝＋－＠﹢﹣﹦﹫-"
# What a spreadsheet passes over, or cuts off, before it looks for a formula: spaces, control and invisible characters, quotes.
_PASSED_OVER = "\\s\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff'\""
_IGNORED = f"(?:(?![\r\n])[{_PASSED_OVER}])*"
# A text begins a cell, and must not begin with a line break either. So does what follows a semicolon where that separates
# cells (Excel in half of Europe), and a line break there, since quotation marks hold nothing together inside such a cell.
_UNGUARDED = re.compile(rf"^(?={_IGNORED}[\r\n])|(^|[;\r\n])(?={_IGNORED}[\t{_FORMULA}])")
_GUARDED = re.compile(rf"^'(?={_IGNORED}[\r\n])|(^|[;\r\n])'(?={_IGNORED}[\t{_FORMULA}])")
_NEEDS_QUOTES = re.compile('[",;\t\r\n]')


def guard(text: str) -> str:
    """The text with a `'` before everything in it that a spreadsheet would execute."""
    return _UNGUARDED.sub(r"\1'", text)


def unguard(text: str) -> str:
    """What `guard` was given: its exact inverse."""
    return _GUARDED.sub(r"\1", text) if "'" in text else text


def write_csv(target: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, raw: bool = False) -> None:
    """Writes what `csv_lines` gives."""
    for line in csv_lines(columns, rows, raw=raw):
        target.write(line)


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, raw: bool = False) -> Iterator[str]:
    """CSV with a header row. None is an empty cell, true and false are words, numbers stay numbers, negative ones too.

    Texts are guarded, except with `raw`.
    """
    yield ",".join(columns) + "\n"
    for row in rows:
        yield ",".join([_cell(row[column], raw) for column in columns]) + "\n"


def read_csv(source: TextIO, *, raw: bool = False) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file, the header first, each with the number of its last line; blank lines are left out.

    `source` must keep line breaks as they are (`newline=""`). Texts are taken as `write_csv` wrote them; with `raw` as they
    stand. Raises UsageError naming the line for what is no CSV.
    """
    reader = csv.reader(source, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row if raw else [unguard(cell) for cell in row]
    except csv.Error as error:
        raise UsageError(f"line {reader.line_num}: {error}") from None


def _cell(value: object, raw: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    text = value if raw else guard(value)
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text
