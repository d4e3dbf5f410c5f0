"""Known exports, recognised by their headings. A preset is a row of data: settings that a person could have typed.

Sources of the headings: the shops' own help pages and sample files, as far as they are public; each is tried in the tests with a
file of that shape.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from inventory_pipeline.connectors.feed.words import FIELDS, plain


@dataclass(frozen=True, slots=True)
class Preset:
    """`requires` are headings that this export has and no other. In `columns` a field may come from one of several headings,
    parted by "|"; fields that are not named have no column. `settings` are those of a feed, below the store's own."""

    name: str
    title: str
    requires: tuple[str, ...]
    columns: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)

    def fits(self, plain_headings: Collection[str]) -> bool:
        return all(any(plain(name) in plain_headings for name in wanted.split("|")) for wanted in self.requires)

    def as_settings(self, headings: Mapping[str, str]) -> dict[str, str]:
        """What the preset says of a file with these headings (by their plain form)."""
        columns = {f"column.{name}": "" for name in FIELDS}
        for name, wanted in self.columns.items():
            for expression in wanted.split("|"):
                parts = [headings.get(plain(part)) for part in expression.split(" + ")]
                if found := [part for part in parts if part is not None]:
                    columns[f"column.{name}"] = " + ".join(found)
                    break
        rules = {name: value for name, value in self.settings.items() if _heading_is_there(name, headings)}
        return columns | rules


def _heading_is_there(name: str, headings: Mapping[str, str]) -> bool:
    kind, _, heading = name.partition(".")
    return kind not in ("exclude", "filter", "untracked") or all(plain(part) in headings for part in heading.split(" + "))


_SHOPIFY_OPTIONS = "Option1 Value + Option2 Value + Option3 Value"

PRESETS: tuple[Preset, ...] = (
    Preset(
        "shopify-inventory",
        "Shopify inventory export",
        ("Handle", "Option1 Value", "SKU", "Location", "On hand|On hand (current)|Available|Available (not editable)"),
        {
            "id": f"Handle + {_SHOPIFY_OPTIONS}",
            "sku": "SKU",
            "title": "Title",
            "product_id": "Handle",
            "location": "Location",
            "available": "Available (not editable)|Available",
            "on_hand": "On hand (current)|On hand",
            "committed": "Committed (not editable)|Committed",
            "incoming": "Incoming (not editable)|Incoming",
        },
        {"exclude.Available (not editable)": "not stocked", "exclude.Available": "not stocked", "fill_down": "Handle"},
    ),
    Preset(
        "shopify-products",
        "Shopify product export",
        ("Handle", "Option1 Value", "Variant SKU", "Variant Inventory Qty"),
        {
            "id": f"Handle + {_SHOPIFY_OPTIONS}",
            "sku": "Variant SKU",
            "title": "Title",
            "product_id": "Handle",
            "available": "Variant Inventory Qty",
            "oversell": "Variant Inventory Policy",
            "status": "Status|Published",
            "barcode": "Variant Barcode",
            "price": "Variant Price",
        },
        {
            # A product's further pictures have rows of their own, with neither option nor variant.
            "exclude.Option1 Value": "(empty)",
            "untracked.Variant Inventory Tracker": "(empty)",
            "untracked.Gift Card": "true",
            "fill_down": "Handle",
        },
    ),
    Preset(
        "amazon-listings",
        "Amazon merchant listings report",
        ("seller-sku", "listing-id", "quantity", "asin1|asin"),
        {
            "id": "seller-sku",
            "sku": "seller-sku",
            "title": "item-name",
            "product_id": "asin1|asin",
            "available": "quantity",
            "status": "status",
            "price": "price",
        },
        {"quoting": "none", "exclude.status": "deleted"},
    ),
    Preset(
        "amazon-fba",
        "Amazon FBA inventory report",
        ("sku", "fnsku", "afn-fulfillable-quantity"),
        {
            "id": "sku",
            "sku": "sku",
            "title": "product-name",
            "product_id": "asin",
            "available": "afn-fulfillable-quantity",
            "on_hand": "afn-warehouse-quantity",
            "committed": "afn-reserved-quantity",
            "incoming": "afn-inbound-shipped-quantity",
            "price": "your-price",
        },
        {"quoting": "none"},
    ),
    Preset(
        "amazon-fulfilled",
        "Amazon fulfilled inventory report",
        ("seller-sku", "fulfillment-channel-sku", "Warehouse-Condition-code", "Quantity Available"),
        {"id": "seller-sku", "sku": "seller-sku", "product_id": "asin", "available": "Quantity Available"},
        {"quoting": "none", "filter.Warehouse-Condition-code": "SELLABLE"},
    ),
    Preset(
        "ebay-listings",
        "eBay active listings",
        ("Item number", "Custom label (SKU)|Custom label", "Available quantity|Quantity"),
        {
            "id": "Item number + Variation details|Item number",
            "sku": "Custom label (SKU)|Custom label",
            "title": "Title",
            "product_id": "Item number",
            "available": "Available quantity|Quantity",
            "price": "Current price|Start price",
            "currency": "Currency",
        },
    ),
    Preset(
        "etsy-listings",
        "Etsy listings",
        ("TITLE", "QUANTITY", "CURRENCY_CODE", "MATERIALS|TAGS", "SKU"),
        {"id": "TITLE", "sku": "SKU", "title": "TITLE", "available": "QUANTITY", "price": "PRICE", "currency": "CURRENCY_CODE"},
        {"sku_separator": ","},
    ),
    Preset(
        "woocommerce-products",
        "WooCommerce product export",
        ("ID", "Type", "SKU", "Name", "Published", "In stock?", "Stock"),
        {
            "id": "ID",
            "sku": "SKU",
            "title": "Name",
            "available": "Stock",
            "status": "Published",
            "sellable": "In stock?",
            "oversell": "Backorders allowed?",
            "parent": "Parent",
            "barcode": "GTIN, UPC, EAN, or ISBN",
            "price": "Regular price",
        },
        {"exclude.Type": "variable,grouped,external", "untracked_values": "(empty)", "parent_values": "parent"},
    ),
    Preset(
        "facebook-catalogue",
        "Facebook catalogue",
        ("id", "title", "availability", "quantity_to_sell_on_facebook|inventory"),
        {
            "id": "id",
            "sku": "id",
            "title": "title",
            "available": "quantity_to_sell_on_facebook|inventory",
            "sellable": "availability",
            "product_id": "item_group_id",
            "barcode": "gtin",
            "price": "price",
        },
    ),
    Preset(
        "google-catalogue",
        "Google or Facebook catalogue",
        ("id", "title", "availability", "price|link|image_link"),
        {
            "id": "id",
            "sku": "id",
            "title": "title",
            "sellable": "availability",
            "product_id": "item_group_id",
            "barcode": "gtin",
            "price": "price",
        },
    ),
    Preset(
        "prestashop-products",
        "PrestaShop product export",
        ("Product ID|ID", "Reference", "Quantity", "Status|Active|Active (0/1)", "Category|Price (tax excl.)|Price tax excluded"),
        {
            "id": "Product ID|ID",
            "sku": "Reference",
            "title": "Name",
            "available": "Quantity",
            "status": "Status|Active (0/1)|Active",
            "price": "Price (tax excl.)|Price tax excluded",
        },
    ),
    Preset(
        "magento-products",
        "Magento product export",
        ("sku", "attribute_set_code", "product_type", "qty", "is_in_stock"),
        {
            "id": "sku",
            "sku": "sku",
            "title": "name",
            "available": "qty",
            "sellable": "is_in_stock",
            "oversell": "allow_backorders",
            "price": "price",
        },
        {
            # A row of a store view holds that view's texts and no stock of its own.
            "filter.store_view_code": "(empty)",
            "exclude.product_type": "configurable,bundle,grouped",
            "untracked.use_config_manage_stock + manage_stock": "0/0,0.0000/0.0000",
        },
    ),
)


def preset_for(headings: Collection[str], wanted: str) -> Preset | None:
    """The first preset whose headings are there, or the one that `wanted` names; None for `none`."""
    if wanted == "none":
        return None
    known = {plain(heading) for heading in headings}
    return next((preset for preset in PRESETS if (preset.name == wanted or wanted == "auto") and preset.fits(known)), None)
