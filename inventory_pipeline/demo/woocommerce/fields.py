"""The fields of WooCommerce's REST v3, in the order of answers recorded from 7.0.0, 10.3.6 and 11.0.1.

Versions between those are taken to change at 10 and at 11; the full product of 7.0.0 was not recorded.
"""

from typing import Any

# fmt: off
PRODUCT = (
    "id", "name", "slug", "permalink", "date_created", "date_created_gmt", "date_modified", "date_modified_gmt", "type", "status",
    "featured", "catalog_visibility", "description", "short_description", "sku", "price", "regular_price", "sale_price",
    "date_on_sale_from", "date_on_sale_from_gmt", "date_on_sale_to", "date_on_sale_to_gmt", "on_sale", "purchasable",
    "total_sales", "virtual", "downloadable", "downloads", "download_limit", "download_expiry", "external_url", "button_text",
    "tax_status", "tax_class", "manage_stock", "stock_quantity", "backorders", "backorders_allowed", "backordered",
    "low_stock_amount", "sold_individually", "weight", "dimensions", "shipping_required", "shipping_taxable", "shipping_class",
    "shipping_class_id", "reviews_allowed", "average_rating", "rating_count", "upsell_ids", "cross_sell_ids", "parent_id",
    "purchase_note", "categories", "brands", "tags", "images", "attributes", "default_attributes", "variations",
    "grouped_products", "menu_order", "price_html", "related_ids", "meta_data", "stock_status", "has_options", "post_password",
    "global_unique_id", "_links",
)
VARIATION = (
    "id", "type", "date_created", "date_created_gmt", "date_modified", "date_modified_gmt", "description", "permalink", "sku",
    "global_unique_id", "price", "regular_price", "sale_price", "date_on_sale_from", "date_on_sale_from_gmt",
    "date_on_sale_to", "date_on_sale_to_gmt", "on_sale", "status", "purchasable", "virtual", "downloadable", "downloads",
    "download_limit", "download_expiry", "tax_status", "tax_class", "manage_stock", "stock_quantity", "stock_status",
    "backorders", "backorders_allowed", "backordered", "low_stock_amount", "weight", "dimensions", "shipping_class",
    "shipping_class_id", "image", "gallery_image_ids", "attributes", "menu_order", "meta_data", "name", "parent_id", "_links",
)
SINCE_10 = {"brands", "post_password", "global_unique_id"}
SINCE_10_IN_VARIATIONS = {"type", "name", "parent_id", "global_unique_id"}
SINCE_11 = {"gallery_image_ids"}
# What the demo's shops never set, as an untouched product has it.
UNSET: dict[str, Any] = {
    "featured": False, "catalog_visibility": "visible", "description": "", "short_description": "", "sale_price": "",
    "date_on_sale_from": None, "date_on_sale_from_gmt": None, "date_on_sale_to": None, "date_on_sale_to_gmt": None,
    "on_sale": False, "total_sales": 0, "virtual": False, "downloadable": False, "downloads": [], "download_limit": -1,
    "download_expiry": -1, "external_url": "", "button_text": "", "tax_status": "taxable", "tax_class": "",
    "sold_individually": False, "weight": "", "dimensions": {"length": "", "width": "", "height": ""},
    "shipping_required": True, "shipping_taxable": True, "shipping_class": "", "shipping_class_id": 0, "reviews_allowed": True,
    "average_rating": "0.00", "rating_count": 0, "upsell_ids": [], "cross_sell_ids": [], "purchase_note": "",
    "categories": [{"id": 15, "name": "Uncategorized", "slug": "uncategorized"}], "brands": [], "tags": [], "images": [],
    "default_attributes": [], "menu_order": 0, "related_ids": [], "meta_data": [], "post_password": "", "image": None,
    "gallery_image_ids": [],
}
# fmt: on
