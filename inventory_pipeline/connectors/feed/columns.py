"""Which heading means which field: what the settings say, and else what most suppliers call it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.words import FIELDS
from inventory_pipeline.core.errors import StoreMisconfigured

# The first that a feed has is taken. Compared without case, spaces and marks: "In stock?" is instock.
COMMON: Mapping[str, str] = {
    "id": "id itemid variantid variationid productvariantid articleid",
    "sku": "sku variantsku itemsku sellersku articlenumber articleno itemnumber itemno partnumber productcode itemcode"
    " artikelnummer artikelnr artnr",
    "title": "title name productname producttitle itemname articlename bezeichnung artikelbezeichnung",
    "available": "available availablequantity availableqty quantityavailable qtyavailable availablestock freestock stock"
    " stockquantity stockqty stocklevel quantityinstock qtyinstock inventory inventoryquantity variantinventoryqty quantity qty"
    " bestand lagerbestand",
    "on_hand": "onhand quantityonhand qtyonhand onhandquantity physicalstock",
    "committed": "committed reserved allocated reservedquantity quantityreserved qtyreserved",
    "incoming": "incoming onorder quantityonorder qtyonorder inbound",
    "location": "locationid location warehouseid warehousecode warehouse lagerort lager",
    "location_name": "locationname warehousename",
    "status": "status productstatus published",
    "sellable": "sellable instock isinstock stockstatus availability",
    "oversell": "oversell backordersallowed allowbackorders backorders",
    "product_id": "productid parentid itemgroupid",
    "parent": "parent parentsku",
    "barcode": "barcode variantbarcode ean ean13 gtin upc gtinupceanorisbn",
    "price": "price regularprice unitprice variantprice",
    "currency": "currency currencycode",
}

HEADING_LENGTH = 60  # characters; a longer first cell is none


@dataclass(frozen=True, slots=True)
class Columns:
    """`headings` maps fields to headings; `ruled` are the headings of the settings' rules, in their order.
    `identity_first`: the first column alone identifies a line."""

    headings: Mapping[str, str]
    ruled: tuple[str, ...]
    identity_first: bool

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every heading that is read, once."""
        return tuple(dict.fromkeys([*self.headings.values(), *self.ruled]))

    @property
    def identity(self) -> str:
        """The field that identifies an item: the SKU where no column is the id."""
        return "id" if "id" in self.headings else "sku"

    def __str__(self) -> str:
        named = ", ".join(f"{field} ← {self.headings[field]}" for field in FIELDS if field in self.headings)
        return named if self.identity == "id" else f"{named}; the SKU is the id"


def choose_columns(present: Sequence[str], settings: FeedSettings, *, fixed: bool) -> Columns:
    """Finds each field's heading among those present. `fixed` says that no others can come (JSON rows may add keys).

    Raises StoreMisconfigured naming the setting and the headings, where a heading is absent or ambiguous, or where
    nothing tells the identity or the stock.
    """
    counts = Counter(present)
    headings: dict[str, str] = {}
    for field in FIELDS:
        said = settings.columns.get(field)
        heading = _common(field, counts) if said is None else said and _said(f"column.{field}", said, counts, fixed)
        if heading:
            headings[field] = heading
    if "id" not in headings and "sku" not in headings:
        raise StoreMisconfigured(f"no column identifies a row ({_shown(present)}); set column.id or column.sku")
    if "available" not in headings and "sellable" not in headings:
        raise StoreMisconfigured(f"no column tells the stock ({_shown(present)}); set column.available")
    identity_first = "location" not in headings and headings.get("id", headings.get("sku")) == present[0]
    ruled = tuple(_said(rule.name, rule.heading, counts, fixed) for rule in settings.rules)
    return Columns(headings, ruled, identity_first)


def _common(field: str, counts: Counter[str]) -> str | None:
    for name in COMMON[field].split():
        found = [heading for heading in counts.elements() if _plain(heading) == name]
        if len(found) > 1:
            raise StoreMisconfigured(f"two columns could be {field}: {found[0]!r:.60} and {found[1]!r:.60}; set column.{field}")
        if found:
            return found[0]
    return None


def _said(setting: str, heading: str, counts: Counter[str], fixed: bool) -> str:
    if counts[heading] > 1:
        raise StoreMisconfigured(f"setting {setting}={heading!r:.60}: {counts[heading]} columns have this heading")
    if counts[heading] == 1 or not fixed:
        return heading
    alike = [present for present in counts if _plain(present) == _plain(heading)]
    if len(alike) != 1:
        raise StoreMisconfigured(f"setting {setting}={heading!r:.60}: the feed has no such column; {_shown(list(counts))}")
    return alike[0]


def _shown(present: Sequence[str]) -> str:
    """The headings, all of them; a first line that is none is not repeated: it may be anything, a key too."""
    if not present:
        return "it has no columns"
    if not all(map(looks_like_heading, present)):
        return "its first line is no line of headings"
    return f"its columns are {', '.join(map(repr, present))}"


def looks_like_heading(text: str) -> bool:
    """Whether a cell may be shown as a heading: short and printable, neither an assignment nor a key's letters and digits."""
    if len(text) > HEADING_LENGTH or not text.isprintable() or re.search(r"[=@\\]|://|-----", text):
        return False
    return not any(len(word) >= 20 and re.search(r"\d", word) and re.search(r"[A-Za-z]", word) for word in text.split())


def _plain(heading: str) -> str:
    return re.sub(r"[\W_]+", "", heading).casefold()
