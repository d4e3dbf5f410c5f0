"""The settings of a feed: which columns mean what, and how its cells are written."""

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from inventory_pipeline.connectors.feed.numbers import NumberFormat
from inventory_pipeline.connectors.feed.words import (
    ACTIVE,
    ARCHIVED,
    DRAFT,
    EMPTY,
    FIELDS,
    IN_STOCK,
    NO,
    OUT_OF_STOCK,
    QUANTITY_WORDS,
    YES,
    Rule,
    folded,
    word_of,
)
from inventory_pipeline.connectors.store_settings import COMMON_SETTINGS, check_names, choice, flag, number, whole_number
from inventory_pipeline.core.errors import LineRejected, UsageError
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity, exact_number
from inventory_pipeline.core.stock import Status
from inventory_pipeline.core.stores import DAYS_OF_A_FILE

FORMATS = ("auto", "csv", "tsv", "json", "jsonl", "xml", "xlsx", "xls", "ods")
DUPLICATES = ("ask", "sum", "first", "last", "max")

SETTINGS: Mapping[str, str] = {
    "format": "csv, tsv, json, jsonl, xml, xlsx, xls or ods, plain, gzipped or in a zip (auto: by the first bytes)",
    "preset": "a known export by name, or none (auto: by its headings)",
    "column.FIELD": f"the heading, the number (#4) or the path of a field: {', '.join(FIELDS)}; several joined by ' + ';"
    " empty for none (common headings are found)",
    "header_row": "the line of the headings, or none: columns are then named by number (auto: the first with an id and a stock)",
    "sheet": "a workbook's sheet, by name or number (the one with an id and a stock)",
    "inside": "the file that is meant in a zip with several (the only one)",
    "items": "path to the rows in JSON or XML, such as products.variants, through lists too (the document is the list; in XML"
    " the elements that name an id and a stock)",
    "locations": "the headings that are a warehouse each, such as WH Berlin,WH Hamburg or WH *: a line for each (none)",
    "duplicates": "what rows of one item are together: sum, first, last or max (ask: equal ones count once, others are unknown)",
    "fill_down": "a heading: rows with the same cell there share title, status and what rules look at (none)",
    "sku_separator": "the mark between several SKUs in one cell (none)",
    "encoding": "such as cp1252, where the file is neither UTF-8 nor begins with a byte-order mark (auto)",
    "bad_bytes": "replace shows bytes outside the encoding as U+FFFD; refuse fails the read (refuse)",
    "delimiter": "one character, or comma, semicolon, tab, pipe (auto: by the heading line)",
    "quoting": "none where quotation marks are ordinary characters; multiline where a quoted cell may hold what looks like"
    " rows (standard)",
    "final_newline": "optional where the maker ends no last line with a line break and nothing else proves the end (required)",
    "settle_seconds": "how long a file must have rested before it is read, 0 to 60 (2)",
    "max_file_age": "days after which a file that nobody renews makes the stock stale, 0.1 to 3650 (8)",
    "max_workbook": "how large a workbook may be unpacked, in MiB, 1 to 8192 (512)",
    "pattern": "which files of a folder are meant, such as stock-*.csv; the newest counts (*)",
    "decimal": "the decimal mark, '.' or ',' (auto: by all cells of the column)",
    "thousands": "the mark between thousands: '.', ',', an apostrophe or space (auto: by all cells of the column)",
    "words.WORD": "what a word in a quantity's cell means: a number, unknown, untracked, in stock or out of stock, such as"
    " words.in_stock=20 or words.plenty=unknown",
    "open_numbers": "how 10+, >10 and 2-5 are read: lower, their lower end, or unknown (lower)",
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
    "untracked.HEADING": "rows whose cell under HEADING is one of these are not tracked, such as untracked.Tracker=(empty)",
    "host_key": "the fingerprint of an sftp server's key, SHA256:…; another key is refused (kept by `stores check`)",
    "insecure": "true sends a password over ftp, where others on the way can read it (false)",
    "endpoint": "the address of an S3 store that is not Amazon's (Amazon's)",
}

_OPEN = {
    "column": "column.FIELD",
    "filter": "filter.HEADING",
    "exclude": "exclude.HEADING",
    "untracked": "untracked.HEADING",
    "words": "words.WORD",
}
_RULES = ("filter", "exclude", "untracked")
_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word in a quantity's cell says: the quantity, and whether the item can be bought where the word tells that."""

    quantity: Quantity
    sellable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """A feed's settings, checked. Words are folded; `columns` maps fields to headings ("" for: no such column).

    `header_row` is 0 where the file has no heading, None where it is looked for.
    """

    format: str
    preset: str
    columns: Mapping[str, str]
    header_row: int | None
    sheet: str
    inside: str
    items: tuple[str, ...]
    locations: tuple[str, ...]
    duplicates: str
    fill_down: str
    sku_separator: str
    encoding: str | None
    replace_bad_bytes: bool
    delimiter: str | None
    quoting: str
    final_newline: bool
    settle_seconds: float
    max_file_age: timedelta
    max_workbook: int
    pattern: str
    numbers: NumberFormat | None
    words: Mapping[str, Meaning]
    open_numbers: bool
    untracked: frozenset[str]
    unknown: frozenset[str]
    parent: frozenset[str]
    truth: Mapping[str, bool]
    status: Mapping[str, Status]
    currency: str | None
    rules: tuple[Rule, ...]
    host_key: str
    insecure: bool
    endpoint: str


def read_settings(settings: Mapping[str, str]) -> FeedSettings:
    """The store's settings as a feed understands them. Raises UsageError naming the setting that cannot be used."""
    check_names("setting", (_general_name(name) for name in settings), {**SETTINGS, **COMMON_SETTINGS})
    return FeedSettings(
        format=choice(settings, "format", "auto", FORMATS),
        preset=settings.get("preset", "").strip().lower() or "auto",
        columns={name.removeprefix("column."): value.strip() for name, value in settings.items() if name.startswith("column.")},
        header_row=_header_row(settings),
        sheet=settings.get("sheet", "").strip(),
        inside=settings.get("inside", "").strip(),
        items=tuple(filter(None, settings.get("items", "").strip().replace("/", ".").split("."))),
        locations=tuple(filter(None, (name.strip() for name in settings.get("locations", "").split(",")))),
        duplicates=choice(settings, "duplicates", "ask", DUPLICATES),
        fill_down=settings.get("fill_down", "").strip(),
        sku_separator=settings.get("sku_separator", "").strip(),
        encoding=_encoding(settings.get("encoding", "").strip()),
        replace_bad_bytes=choice(settings, "bad_bytes", "refuse", ("refuse", "replace")) == "replace",
        delimiter=_delimiter(settings.get("delimiter", "")),
        quoting=choice(settings, "quoting", "standard", ("standard", "none", "multiline")),
        final_newline=choice(settings, "final_newline", "required", ("required", "optional")) == "required",
        settle_seconds=number(settings, "settle_seconds", 2.0, 0, 60),
        max_file_age=timedelta(days=number(settings, "max_file_age", DAYS_OF_A_FILE, 0.1, 3650)),
        max_workbook=whole_number(settings, "max_workbook", 512, 1, 8192) << 20,
        pattern=settings.get("pattern", "").strip() or "*",
        numbers=_number_format(settings),
        words=_quantity_words(settings),
        open_numbers=choice(settings, "open_numbers", "lower", ("lower", "unknown")) == "lower",
        untracked=frozenset(_words(settings, "untracked_values")),
        unknown=frozenset(_words(settings, "unknown_values")) | {EMPTY},
        parent=frozenset(_words(settings, "parent_values")),
        truth=_truth(settings),
        status=_status(settings),
        currency=settings.get("currency", "").strip() or None,
        rules=tuple(_rules(settings)),
        host_key=settings.get("host_key", "").strip(),
        insecure=flag(settings, "insecure", False),
        endpoint=settings.get("endpoint", "").strip(),
    )


def _general_name(name: str) -> str:
    prefix, dot, rest = name.partition(".")
    if prefix == "column" and dot and rest not in FIELDS:
        raise UsageError(f"setting {name!r:.60} names no field; the fields are: {', '.join(FIELDS)}")
    return _OPEN.get(prefix, name) if rest else name


def _header_row(settings: Mapping[str, str]) -> int | None:
    text = settings.get("header_row", "").strip().lower()
    if text in ("", "auto"):
        return None
    return 0 if text == "none" else whole_number(settings, "header_row", 1, 1, 1000)


def _number_format(settings: Mapping[str, str]) -> NumberFormat | None:
    decimal, thousands = settings.get("decimal", ""), settings.get("thousands", "")
    return NumberFormat.of(decimal, thousands) if decimal.strip() or thousands else None


def _quantity_words(settings: Mapping[str, str]) -> Mapping[str, Meaning]:
    """Every known word with its meaning: what the settings say of a word goes for all words of the same meaning."""
    meanings = {IN_STOCK: Meaning(UNKNOWN, True), OUT_OF_STOCK: Meaning(Quantity.of(0), False), "unknown": Meaning(UNKNOWN)}
    meanings["untracked"] = Meaning(UNTRACKED)
    said = {
        word_of(name.removeprefix("words.")): value
        for name, value in settings.items()
        if name.startswith("words.") and value.strip()
    }
    for word in (IN_STOCK, OUT_OF_STOCK):
        if word in said:
            meanings[word] = Meaning(_meant(f"words.{word}", said[word], meanings).quantity, word == IN_STOCK)
    words = {word: meanings[meaning] for word, meaning in QUANTITY_WORDS.items()}
    return words | {word: _meant(f"words.{word}", value, meanings) for word, value in said.items() if word not in meanings}


def _meant(name: str, value: str, meanings: Mapping[str, Meaning]) -> Meaning:
    word = word_of(value)
    if word in meanings:
        return meanings[word]
    try:
        amount = exact_number(value)
    except LineRejected:
        raise UsageError(
            f"setting {name!r:.60}={value!r:.40} is neither a number nor unknown, untracked, in stock, out of stock"
        ) from None
    return Meaning(Quantity.of(amount), Decimal(amount) > 0)


def _truth(settings: Mapping[str, str]) -> Mapping[str, bool]:
    yes, no = ({word_of(word) for word in _words(settings, name)} for name in ("yes_values", "no_values"))
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
        if kind in _RULES and heading:
            values = {folded(value): value.strip() for value in text.split(",") if value.strip()}
            if not values:
                raise UsageError(f"setting {name!r:.60} names no value; an empty cell is written {EMPTY}")
            yield Rule(kind, heading, values)


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
