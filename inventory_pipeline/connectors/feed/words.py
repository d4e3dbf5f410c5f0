"""The words of feeds: fields, and what suppliers write into their cells."""

from collections.abc import Mapping
from dataclasses import dataclass

FIELDS = (
    *("id", "sku", "title", "available", "on_hand", "committed", "incoming", "location", "location_name", "status", "sellable"),
    *("oversell", "product_id", "parent", "barcode", "price", "currency"),
)

EMPTY = "(empty)"  # how a setting names a cell that holds nothing

YES = frozenset({"1", "yes", "y", "true", "t", "on", "instock", "in_stock", "in stock", "available", "onbackorder", "backorder"})
YES |= {"notify", "allow"}  # of WooCommerce's backorders and Shopify's inventory policy
NO = frozenset({"0", "no", "n", "false", "f", "off", "outofstock", "out_of_stock", "out of stock", "unavailable", "soldout"})
NO |= {"sold out", "deny"}

# WooCommerce's export writes 1 for published, 0 for private and -1 for draft.
ACTIVE = frozenset({"active", "1", "yes", "true", "publish", "published", "enabled", "visible", "live"})
DRAFT = frozenset({"draft", "0", "-1", "no", "false", "private", "pending", "unpublished", "inactive", "disabled", "hidden"})
ARCHIVED = frozenset({"archived", "archive", "discontinued", "deleted", "trash", "eol"})


def folded(value: object) -> str:
    """A cell as settings compare it: text, trimmed, without regard to case; `(empty)` for nothing."""
    text = "" if value is None else str(value).strip()
    return text.casefold() or EMPTY


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows to leave out: where the cell under `heading` is one of `values` (`keep`: where it is none of them)."""

    heading: str
    values: Mapping[str, str]
    keep: bool

    @property
    def name(self) -> str:
        return f"{'filter' if self.keep else 'exclude'}.{self.heading}"

    def excludes(self, value: object) -> str | None:
        """Why a row with this cell is not a line, or None. There are as many reasons as values, not as rows."""
        shown = self.values.get(folded(value))
        if self.keep:
            return None if shown is not None else f"{self.heading} is none of {', '.join(self.values.values())}"
        return None if shown is None else f"{self.heading} is {shown}"
