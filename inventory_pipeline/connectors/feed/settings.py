"""The settings of a feed: which columns mean what, and how its cells are written."""

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inventory_pipeline.connectors.feed.numbers import NumberFormat
from inventory_pipeline.connectors.feed.words import ACTIVE, ARCHIVED, DRAFT, EMPTY, FIELDS, NO, YES, Rule, folded
from inventory_pipeline.connectors.store_settings import COMMON_SETTINGS, check_names, choice, number
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stock import Status

SETTINGS: Mapping[str, str] = {
    "format": "csv, tsv, json or jsonl (auto: by the name's ending, else by the content type); each may be gzipped",
    "column.FIELD": f"the heading or JSON path of a field: {', '.join(FIELDS)}; empty for none (common headings are found)",
    "encoding": "such as cp1252, where the file is neither UTF-8 nor begins with a byte-order mark (auto)",
    "bad_bytes": "replace shows bytes outside the encoding as U+FFFD; refuse fails the read (refuse)",
    "delimiter": "one character, or comma, semicolon, tab, pipe (auto: by the heading line)",
    "quoting": "none where quotation marks are ordinary characters (standard)",
    "final_newline": "optional where the maker ends no last line with a line break; else that reads as cut off (required)",
    "settle_seconds": "how long a file must have rested before it is read, 0 to 60 (2)",
    "decimal": "the decimal mark, '.' or ',' (.)",
    "thousands": "the mark between thousands: '.', ',', an apostrophe or space (none)",
    "items": "dotted path to the list of rows in a JSON document (the document is the list)",
    "untracked_values": "values of `available` that mean not tracked, such as unlimited,(empty); an empty cell is else unknown",
    "unknown_values": "values of `available` that mean unknown, such as n/a,?",
    "parent_values": "values of `available` that mean: the stock of the row named in `parent`, shared with its siblings",
    "yes_values": "more words that mean yes in `sellable` and `oversell`",
    "no_values": "more words that mean no in `sellable` and `oversell`",
    "status.active": "more values of `status` that mean active",
    "status.draft": "more values of `status` that mean draft",
    "status.archived": "more values of `status` that mean archived",
    "currency": "the currency of all prices, where no column says it",
    "filter.HEADING": "read only rows whose cell under HEADING is one of these values; the others are excluded",
    "exclude.HEADING": "rows whose cell under HEADING is one of these values are excluded, such as exclude.Type=variable,grouped",
}

_OPEN = {"column": "column.FIELD", "filter": "filter.HEADING", "exclude": "exclude.HEADING"}
_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """A feed's settings, checked. Words are folded; `columns` maps fields to headings ("" for: no such column)."""

    format: str
    columns: Mapping[str, str]
    encoding: str | None
    replace_bad_bytes: bool
    delimiter: str | None
    quoted: bool
    final_newline: bool
    settle_seconds: float
    numbers: NumberFormat
    items: tuple[str, ...]
    untracked: frozenset[str]
    unknown: frozenset[str]
    parent: frozenset[str]
    truth: Mapping[str, bool]
    status: Mapping[str, Status]
    currency: str | None
    rules: tuple[Rule, ...]


def read_settings(settings: Mapping[str, str]) -> FeedSettings:
    """The store's settings as a feed understands them. Raises UsageError naming the setting that cannot be used."""
    check_names("setting", (_general_name(name) for name in settings), {**SETTINGS, **COMMON_SETTINGS})
    return FeedSettings(
        format=choice(settings, "format", "auto", ("auto", "csv", "tsv", "json", "jsonl")),
        columns={name.removeprefix("column."): value.strip() for name, value in settings.items() if name.startswith("column.")},
        encoding=_encoding(settings.get("encoding", "").strip()),
        replace_bad_bytes=choice(settings, "bad_bytes", "refuse", ("refuse", "replace")) == "replace",
        delimiter=_delimiter(settings.get("delimiter", "")),
        quoted=choice(settings, "quoting", "standard", ("standard", "none")) == "standard",
        final_newline=choice(settings, "final_newline", "required", ("required", "optional")) == "required",
        settle_seconds=number(settings, "settle_seconds", 2.0, 0, 60),
        numbers=NumberFormat.of(settings.get("decimal", ""), settings.get("thousands", "")),
        items=tuple(filter(None, settings.get("items", "").strip().split("."))),
        untracked=frozenset(_words(settings, "untracked_values")),
        unknown=frozenset(_words(settings, "unknown_values")) | {EMPTY},
        parent=frozenset(_words(settings, "parent_values")),
        truth=_truth(settings),
        status=_status(settings),
        currency=settings.get("currency", "").strip() or None,
        rules=tuple(_rules(settings)),
    )


def _general_name(name: str) -> str:
    prefix, dot, rest = name.partition(".")
    if prefix == "column" and dot and rest not in FIELDS:
        raise UsageError(f"setting {name!r:.60} names no field; the fields are: {', '.join(FIELDS)}")
    return _OPEN.get(prefix, name) if rest else name


def _truth(settings: Mapping[str, str]) -> Mapping[str, bool]:
    yes, no = {*_words(settings, "yes_values")}, {*_words(settings, "no_values")}
    if both := yes & no:
        raise UsageError(f"setting yes_values and no_values both hold {min(both)!r:.40}")
    return dict.fromkeys(YES - no, True) | dict.fromkeys(NO - yes, False) | dict.fromkeys(yes, True) | dict.fromkeys(no, False)


def _status(settings: Mapping[str, str]) -> Mapping[str, Status]:
    statuses: dict[Status, frozenset[str]] = {"active": ACTIVE, "draft": DRAFT, "archived": ARCHIVED}
    words: dict[str, Status] = {word: status for status, common in statuses.items() for word in common}
    for status in statuses:
        words.update(dict.fromkeys(_words(settings, f"status.{status}"), status))
    return words


def _rules(settings: Mapping[str, str]) -> Iterable[Rule]:
    for name, text in sorted(settings.items()):
        kind, _, heading = name.partition(".")
        if kind in ("filter", "exclude") and heading:
            values = {folded(value): value.strip() for value in text.split(",") if value.strip()}
            if not values:
                raise UsageError(f"setting {name!r:.60} names no value; an empty cell is written {EMPTY}")
            yield Rule(heading, values, keep=kind == "filter")


def _words(settings: Mapping[str, str], name: str) -> list[str]:
    return [folded(word) for word in settings.get(name, "").split(",") if word.strip()]


def _encoding(name: str) -> str | None:
    if name.lower() in ("", "auto"):
        return None
    try:
        "".encode(name)  # refuses what is no text encoding, such as base64
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise UsageError(
            f"setting encoding={name!r:.40} is not an encoding that Python knows, such as cp1252 or utf-16"
        ) from None


def _delimiter(text: str) -> str | None:
    name = text.strip().lower()
    if name == "auto" or not text:
        return None
    delimiter = _DELIMITERS.get(name, text if len(text) == 1 else name)
    if len(delimiter) != 1 or delimiter in '"\r\n\0' or not delimiter.isascii():
        raise UsageError(f"setting delimiter={text!r:.40} is neither one character nor comma, semicolon, tab, pipe")
    return delimiter
