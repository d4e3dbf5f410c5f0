"""Products and variations as WooCommerce's REST v3 shows them. What is inherited follows WooCommerce's product classes."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote, quote_plus

from inventory_pipeline.demo.catalogue import Item
from inventory_pipeline.demo.woocommerce.site import Site

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


Form = Literal["product", "variation", "flat"]  # in /products, /products/ID/variations and /variations


Field = Callable[[Item, Site], Any]


def columns(form: Form, version: tuple[int, ...], wanted: Iterable[str] | None) -> dict[str, Field]:
    """The fields of an item in that list at that version; `wanted` is the request's `_fields`, None for all."""
    names = PRODUCT if form == "product" else VARIATION
    unknown = SINCE_11 if version < (11,) else set()
    if version < (10,):
        unknown = unknown | (SINCE_10 if form == "product" else SINCE_10_IN_VARIATIONS)
    shown = names if wanted is None else [name for name in wanted if name in names]
    fields = COMPUTED | OWN[form]
    return {name: fields.get(name) or _unset(name) for name in shown if name not in unknown}


def stock_status(item: Item) -> str:
    """instock, outofstock or onbackorder."""
    if item.tracked:
        backorder = "outofstock" if item.pool.backorders == "no" else "onbackorder"
        return "instock" if item.pool.quantity > 0 else backorder
    if item.kind == "variable":
        words = {stock_status(variation) for variation in item.variations}
        return next((word for word in ("instock", "onbackorder") if word in words), "outofstock")
    return item.availability


def sku(item: Item) -> str:
    """A variation without its own shows its parent's."""
    return item.sku or (item.parent.sku if item.parent else "")


def slug(item: Item) -> str:
    return quote("-".join("".join(c if c.isalnum() else " " for c in item.title.lower()).split()))


def _manage_stock(item: Item) -> bool | str:
    return "parent" if item.tracked and item.tracking == "parent" else item.tracked


def _purchasable(item: Item) -> bool:
    hidden = item.kind in ("grouped", "external") or (item.kind == "variation" and item.status != "publish")
    return item.price != "" and not hidden


def _backordered(item: Item) -> bool:
    if not item.tracked:
        return stock_status(item) == "onbackorder"
    return item.pool.backorders != "no" and item.pool.quantity < 1


def _permalink(item: Item, site: Site) -> str:
    page = item.parent or item
    known = page.status == "publish"
    url = f"{site.home}/product/{slug(page)}/" if known else f"{site.home}/?post_type=product&p={page.id}"
    if item.parent is None:
        return url
    return f"{url}{'?' if known else '&'}attribute_{item.parent.option.lower()}={quote_plus(item.title)}"


def _product_attributes(item: Item, _: Site) -> list[dict[str, Any]]:
    options = [variation.title for variation in item.variations]
    return (
        [{"id": 0, "name": item.option, "position": 0, "visible": True, "variation": True, "options": options}] if options else []
    )


def _variation_attributes(item: Item, site: Site) -> list[dict[str, Any]]:
    option = item.parent.option if item.parent else ""
    since_10 = {"slug": option.lower()} if site.version >= (10,) else {}
    return [{"id": 0, "name": option, **since_10, "option": item.title}]


def _links(item: Item, site: Site, collection: str, up: str | None = None, *, hints: bool = True) -> dict[str, Any]:
    self_link: dict[str, Any] = {"href": site.address(f"{collection}/{item.id}")}
    if hints and site.version >= (10,):
        self_link["targetHints"] = {"allow": ["GET", "POST", "PUT", "PATCH", "DELETE"]}
    links = {"self": [self_link], "collection": [{"href": site.address(collection)}]}
    return links | ({"up": [{"href": site.address(up)}]} if up else {})


def _parent_id(item: Item) -> int:
    return item.parent.id if item.parent else 0


def _date(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S")


def _of(field: Callable[[Item], Any]) -> Field:
    return lambda item, _: field(item)


def _unset(name: str) -> Field:
    return lambda _item, _site: UNSET[name]


COMPUTED: dict[str, Field] = {
    "id": _of(lambda item: item.id),
    "slug": _of(slug),
    "permalink": _permalink,
    "date_created": _of(lambda item: _date(item.created)),
    "date_created_gmt": _of(lambda item: _date(item.created)),
    "date_modified": _of(lambda item: _date(item.modified)),
    "date_modified_gmt": _of(lambda item: _date(item.modified)),
    "type": _of(lambda item: item.kind),
    "status": _of(lambda item: item.status),
    "sku": _of(sku),
    "global_unique_id": _of(lambda item: item.barcode),
    "price": _of(lambda item: item.price),
    "regular_price": _of(lambda item: "" if item.kind in ("variable", "grouped") else item.price),
    "purchasable": _of(_purchasable),
    "manage_stock": _of(_manage_stock),
    "stock_quantity": _of(lambda item: item.stock),
    "stock_status": _of(stock_status),
    "backorders": _of(lambda item: item.pool.backorders),
    "backorders_allowed": _of(lambda item: item.pool.backorders != "no"),
    "backordered": _of(_backordered),
    "low_stock_amount": _of(lambda item: item.low_stock),
    "parent_id": _of(_parent_id),
    "variations": _of(lambda item: [variation.id for variation in item.variations]),
    "grouped_products": _of(lambda item: [member.id for member in item.members]),
    "price_html": _of(lambda item: item.price and f"<bdi>{item.price}&nbsp;&euro;</bdi>"),
    "has_options": _of(lambda item: item.kind == "variable"),
}
OWN: dict[Form, dict[str, Field]] = {
    "product": {
        "name": _of(lambda item: f"{item.parent.title} - {item.title}" if item.parent else item.title),
        "attributes": _product_attributes,
        "_links": lambda item, site: _links(item, site, "/wc/v3/products"),
    },
    "variation": {
        "name": _of(lambda item: item.title),
        "attributes": _variation_attributes,
        "_links": lambda item, site: _links(
            item, site, f"/wc/v3/products/{_parent_id(item)}/variations", f"/wc/v3/products/{_parent_id(item)}"
        ),
    },
    "flat": {
        "name": _of(lambda item: item.title),
        "attributes": _variation_attributes,
        # "/products/0" and the missing hints are as recorded: the flat list has lost sight of the parent here.
        "_links": lambda item, site: _links(item, site, "/wc/v3/variations", "/wc/v3/products/0", hints=False),
    },
}
