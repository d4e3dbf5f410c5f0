"""Finds the column of each field: as the settings say, else as a known export has it, else by the usual headings."""

import fnmatch
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from inventory_pipeline.connectors.feed.presets import preset_for
from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.words import FIELDS, HEADINGS, KEY, QUANTITY_FIELDS, Rule, plain
from inventory_pipeline.core.errors import StoreMisconfigured
from inventory_pipeline.core.text import one_line

HEADING_LENGTH = 60  # characters; a longer first cell is none
UP = ".."  # before a parent's field

Key = int | str  # a column's place in a table, a value's path in a record

_NAMES = {field: names.split() for field, names in HEADINGS.items()}
IDENTITY = frozenset(_NAMES["id"] + _NAMES["sku"])
STOCK = frozenset(_NAMES["available"] + _NAMES["sellable"])
# A wrong column for one of these would give wrong stock. Any other field (title, price) is left out where it is ambiguous.
_ASKED_FOR = {"id", "sku", "location", "status", "sellable", "parent", *QUANTITY_FIELDS}
# Fields that a child row takes from its parent row where it has none of its own.
_FROM_PARENT = {"title", "status", "currency", "location", "location_name"}


class Heading(NamedTuple):
    """One column. `sample` is its first cell, to tell two of the same name apart."""

    key: Key
    text: str
    sample: str = ""

    @property
    def shown(self) -> str:
        number = f"#{self.key + 1} " if isinstance(self.key, int) else ""
        return f"{number}{self.text!r:.60}" + (f" ({one_line(self.sample, 30)})" if self.sample else "")


@dataclass(frozen=True, slots=True)
class Column:
    """The place of a field's cells; cells at several places are joined. `why` says how it was found, `others` are candidates
    that were not taken."""

    keys: tuple[Key, ...]
    shown: str
    why: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a feed. `locations` are columns that each hold the stock of one warehouse.

    `identity_first`: the first column alone identifies a line. It can then be believed even in a row whose cells are shifted.
    """

    fields: Mapping[str, Column]
    rules: tuple[tuple[Rule, Column], ...] = ()
    locations: tuple[Column, ...] = ()
    fill_down: Column | None = None
    identity_first: bool = False

    @property
    def identity(self) -> str:
        """The field that identifies an item: the SKU where no column is the id."""
        return "id" if "id" in self.fields else "sku"

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every place that is read, once."""
        columns = [*self.fields.values(), *(column for _, column in self.rules), *self.locations]
        columns += [self.fill_down] if self.fill_down else []
        return tuple(dict.fromkeys(key for column in columns for key in column.keys))

    @property
    def stock(self) -> tuple[Column, ...]:
        """The columns that tell how much there is."""
        return self.locations or tuple(self.fields[name] for name in ("available", "sellable") if name in self.fields)

    def __str__(self) -> str:
        named = ", ".join(f"{field} ← {self.fields[field].shown}" for field in FIELDS if field in self.fields)
        if self.locations:
            named += f", a line for each of {', '.join(column.shown for column in self.locations)}"
        return named if self.identity == "id" else f"{named}; the SKU is the id"


@dataclass(slots=True)
class _Headings:
    """The headings of one feed, looked up by name, number or pattern. `fixed`: no others can come (JSON rows may add keys)."""

    present: Sequence[Heading]
    fixed: bool
    by_text: dict[str, list[Heading]] = field(default_factory=dict)
    by_plain: dict[str, list[Heading]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for heading in self.present:
            self.by_text.setdefault(heading.text, []).append(heading)
            if not heading.text.startswith(UP):
                self.by_plain.setdefault(plain(heading.text), []).append(heading)

    def said(self, setting: str, name: str) -> Column:
        """The column that a setting names. Several names, joined by " + ", give several places."""
        if name not in self.by_text and " + " in name:
            parts = [self.said(setting, part.strip()) for part in name.split(" + ")]
            return Column(tuple(key for part in parts for key in part.keys), name, "setting")
        found = self.by_text.get(name, [])
        if not found and (number := re.fullmatch(r"#(\d{1,5})", name)) and self.fixed:
            found = [heading for heading in self.present if heading.key == int(number[1]) - 1]
        if not found and not self.fixed:
            return Column((name,), name, "setting")
        found = found or self.by_plain.get(plain(name), [])
        if len(found) == 1:
            return Column((found[0].key,), found[0].text or name, "setting")
        if found:
            raise StoreMisconfigured(
                f"setting {setting}={name!r:.60}: {len(found)} columns have this heading; set {_choices(setting, found)}"
            )
        raise StoreMisconfigured(f"setting {setting}={name!r:.60}: the feed has no such column; {shown(self.present)}")

    def common(self, wanted: str) -> Column | None:
        """The column that has one of the usual headings of a field."""
        for name in _NAMES[wanted]:
            found = self.by_plain.get(name, [])
            if len(found) > 1 and wanted not in _ASKED_FOR:
                return None
            if len(found) > 1:
                raise StoreMisconfigured(
                    f"two columns could be {wanted}: {' and '.join(heading.shown for heading in found[:4])};"
                    f" set {_choices(f'column.{wanted}', found)}"
                )
            if found:
                return Column((found[0].key,), found[0].text, "common heading")
        return self._parents(wanted)

    def _parents(self, wanted: str) -> Column | None:
        if wanted == "product_id":
            names = ["id"]
        elif wanted in _FROM_PARENT:
            names = _NAMES[wanted]
        else:
            return None
        for name in names:
            for heading in self.present:
                if heading.text.startswith(UP) and not heading.text.startswith(UP + ".") and plain(heading.text) == name:
                    return Column((heading.key,), heading.text, "the parent's")
        return None

    def matching(self, names: Iterable[str]) -> list[Column]:
        columns: dict[Key, Column] = {}
        for name in names:
            if name in self.by_text or not set("*?[") & set(name):
                found = [self.said("locations", name)]
            else:
                fitting = [heading for heading in self.present if fnmatch.fnmatchcase(heading.text.lower(), name.lower())]
                found = [Column((heading.key,), heading.text, "setting") for heading in fitting]
                if not found:
                    raise StoreMisconfigured(f"setting locations={name!r:.60}: no column fits it; {shown(self.present)}")
            columns |= {column.keys[0]: column for column in found}
        return list(columns.values())


def is_heading_row(cells: Sequence[object], settings: FeedSettings) -> int:
    """How much a row looks like the headings: 2 where it names both an id and a stock or is that of a known export, 1 where it
    names one of the two, else 0."""
    texts = [cell.strip() for cell in cells if isinstance(cell, str) and cell.strip() and len(cell) <= HEADING_LENGTH]
    if preset_for(texts, settings.preset) is not None:
        return 2
    names = {plain(text) for text in texts}
    said = {name: plain(value.split(" + ")[0]) for name, value in settings.columns.items() if value and value[0] != "#"}
    identified = _names_one(("id", "sku"), names, said, IDENTITY)
    stocked = _names_one(("available", "sellable"), names, said, STOCK) or any(
        fnmatch.fnmatchcase(text.lower(), wanted.lower()) for wanted in settings.locations for text in texts
    )
    return identified + stocked


def _names_one(fields: Sequence[str], names: set[str], said: Mapping[str, str], known: frozenset[str]) -> bool:
    if any(name in said for name in fields):
        return any(said.get(name) in names for name in fields)
    return not names.isdisjoint(known)


def choose_columns(present: Sequence[Heading], settings: FeedSettings, *, fixed: bool) -> Columns:
    """Finds each field's column among those present.

    Raises StoreMisconfigured naming the setting and the headings, where a heading is absent or ambiguous, or where
    nothing tells the identity or the stock.
    """
    headings = _Headings(present, fixed)
    fields: dict[str, Column] = {}
    locations = tuple(headings.matching(settings.locations))
    for name in FIELDS:
        said = settings.columns.get(name)
        if locations and name in ("available", "location") and not said:
            continue
        column = headings.common(name) if said is None else headings.said(f"column.{name}", said) if said else None
        if column is not None:
            fields[name] = column
    if "id" not in fields and "sku" not in fields:
        if KEY not in headings.by_text:
            likely = [heading for heading in present if heading.sample and heading.key not in _used(fields)]
            cure = _choices("column.sku", likely) if fixed and looks_like_headings(present) and likely else ""
            raise StoreMisconfigured(
                f"no column identifies a row ({shown(present)}); set column.id or column.sku{f', such as {cure}' if cure else ''}"
            )
        fields["sku"] = Column((KEY,), KEY, "the map's keys")
    if not locations and "available" not in fields and "sellable" not in fields:
        cure = f"{_warehouses(present)}set column.available{_such_as(present, fields)}"
        raise StoreMisconfigured(f"no column tells the stock ({shown(present)}); {cure}")
    identity = fields.get("id") or fields["sku"]
    first = "location" not in fields and not locations and identity.keys == (present[0].key,)
    rules = tuple((rule, headings.said(rule.name, rule.heading)) for rule in settings.rules)
    fill_down = headings.said("fill_down", settings.fill_down) if settings.fill_down else None
    return Columns(_with_others(fields, headings), rules, locations, fill_down, first)


def _with_others(fields: Mapping[str, Column], headings: _Headings) -> dict[str, Column]:
    """The columns, with what else the identity and the stock could have been."""
    used = {key for column in fields.values() for key in column.keys}
    found: dict[str, Column] = {}
    for name, column in fields.items():
        others = [
            heading.text
            for other in (_NAMES[name] if name in ("sku", "available") else ())
            for heading in headings.by_plain.get(other, ())
            if heading.key not in used
        ]
        found[name] = Column(column.keys, column.shown, column.why, tuple(others))
    return found


def _used(fields: Mapping[str, Column]) -> set[Key]:
    return {key for column in fields.values() for key in column.keys}


def _such_as(present: Sequence[Heading], fields: Mapping[str, Column]) -> str:
    """A proposal for the stock: what is on hand where that is told, else the columns that begin with a number."""
    used = _used({name: column for name, column in fields.items() if name != "on_hand"})
    likely = [heading for heading in present if heading.key not in used and heading.sample[:1].isdigit()]
    if "on_hand" in fields:
        likely = [heading for heading in present if heading.key == fields["on_hand"].keys[0]]
    return f", such as {_choices('column.available', likely)}" if likely and looks_like_headings(present) else ""


def _warehouses(present: Sequence[Heading]) -> str:
    """A proposal where several columns of whole numbers begin with the same word, such as WH Berlin and WH Hamburg."""
    words = Counter(heading.text.split()[0] for heading in present if heading.sample.isdecimal() and " " in heading.text)
    word, count = next(iter(words.most_common(1)), ("", 0))
    return f"set {cures('locations', [f'{word} *'])} where these are a warehouse each, else " if count > 1 else ""


def cures(setting: str, values: Iterable[str]) -> str:
    """`sheet='Stock list' or sheet=2`: what to set, as it can be pasted behind --setting."""
    return " or ".join(f"{setting}={shlex.quote(value)}" for value in values)


def _choices(setting: str, found: Sequence[Heading]) -> str:
    numbers = [f"#{heading.key + 1}" if isinstance(heading.key, int) else heading.text for heading in found[:4]]
    return " or ".join(f"{setting}={number}" for number in numbers)


def shown(present: Sequence[Heading]) -> str:
    """The headings, all of them; a first line that is none is not repeated: it may be anything, a key too."""
    if not present:
        return "it has no columns"
    if not looks_like_headings(present):
        return "its first line is no line of headings"
    return f"its columns are {', '.join(repr(heading.text) for heading in present)}"


def looks_like_headings(present: Sequence[Heading]) -> bool:
    return all(looks_like_heading(heading.text) for heading in present)


def looks_like_heading(text: str) -> bool:
    """Whether a cell may be shown as a heading: short and printable, neither an assignment nor a key's letters and digits."""
    if len(text) > HEADING_LENGTH or not text.isprintable() or re.search(r"[=@\\]|://|-----", text):
        return False
    return not any(len(word) >= 20 and re.search(r"\d", word) and re.search(r"[A-Za-z]", word) for word in text.split())
