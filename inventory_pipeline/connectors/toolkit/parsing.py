"""From a platform's JSON to items and values, each bad item apart from the rest. Pure functions."""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, TypeVar

import msgspec

from inventory_pipeline.core.errors import IncompleteRead, LineRejected, StoreMisconfigured
from inventory_pipeline.core.stock import DEFAULT_LOCATION, ID_LENGTH, RejectedLine
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.response import Response, decode_json, decode_loosely

_PHP_MESSAGE = re.compile(rb"[\]}]\s*(?:<br ?/?>\s*)?(?:<b>)?(?:PHP )?(?:Notice|Warning|Deprecated|Fatal error|Parse error)\b")
# msgspec's words for a field that is not there, and for one of another type.
_NO_FIELD = re.compile(r"Object missing required field `(?P<field>[^`]+)`(?: - at `\$\.?(?P<path>[^`]*)`)?")
_OTHER_TYPE = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)` - at `\$\.?(?P<path>[^`]+)`")
_TAIL = 16_384  # bytes in which messages after a JSON value are looked for

Struct = TypeVar("Struct", bound=msgspec.Struct)


@cache
def field_names(kind: type[msgspec.Struct]) -> str:
    """The struct's field names joined by commas, for a platform that can be asked for certain fields only."""
    return ",".join(kind.__struct_fields__)


@cache
def _decoder(kind: type[Struct]) -> msgspec.json.Decoder[list[Struct]]:
    return msgspec.json.Decoder(list[kind])


@cache
def _keyed_decoder(kind: type[Struct], key: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(msgspec.defstruct("Keyed", [("items", list[kind])], rename={"items": key}))


def decode_list(
    response: Response,
    kind: type[Struct],
    key: str | None = None,
    id_of: Callable[[object], int | str | None] | None = None,
    *,
    location_id: str | None = DEFAULT_LOCATION,
) -> tuple[list[Struct], list[RejectedLine]]:
    """The items of a JSON list, and a RejectedLine for each entry that is not of `kind`.

    Each item's `id` is replaced by what `id_of` makes of it; the default makes a whole number. With `key` the list stands
    under that key of an object, and an empty list may stand in place of the object. A bad entry rejects its line at
    `location_id`; None rejects the lines at all locations. Raises IncompleteRead where the answer is no list, and what
    `decode_json` raises.
    """
    try:
        decoded = decode_json(response, _keyed_decoder(kind, key)).items if key else decode_json(response, _decoder(kind))
        rejected: list[RejectedLine] = []
    except msgspec.ValidationError:
        decoded, rejected = _decode_singly(response, kind, key, id_of or whole_id, location_id)
    except IncompleteRead:
        if _PHP_MESSAGE.search(response.body, max(0, len(response.body) - _TAIL)):
            told = f"{response.host_and_path} puts PHP messages after its JSON"
            raise StoreMisconfigured(f"{told}; set WP_DEBUG_DISPLAY to false on the shop") from None
        raise
    items: list[Struct] = []
    for item in decoded:
        raw: Any = item
        item_id = (id_of or whole_id)(raw.id)
        if item_id is None:
            rejected.append(RejectedLine(f"id {raw.id!r:.60} is none that the platform gives", excerpt=one_line(item)))
        else:
            raw.id = item_id
            items.append(item)
    return items, rejected


def _decode_singly(
    response: Response,
    kind: type[Struct],
    key: str | None,
    id_of: Callable[[object], int | str | None],
    location_id: str | None,
) -> tuple[list[Struct], list[RejectedLine]]:
    entries = decode_loosely(response)
    if key and entries != []:
        entries = entries.get(key) if isinstance(entries, dict) else None
    if not isinstance(entries, list):
        raise IncompleteRead(f"{response.host_and_path} answers with a JSON {type(entries).__name__} where a list should be")
    items: list[Struct] = []
    rejected: list[RejectedLine] = []
    for entry in entries:
        try:
            items.append(msgspec.convert(entry, kind))
        except msgspec.ValidationError as error:
            item_id = id_of(entry.get("id")) if isinstance(entry, dict) else None
            identity = None if item_id is None else str(item_id)
            rejected.append(RejectedLine.of(_fault(error, entry), identity, location_id, one_line(entry)))
    return items, rejected


def _fault(error: msgspec.ValidationError, entry: Any) -> LineRejected:
    """The library's word on an entry, as a person says it: which field, what stands there, what should."""
    text = str(error)
    if match := _NO_FIELD.match(text):
        name = ".".join(filter(None, (match["path"], match["field"])))
        return LineRejected(f"the field {name} is missing", name)
    match = _OTHER_TYPE.match(text)
    if match is None:
        return LineRejected(text)
    value = entry
    for step in re.findall(r"[^.\[\]]+", match["path"]):
        try:
            value = value[int(step) if isinstance(value, list) else step]
        except (KeyError, IndexError, ValueError, TypeError):
            return LineRejected(f"{match['path']} is of another type: {text}", match["path"])
    shown = f"{value!r:.60}"
    told = f"{match['path']} {shown} is of the type {match['got']}, and not {match['wanted'].replace(' | ', ' or ')}"
    return LineRejected(told, match["path"], shown)


def decode_nodes(nodes: Iterable[msgspec.Raw], kind: type[Struct]) -> tuple[list[Struct], list[RejectedLine]]:
    """Decodes GraphQL nodes one by one. A bad node gives a RejectedLine for all lines of its id, where that can be read."""
    items: list[Struct] = []
    rejected: list[RejectedLine] = []
    for node in nodes:
        try:
            items.append(_node_decoder(kind).decode(node))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            text = bytes(node).decode("utf-8", "replace")
            fault = _fault(error, _any(node)) if isinstance(error, msgspec.ValidationError) else LineRejected(one_line(error))
            rejected.append(RejectedLine.of(fault, _id_of_node(node), None, one_line(text)))
    return items, rejected


@cache
def _node_decoder(kind: type[Struct]) -> msgspec.json.Decoder[Struct]:
    return msgspec.json.Decoder(kind)


def _any(node: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(node)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _id_of_node(node: msgspec.Raw) -> str | None:
    raw = _any(node)
    return text_id(raw.get("id")) if isinstance(raw, dict) else None


def whole_id(raw: object) -> int | None:
    """A positive whole number, or a text of one, as an int of at most 63 bits. None for anything else."""
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) < 20:
        raw = int(raw)
    return raw if type(raw) is int and 0 < raw < 1 << 63 else None


def text_id(raw: object) -> str | None:
    """A text that is not empty. None for anything else."""
    return raw if isinstance(raw, str) and 0 < len(raw) <= ID_LENGTH else None


def total_of(response: Response, header: str) -> int | None:
    """How many items a header says that the whole list has; None where a proxy dropped it, or it says something else."""
    text = response.headers.get(header, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def text_of(raw: str | float | None) -> str:
    """The text of a field that some servers send as a number; "" for null."""
    return raw if isinstance(raw, str) else "" if raw is None else str(raw)


def is_sku(raw: str | float | None, sku: str) -> bool:
    """Whether a field holds just this SKU: servers asked for one also find what is written alike, or begins like it."""
    return text_of(raw).strip() == sku


def price_of(raw: str | float | None) -> Decimal | None:
    """The price. None where none is set or it cannot be read: a bad price must not reject its line."""
    try:
        price = Decimal(str(raw)) if raw not in (None, "") else None
    except InvalidOperation:
        return None
    return price if price is not None and price.is_finite() else None
