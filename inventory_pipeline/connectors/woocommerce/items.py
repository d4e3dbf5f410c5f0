"""What WooCommerce lists, decoded: products and variations, each bad one apart from the rest.

Only what decides stock is required; a field that merely decorates a line may be missing or empty. Plugins that turn
numeric texts into numbers are known, hence `int | str`; a float SKU is refused, since its zeros are already lost.
"""

from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from inventory_pipeline.core.errors import IncompleteRead
from inventory_pipeline.core.stock import DEFAULT_LOCATION, RejectedLine
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.json import decode_json, decode_loosely
from inventory_pipeline.http.reply import Response


class Item(msgspec.Struct, gc=False, kw_only=True):
    id: int | str
    status: str
    manage_stock: bool | str
    stock_quantity: int | float | str | None
    stock_status: str
    sku: str | int | None = None
    backorders: str | None = None
    price: str | int | float | None = None
    global_unique_id: str | int | None = None


class Product(Item, gc=False, kw_only=True):
    type: str
    name: str | int | float | None = None
    variations: Any = None


class Variation(Item, gc=False, kw_only=True):
    """`parent_id` comes only with the flat list."""

    parent_id: int | str | None = None
    attributes: Any = None


Kind = TypeVar("Kind", Product, Variation)


class Listed(NamedTuple, Generic[Kind]):
    """One page of a list. `total` is what the shop says the whole list has, where its header came through."""

    number: int
    items: list[Kind]
    rejected: list[RejectedLine]
    total: int | None


@cache
def _decoder(kind: type[Kind]) -> msgspec.json.Decoder[list[Kind]]:
    return msgspec.json.Decoder(list[kind])


@cache
def fields(kind: type[Product] | type[Variation]) -> str:
    """What to ask for: these and no more, which also spares the shop the work."""
    return ",".join(kind.__struct_fields__)


def parse_page(response: Response, number: int, kind: type[Kind]) -> Listed[Kind]:
    """The page's items; one that cannot be read costs only itself. Raises IncompleteRead where the page is no list."""
    total = _total(response)
    try:
        return Listed(number, decode_json(response, _decoder(kind)), [], total)
    except msgspec.ValidationError:
        raw = decode_loosely(response)
    if not isinstance(raw, list):
        raise IncompleteRead(f"{response.host_and_path} answers with a JSON {type(raw).__name__} where a list should be")
    items: list[Kind] = []
    rejected: list[RejectedLine] = []
    for entry in raw:
        try:
            items.append(msgspec.convert(entry, kind))
        except msgspec.ValidationError as error:
            rejected.append(RejectedLine(str(error), _readable_id(entry), DEFAULT_LOCATION, one_line(entry)))
    return Listed(number, items, rejected, total)


def _total(response: Response) -> int | None:
    text = response.headers.get("x-wp-total", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _readable_id(entry: object) -> str | None:
    number = entry_id(entry.get("id")) if isinstance(entry, dict) else None
    return None if number is None else str(number)


def entry_id(raw: object) -> int | None:
    """WordPress ids are positive whole numbers; some plugins send them as text. None for anything else."""
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) < 20:
        raw = int(raw)
    return raw if type(raw) is int and 0 < raw < 1 << 63 else None
