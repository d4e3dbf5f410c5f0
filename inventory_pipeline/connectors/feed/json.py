"""JSON documents and JSON lines. Numbers with decimals stay exact."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import chain, islice
from typing import Any

import msgspec

from inventory_pipeline.connectors.feed.rows import BATCH, Batch
from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.text import FeedText
from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured
from inventory_pipeline.core.stock import RejectedLine
from inventory_pipeline.core.text import one_line

# A document is in memory whole, with its objects about six times this.
DOCUMENT_LIMIT = 128 << 20

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_ABSENT = object()


def decode(text: str) -> Any:
    """Any JSON value. Lone surrogates and NaN, which msgspec refuses, are kept: what cannot be made of them costs one row
    and not a whole document. Raises ValueError for what is not JSON.
    """
    try:
        with suppress(msgspec.DecodeError, UnicodeEncodeError):
            return _decoder.decode(text)
        return json.loads(text, parse_float=Decimal)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def value_at(row: Any, path: str) -> Any:
    """The value under a key, or under a dotted path of keys; `_ABSENT` where there is none."""
    if path in row:
        return row[path]
    key, dot, rest = path.partition(".")
    inner = row.get(key)
    return value_at(inner, rest) if dot and isinstance(inner, dict) else _ABSENT


class JsonRows:
    """Objects as rows: the whole list in memory (JSON), or one a line (JSON lines)."""

    fixed = False

    def __init__(self, text: FeedText, settings: FeedSettings, *, lines: bool) -> None:
        self._text = text
        self._lines = lines
        self._rows = _lines(text) if lines else iter(_document(text, settings.items))
        self._first = list(islice(self._rows, BATCH))
        self.empty = not self._first
        rows = [row for row in self._first if isinstance(row, dict)]
        self.headings: list[str] = list(dict.fromkeys(chain.from_iterable(rows)))

    def __str__(self) -> str:
        return f"{'an object a line' if self._lines else 'a list of objects'}, {len(self.headings)} keys"

    def batches(self, wanted: Sequence[str]) -> Iterator[Batch]:
        absent = set(wanted)
        part, any_row = self._first, False
        while part:
            batch = Batch()
            for row in part:
                if isinstance(row, RejectedLine):
                    batch.rejected.append(row)
                elif not isinstance(row, dict):
                    batch.rejected.append(RejectedLine("the row is not an object", excerpt=one_line(row)))
                else:
                    values = [value_at(row, heading) for heading in wanted]
                    absent -= {heading for heading, value in zip(wanted, values, strict=True) if value is not _ABSENT}
                    batch.rows.append([None if value is _ABSENT else value for value in values])
                    any_row = True
            yield batch
            part = list(islice(self._rows, BATCH))
        if any_row and absent:
            raise StoreMisconfigured(
                f"no row has {min(absent)!r:.60}; correct the column., filter. or exclude. setting that names it"
            )


def _lines(text: FeedText) -> Iterator[Any]:
    if text.peek(100).lstrip().startswith("["):
        raise StoreMisconfigured("the feed is one JSON list, not an object a line; set format=json")
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            yield decode(line)
        except ValueError as error:
            if not line.endswith("\n"):
                raise IncompleteRead(f"line {number:,}, the last, is cut off: {one_line(error, 100)}") from None
            yield RejectedLine(f"line is not JSON: {one_line(error, 100)}", excerpt=one_line(line))


def _document(text: FeedText, path: tuple[str, ...]) -> list[Any]:
    whole = text.read(DOCUMENT_LIMIT)
    if text.read(1):
        raise StoreMisconfigured(f"the JSON document is larger than {DOCUMENT_LIMIT >> 20} MiB; have it sent as JSON lines")
    try:
        value = decode(whole)
    except ValueError as error:
        if _is_object(whole.partition("\n")[0]):
            raise StoreMisconfigured("the feed holds an object a line; set format=jsonl") from None
        raise IncompleteRead(f"the JSON document is cut off or malformed: {one_line(error, 100)}") from None
    if isinstance(value, dict) and not path:
        lists = [key for key, inner in value.items() if isinstance(inner, list)]
        raise StoreMisconfigured(
            f"the JSON document is no list (lists are at {lists!r:.100}); set items= to the path of its rows"
        )
    inner = value_at(value, ".".join(path)) if isinstance(value, dict) else value
    if not isinstance(inner, list):
        raise IncompleteRead(f"the JSON document has no list of rows at {'.'.join(path) or 'its root'!r}")
    return inner


def _is_object(text: str) -> bool:
    try:
        return isinstance(decode(text), dict)
    except ValueError:
        return False
