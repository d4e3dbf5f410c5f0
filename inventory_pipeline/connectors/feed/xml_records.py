"""XML: elements as rows, read one after another. Entities and networks are off."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple, cast

from inventory_pipeline.connectors.feed.columns import IDENTITY, STOCK, cures
from inventory_pipeline.connectors.feed.records import PART, Records, walked
from inventory_pipeline.connectors.feed.rows import Row
from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.words import plain
from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured
from inventory_pipeline.core.text import one_line

_KNOWN_LISTS = (("rss", "channel", "item"), ("feed", "entry"), ("RDF", "item"))


def xml_rows(file: IO[bytes], settings: FeedSettings) -> Records:
    """The rows of an XML document: the elements at the path `items`, else those of a known kind of feed, else the elements
    that name an id and a stock. Entities and networks are off."""
    start = file.read(PART)
    outline = _outline(start, settings)
    path = _path_of_rows(outline, settings)
    # What is repeated first is read one at a time, with all that lies in it.
    cut = next((depth for depth in range(2, len(path)) if outline.counts[path[:depth]] > 1), len(path))
    return Records(_elements(_Chained(start, file), path[:cut], path[cut:], settings), f"XML, rows at {'.'.join(path)}")


class _Chained:
    """What was read of a file already, and then the rest of it."""

    def __init__(self, start: bytes, file: IO[bytes]) -> None:
        self._start, self._file = start, file

    def read(self, size: int) -> bytes:
        start, self._start = self._start[:size], self._start[size:]
        return start or self._file.read(size)


class _Outline(NamedTuple):
    counts: Counter[tuple[str, ...]]
    names: Mapping[tuple[str, ...], set[str]]  # of an element's children and attributes, in their plain form


def _outline(start: bytes, settings: FeedSettings) -> _Outline:
    """Which elements the beginning of a document has, by path."""
    from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # it has no types; only those who read XML wait

    parser = etree.XMLPullParser(
        ("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, encoding=settings.encoding
    )
    counts: Counter[tuple[str, ...]] = Counter()
    names: dict[tuple[str, ...], set[str]] = {}
    path: list[str] = []
    try:
        parser.feed(start)
        if len(start) < PART:
            parser.close()
    except etree.XMLSyntaxError as error:
        raise IncompleteRead(f"the XML document is cut off or malformed: {one_line(error, 100)}") from None
    for event, element in parser.read_events():
        if event == "end":
            path.pop()
            continue
        path.append(_name(element))
        counts[tuple(path)] += 1
        own = names.setdefault(tuple(path), set())
        own.update(plain(name.rpartition("}")[2]) for name in element.attrib)
        names.setdefault(tuple(path[:-1]), set()).add(plain(path[-1]))
    return _Outline(counts, names)


def _path_of_rows(outline: _Outline, settings: FeedSettings) -> tuple[str, ...]:
    root = next(iter(outline.counts), ("",))[0]
    if settings.items:
        return settings.items if settings.items[0] == root else (root, *settings.items)
    for known in _KNOWN_LISTS:
        if known in outline.counts:
            return known
    rows = [path for path, names in outline.names.items() if len(path) > 1 and names & IDENTITY and names & STOCK]
    if len(rows) != 1:
        likely = rows or [path for path, count in outline.counts.items() if count > 1 and len(path) > 1]
        cure = f"set {cures('items', ['.'.join(path[1:]) for path in likely[:5]])}" if likely else "set items= to their path"
        raise StoreMisconfigured(f"which elements of the XML document are its rows is not clear; {cure}")
    return rows[0]


def _elements(file: _Chained, unit: tuple[str, ...], inner: Sequence[str], settings: FeedSettings) -> Iterator[Row]:
    from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

    numbers = iter(range(1, 1 << 62))
    path: list[str] = []
    found = False
    try:
        for event, element in etree.iterparse(
            cast(Any, file),
            events=("start", "end"),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
            encoding=settings.encoding,
        ):
            if event == "start":
                path.append(_name(element))
                continue
            if tuple(path) == unit:
                found = True
                yield from walked([_as_record(element)], inner, (), numbers)
                element.clear(keep_tail=False)
                while element.getprevious() is not None:
                    del element.getparent()[0]
            path.pop()
    except etree.XMLSyntaxError as error:
        raise IncompleteRead(f"the XML document is cut off or malformed: {one_line(error, 100)}") from None
    if not found:
        raise IncompleteRead(f"the XML document has no element at {'.'.join(unit)}")


def _name(element: Any) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _text(element: Any) -> str:
    return "".join(element.itertext())


def _as_record(element: Any) -> dict[str, Any]:
    """An element as an object: its attributes and children by name, and its own text where it has one."""
    record: dict[str, Any] = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    for child in element:
        name = _name(child)
        if not name:  # an entity, which is never expanded
            continue
        value = _as_record(child) if child.attrib or any(isinstance(inner.tag, str) for inner in child) else _text(child)
        if name in record:
            held = record[name]
            record[name] = [*held, value] if isinstance(held, list) else [held, value]
        else:
            record[name] = value
    if text := (element.text or "").strip():
        record["(text)"] = text
    return record
