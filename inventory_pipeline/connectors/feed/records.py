"""JSON documents and JSON lines: rows are objects, read one after another and never all at once."""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain, islice
from typing import Any

import msgspec

from inventory_pipeline.connectors.feed.columns import UP, Heading, Key, cures
from inventory_pipeline.connectors.feed.rows import Row
from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.text import MAX_LINE, Text
from inventory_pipeline.connectors.feed.words import HEADINGS, KEY, plain
from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured
from inventory_pipeline.core.text import one_line

_HEAD = 1000  # rows whose keys are looked at for the headings
PART = 1 << 18
_decoder = msgspec.json.Decoder(float_hook=Decimal)
# NaN and Infinity stay words, which are no numbers.
_value = json.JSONDecoder(parse_float=Decimal, parse_constant=str)
_ABSENT = object()
_SPACE = " \t\r\n"


class Records:
    """JSON objects as rows. A row's `cells` are the object, the objects that it lies in, and its key in a map."""

    fixed = False
    above: Sequence[Row] = ()
    heading_line = 0

    def __init__(self, rows: Iterator[Row], described: str) -> None:
        self._rows = rows
        self._head = list(islice(rows, _HEAD))
        self._absent: set[str] | None = None
        found: dict[str, str] = {}
        for row in self._head:
            if not row.fault:
                for name, value in _fields(row):
                    if not found.get(name):
                        found[name] = "" if isinstance(value, dict | list) or value is None else one_line(value, 40)
        self.empty = not self._head
        self.headings = [Heading(name, name, sample) for name, sample in found.items()]
        own = sum(not name.startswith(UP) for name in found)
        self.described = f"{described}, {own} keys"

    def rows(self) -> Iterator[Row]:
        any_row = False
        for row in chain(self._head, self._rows):
            any_row = any_row or not row.fault
            yield row
        if any_row and self._absent:
            raise StoreMisconfigured(
                f"no row has {min(self._absent)!r:.60}; correct the column., filter. or exclude. setting that names it"
            )

    def pick(self, row: Row, keys: Sequence[Key]) -> list[object]:
        if self._absent is None:
            self._absent = {str(key) for key in keys}
        values = [_value_of(row, str(key)) for key in keys]
        if self._absent:
            self._absent -= {str(key) for key, value in zip(keys, values, strict=True) if value is not _ABSENT}
        return [None if value is _ABSENT else value for value in values]


def _fields(row: Row) -> Iterator[tuple[str, Any]]:
    """The names under which a row's values are found, with the values; those of the objects around it begin with `..`."""
    record, parents, key = row.cells
    if key is not None:
        yield KEY, key
    for name, value in record.items():
        yield name, value
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", inner_value) for inner, inner_value in value.items())
    for parent in reversed(parents):
        yield from ((UP + name, value) for name, value in parent.items() if not isinstance(value, dict | list))


def _value_of(row: Row, path: str) -> Any:
    """A row's value at a path; `..title` is the title of the nearest object around it that has one."""
    record, parents, key = row.cells
    if path == KEY:
        return key
    if not path.startswith(UP):
        return _at(record, path)
    return next((value for parent in reversed(parents) if (value := _at(parent, path.lstrip("./"))) is not _ABSENT), _ABSENT)


def _at(record: Any, path: str) -> Any:
    """The value under a key, or under a dotted path of keys; `_ABSENT` where there is none."""
    if path in record:
        return record[path]
    name, dot, rest = path.partition(".")
    inner = record.get(name)
    return _at(inner, rest) if dot and isinstance(inner, dict) else _ABSENT


def walked(value: Any, path: Sequence[str], parents: tuple[Any, ...], number: Iterator[int]) -> Iterator[Row]:
    """The rows at `path` below a value; lists on the way are walked, and a map at its end is a list with keys."""
    if isinstance(value, list):
        for inner in value:
            if path and not isinstance(inner, dict):
                yield Row(next(number), inner, fault="the row is not an object")
            else:
                yield from walked(inner, path, parents, number) if path else (_row(inner, parents, None, number),)
    elif path:
        inner = value.get(path[0], _ABSENT) if isinstance(value, dict) else _ABSENT
        if inner is not _ABSENT:
            last = len(path) == 1
            if last and isinstance(inner, dict) and inner and all(isinstance(row, dict) for row in inner.values()):
                yield from (_row(row, (*parents, value), key, number) for key, row in inner.items())
            elif last and isinstance(inner, dict):
                yield _row(inner, (*parents, value), None, number)
            else:
                yield from walked(inner, path[1:], (*parents, value), number)
    else:
        yield _row(value, parents, None, number)


def _row(record: Any, parents: tuple[Any, ...], key: str | None, number: Iterator[int]) -> Row:
    if isinstance(record, dict):
        return Row(next(number), (record, parents, key))
    return Row(next(number), record, fault="the row is not an object")


def decode(text: str) -> Any:
    """Any JSON value. Lone surrogates and NaN, which msgspec refuses, are kept: what cannot be made of them costs one row
    and not a whole document. Raises ValueError for what is not JSON."""
    try:
        try:
            return _decoder.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return _value.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def json_rows(text: Text, settings: FeedSettings, *, lines: bool) -> Records:
    """The rows of a JSON text. It is one document, or an object a line where `lines` says so or two lines show it."""
    start = text.peek(PART)
    if settings.format == "jsonl" or (settings.format != "json" and _is_json_lines(start, lines)):
        if start.lstrip(_SPACE).startswith("["):
            raise StoreMisconfigured("the feed is one JSON list, not an object a line; set format=json")
        return Records(_lines(text), f"JSONL, {text.encoding}, an object a line")
    return Records(_Document(text).rows(settings.items), f"JSON, {text.encoding}, a list of objects")


def _is_json_lines(start: str, said: bool) -> bool:
    first = [line for line in start.splitlines() if line.strip()][:2]
    if said or not first:
        return not start.lstrip(_SPACE).startswith("[")
    try:
        return len(first) > 1 and isinstance(decode(first[0]), dict) and first[1].lstrip().startswith("{")
    except ValueError:
        return False


def _lines(text: Text) -> Iterator[Row]:
    understood = False
    while line := text.line():
        if not line.strip():
            continue
        try:
            value = decode(line)
        except ValueError as error:
            if not line.endswith("\n"):
                raise IncompleteRead(f"line {text.lines:,}, the last, is cut off: {one_line(error, 100)}") from None
            if not understood:
                raise StoreMisconfigured(
                    f"line {text.lines:,} is not JSON: {one_line(error, 100)}; correct the address or format="
                ) from None
            yield Row(text.lines, line, fault=f"line is not JSON: {one_line(error, 100)}")
            continue
        understood = True
        yield _row(value, (), None, iter((text.lines,)))


class _Document:
    """One JSON document, read value by value: no more of it is in memory than the row at hand."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._buffer = ""
        self._at = 0
        self._ended = False
        self._number = iter(range(1, 1 << 62))

    def rows(self, path: Sequence[str]) -> Iterator[Row]:
        try:
            found = yield from self._rows_at(path, ())
            if self._next() != "":
                raise ValueError("something stands behind its end")
        except RecursionError:
            raise IncompleteRead("the JSON document is cut off or malformed: nested too deeply") from None
        except ValueError as error:
            raise IncompleteRead(f"the JSON document is cut off or malformed: {one_line(error, 100)}") from None
        if not found:
            raise IncompleteRead(f"the JSON document has no list of rows at {'.'.join(path) or 'its root'!r}")

    def _rows_at(self, path: Sequence[str], parents: tuple[Any, ...]) -> Iterator[Row]:
        """Yields the rows at a path below the value that comes next; returns whether there was anything at it."""
        mark = self._next()
        if mark == "[":
            yield from self._items(path, parents)
            return True
        if mark != "{":
            self._take_value()
            return False
        if not path:
            return (yield from self._map(parents, asked=bool(parents)))
        found = False
        scalars: dict[str, Any] = {}
        for name in self._names():
            if name == path[0]:
                found = (yield from self._rows_at(path[1:], (*parents, scalars))) or found
            elif self._next() in "[{":
                self._skip()
            else:
                scalars[name] = self._take_value()
        return found

    def _items(self, path: Sequence[str], parents: tuple[Any, ...]) -> Iterator[Row]:
        self._at += 1
        if self._next() == "]":
            self._at += 1
            return
        while True:
            yield from walked([self._take_value()], path, parents, self._number)
            mark = self._next()
            self._at += 1
            if mark == "]":
                return
            if mark != ",":
                raise ValueError("a comma is missing between two values")

    def _map(self, parents: tuple[Any, ...], *, asked: bool) -> Iterator[Row]:
        """An object whose values are rows, by their keys. Any other object is no list, and its lists are named, unless the
        settings `asked` for what stands here."""
        lists: list[str] = []
        rows = 0
        for name in self._names():
            mark = self._next()
            if mark == "{" and not lists:
                value = self._take_value()
                if not rows and not asked and not _is_row(value):
                    lists += [f"{name}.{inner}" for inner, deep in value.items() if isinstance(deep, list)] or [name]
                    continue
                rows += 1
                yield _row(value, parents, name, self._number)
            elif rows:
                yield Row(next(self._number), self._take_value(), fault="the row is not an object")
            elif mark == "[":
                lists += _nested(name, self._first_of_list())
            else:
                self._skip()
        if rows or asked:
            return rows > 0
        if self._next() == "{":
            raise StoreMisconfigured("the feed holds an object a line; set format=jsonl")
        raise StoreMisconfigured(f"the JSON document is no list (lists are at {lists!r:.200}); {_items(lists)}")

    def _first_of_list(self) -> Any:
        """The first value of the list that comes next, which is passed over."""
        self._at += 1
        if self._next() == "]":
            self._at += 1
            return None
        first = self._take_value()
        self._skip(depth=1)
        return first

    def _names(self) -> Iterator[str]:
        """The keys of the object that comes next; whoever iterates takes each one's value."""
        self._at += 1
        if self._next() == "}":
            self._at += 1
            return
        while True:
            if self._next() != '"':
                raise ValueError("a key is missing")
            name = self._take_value()
            if self._next() != ":":
                raise ValueError("a colon is missing behind a key")
            self._at += 1
            yield name
            mark = self._next()
            self._at += 1
            if mark == "}":
                return
            if mark != ",":
                raise ValueError("a comma is missing between two values")

    def _next(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in _SPACE and self._buffer[self._at] != "\ufeff":
                    return self._buffer[self._at]
                self._at += 1
            if not self._more():
                return ""

    def _more(self) -> bool:
        part = "" if self._ended else self._text.part(PART)
        self._ended = self._ended or not part
        self._buffer = self._buffer[self._at :] + part
        self._at = 0
        return bool(part)

    def _take_value(self) -> Any:
        """The next value, whole."""
        if self._next() == "":
            raise ValueError("it ends where a value should be")
        while True:
            try:
                value, end = _value.raw_decode(self._buffer, self._at)
                if end < len(self._buffer) or self._ended:
                    self._at = end
                    return value
            except json.JSONDecodeError:
                if self._ended:
                    raise
            size = len(self._buffer) - self._at
            if size > MAX_LINE:
                raise StoreMisconfigured(
                    f"one value of the JSON document is longer than {MAX_LINE >> 20} MiB; set items= to the list of rows in it"
                )
            # Twice as much each time: a long value is not looked at once for every part.
            while len(self._buffer) - self._at < 2 * size and self._more():
                pass
            if len(self._buffer) - self._at <= size:
                self._ended = True

    def _skip(self, depth: int = 0) -> None:
        """Passes over the next value, or over the rest of what is open; it may be longer than memory."""
        while True:
            mark = self._next()
            if mark == "":
                raise ValueError("it ends within a list or an object")
            if mark in "[{":
                depth += 1
                self._at += 1
            elif mark in "]}":
                depth -= 1
                self._at += 1
            elif mark in ",:":
                self._at += 1
                continue
            else:
                self._take_value()
            if depth == 0:
                return


def _is_row(value: Mapping[str, Any]) -> bool:
    """Whether an object of a map looks like an item: it names a stock."""
    names = {plain(name) for name in value}
    return not names.isdisjoint(HEADINGS["available"].split() + HEADINGS["sellable"].split())


def _items(lists: Sequence[str]) -> str:
    return f"set {cures('items', lists)}" if lists else "set items= to the path of its rows"


def _nested(name: str, first: Any) -> list[str]:
    """A list's path, and those of the lists in its first object."""
    if not isinstance(first, dict):
        return [name]
    return [name, *(f"{name}.{inner}" for inner, value in first.items() if isinstance(value, list) and value)]
