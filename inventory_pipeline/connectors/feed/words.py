"""The words of feeds: fields, the headings suppliers give them, and what they write into their cells."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

FIELDS = (
    "id",
    "sku",
    "title",
    "available",
    "on_hand",
    "committed",
    "incoming",
    "location",
    "location_name",
    "status",
    "sellable",
    "oversell",
    "product_id",
    "parent",
    "barcode",
    "price",
    "currency",
)
QUANTITY_FIELDS = ("available", "on_hand", "committed", "incoming")

# The first that a feed has is taken. Compared as `plain` gives them: "In stock?" is instock, "Qté" is qte.
HEADINGS: Mapping[str, str] = {
    "id": "id itemid variantid variationid productvariantid articleid",
    "sku": "sku variantsku customlabelsku customlabel itemsku sellersku productsku articlenumber articleno partnumber partno"
    " productcode itemcode artikelnummer artikelnr artnr artikelcode reference itemnumber itemno codice codigo varenummer",
    "title": "title name productname producttitle itemname articlename bezeichnung artikelbezeichnung artikelname description"
    " designation nombre omschrijving nazwa",
    "available": "available availablequantity availableqty quantityavailable qtyavailable availablestock freestock stock"
    " stockquantity stockqty stocklevel quantityinstock qtyinstock inventory inventoryquantity variantinventoryqty quantity qty"
    " bestand lagerbestand verfugbar verfugbarkeit menge disponible existencias cantidad quantite qte voorraad giacenza"
    " quantita ilosc stan",
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
    "price": "price regularprice unitprice variantprice preis prix precio",
    "currency": "currency currencycode",
}
# A remark behind a heading that changes nothing of what it names.
_REMARK = re.compile(r"\s*\((pcs|pc|pieces|units?|stk|stück|ea|each|kg|g|m|l|not editable|current|qty)\.?\)\s*$", re.IGNORECASE)

EMPTY = "(empty)"  # how a setting names a cell that holds nothing
KEY = "(key)"  # the column of a JSON map's keys

IN_STOCK, OUT_OF_STOCK = "in stock", "out of stock"
_IN = (
    "in stock|instock|available|in-stock|auf lager|lieferbar|verfügbar|sofort lieferbar|vorrätig|en stock|disponible|disponibile"
)
_OUT = "out of stock|outofstock|out-of-stock|sold out|soldout|unavailable|not available|ausverkauft|nicht lieferbar"
_OUT += "|nicht verfügbar|nicht vorrätig|rupture de stock|épuisé|agotado|sin stock|esaurito|non disponibile|uitverkocht"
_UNTOLD = "-|–|—|n/a|#n/a|?|call|please call|ask|on request|auf anfrage|anfragen|sur demande|a consultar|su richiesta"
_UNTOLD += "|op aanvraag|tba|tbd|unknown|unbekannt"
# What a quantity's cell says without a number: how much that is, `words.` settings may say.
QUANTITY_WORDS: Mapping[str, str] = {
    **dict.fromkeys([*_IN.split("|"), "op voorraad"], IN_STOCK),
    **dict.fromkeys(_OUT.split("|"), OUT_OF_STOCK),
    **dict.fromkeys(_UNTOLD.split("|"), "unknown"),
}
UNITS = frozenset(
    [
        "pcs",
        "pc",
        "pieces",
        "piece",
        "units",
        "unit",
        "ea",
        "each",
        "items",
        "item",
        "stk",
        "stck",
        "stück",
        "stueck",
        "st",
        "pièces",
        "pièce",
        "pcs.",
        "pc.",
        "stk.",
        "st.",
        "szt",
        "szt.",
        "ks",
        "db",
        "uds",
        "ud",
        "pz",
        "pezzi",
        "stuks",
    ]
)

YES = frozenset({"1", "yes", "y", "true", "t", "on", "ja", "oui", "si", "onbackorder", "backorder", "preorder", "pre-order"})
YES |= {"available for order", "available to order", "limited availability", "limited"}
YES |= {word for word, meaning in QUANTITY_WORDS.items() if meaning == IN_STOCK}
YES |= {"notify", "allow", "continue"}  # of WooCommerce's backorders and Shopify's inventory policy
NO = frozenset({"0", "no", "n", "false", "f", "off", "nein", "non", "discontinued", "deny"})
NO |= {word for word, meaning in QUANTITY_WORDS.items() if meaning == OUT_OF_STOCK}

# WooCommerce's export writes 1 for published, 0 for private and -1 for draft.
ACTIVE = frozenset({"active", "1", "yes", "true", "publish", "published", "enabled", "visible", "live"})
DRAFT = frozenset({"draft", "0", "-1", "no", "false", "private", "pending", "unpublished", "inactive", "disabled", "hidden"})
DRAFT |= {"incomplete", "unlisted"}
ARCHIVED = frozenset({"archived", "archive", "discontinued", "deleted", "trash", "eol"})

_TOTALS = (
    "total|totals|grand total|sub total|subtotal|sum|summe|gesamt|gesamtsumme|gesamtbestand|zwischensumme|endsumme"
    "|total général|total general|sous-total|somme|suma|suma total|totale|totale generale|somma|razem|totaal|subtotaal"
    "|celkem|összesen|итого|всего|合計|总计|計|toplam|summa|yhteensä|i alt|totalt"
)
TOTALS = frozenset(_TOTALS.split("|"))
_RULER = re.compile(r"[-=_*+~.#|\s]{2,}")
_END = re.compile(r"[\W_]*(end|eof|ende|fin|fine|koniec)([\W_]+(of|der|du|del|di|de)\b.*|[\W_]*)", re.IGNORECASE)
_COUNT = re.compile(
    r"[\W_]*((total|records?|rows?|items?|products?|zeilen|artikel|anzahl|page|seite)\b\W*\d[\d.,\s]*(\b(of|von|/)\s*\d+)?"
    r"|\d[\d.,\s]*\s*(rows?|records?|lines?|items?|products?|zeilen|datensätze|artikel|lignes|filas|righe|rijen)\b.*)[\W_]*",
    re.IGNORECASE,
)
_REMARKS = re.compile(
    r"[\W_]*(generated|created|exported|printed|report|stand|erstellt|gedruckt|as of|updated|source|copyright|©)\b.*",
    re.IGNORECASE,
)

# Invisible characters: a spreadsheet or a web page left them, and two texts that differ only in them look alike.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\t\r\n]")
_FORMULA_TEXT = re.compile(r'="((?:[^"]|"")*)"')


def folded(value: object) -> str:
    """A cell as settings compare it: text, trimmed, without regard to case; `(empty)` for nothing."""
    text = "" if value is None else visible(value) if isinstance(value, str) else str(value)
    return text.casefold() or EMPTY


def word_of(value: object) -> str:
    """As `folded`, with `_` for a space: out_of_stock is out of stock."""
    return folded(value).replace("_", " ")


def plain(heading: str) -> str:
    """A heading as headings are compared: letters and digits only, without case, accents and remarks such as (pcs)."""
    text = _REMARK.sub("", heading)
    if not text.isascii():
        text = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    return re.sub(r"[\W_]+", "", text).casefold()


def visible(text: str) -> str:
    """The text as a person sees it: invisible characters gone, every space a space, one spelling of each letter, trimmed."""
    if text.isascii() and text.isprintable():
        return text.strip()
    text = _SPACES.sub(" ", _INVISIBLE.sub("", text)).strip()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def undisguised(text: str) -> str:
    """What a spreadsheet shows of a cell that was written so that it would stay text: ="00123", '00125, '-3."""
    if text[:1] == "'" and len(text) > 1 and text[1] in "0123456789=+-@":
        return text[1:]
    if text[:2] == '="' and (formula := _FORMULA_TEXT.fullmatch(text)):
        return formula[1].replace('""', '"')
    return text


def remark_of(text: str) -> str | None:
    """What a row with nothing but this text is, where that is known: a comment, an end mark, a count. None for anything else."""
    if text[:1] == "#" or text[:2] in ("//", "--") or text[:4].casefold() == "rem ":
        return "a ruler" if _RULER.fullmatch(text) else "a comment"
    if _RULER.fullmatch(text):
        return "a ruler"
    if text.rstrip(" :.").casefold() in TOTALS:
        return "a total"
    if _END.fullmatch(text):
        return "an end mark"
    return "a footer" if _COUNT.fullmatch(text) or _REMARKS.fullmatch(text) else None


_TOTAL_OF = re.compile(rf"({'|'.join(map(re.escape, sorted(TOTALS, key=len, reverse=True)))})[\s:.]+\S.*", re.IGNORECASE)


def is_total(text: str) -> bool:
    return text.strip().rstrip(" :.").casefold() in TOTALS


def is_total_of(text: str) -> bool:
    """Total items, Summe Tee: a total where nothing but numbers stands beside it."""
    return is_total(text) or _TOTAL_OF.fullmatch(text.strip()) is not None


def is_ruler(text: str) -> bool:
    return _RULER.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows that are left out (`exclude`; `filter`: all others are) or not tracked (`untracked`) for what one cell says.

    `heading` may name several, joined by " + "; their cells are then compared joined by "/".
    """

    kind: str
    heading: str
    values: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.heading}"

    def excludes(self, value: object) -> str | None:
        """Why a row with this cell is not a line, or None. There are as many reasons as values, not as rows."""
        shown = self.values.get(folded(value))
        if self.kind == "filter":
            return None if shown is not None else f"{self.heading} is none of {', '.join(self.values.values())}"
        return None if shown is None else f"{self.heading} is {shown}"
