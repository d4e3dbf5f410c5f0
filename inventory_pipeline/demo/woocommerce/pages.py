"""What a request for one of WooCommerce's lists asks, and the pages of those lists.

Pages are encoded once and kept until the catalogue changes, so that a big catalogue is served fast.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

from inventory_pipeline.demo.catalogue import Catalogue, Item
from inventory_pipeline.demo.messages import Body
from inventory_pipeline.demo.woocommerce.items import Form, columns, sku, slug
from inventory_pipeline.demo.woocommerce.site import Site

ORDERS: dict[str, Callable[[Item], Any]] = {
    "date": lambda item: item.created,
    "modified": lambda item: item.modified,
    "id": lambda item: item.id,
    "title": lambda item: item.title.lower(),
    "slug": slug,
}
STATUSES = ("any", "future", "trash", "draft", "pending", "private", "publish")
_CHOICES = {"orderby": tuple(ORDERS), "order": ("asc", "desc"), "status": STATUSES, "context": ("view", "edit")}
_LARGEST = 2**63  # PHP's integers end here, and with them the offset of a page


class InvalidParameters(Exception):
    """What WordPress answers with 400: the text, and `data` for a machine. Made from name → (code, message)."""

    def __init__(self, details: Mapping[str, tuple[str, str]]) -> None:
        super().__init__(f"Invalid parameter(s): {', '.join(details)}")
        self.data = {
            "params": {name: message for name, (_, message) in details.items()},
            "details": {name: {"code": code, "message": message, "data": None} for name, (code, message) in details.items()},
        }


@dataclass(frozen=True, slots=True)
class Query:
    """One list request, checked."""

    page: int = 1
    per_page: int = 10
    orderby: str = "date"
    order: str = "desc"
    status: str = "any"
    include: tuple[int, ...] = ()
    skus: tuple[str, ...] = ()
    fields: tuple[str, ...] | None = None

    @classmethod
    def of(cls, params: Mapping[str, str]) -> "Query":
        """Raises InvalidParameters."""
        problems: dict[str, tuple[str, str]] = {}
        for name, highest in (("page", None), ("per_page", 100)):
            if problem := _number_problem(name, params.get(name, "1"), highest):
                problems[name] = problem
        for name, choices in _CHOICES.items():
            if name in params and params[name] not in choices:
                listed = f"{', '.join(choices[:-1])}{',' if len(choices) > 2 else ''} and {choices[-1]}"
                problems[name] = ("rest_not_in_enum", f"{name} is not one of {listed}.")
        if problems:
            raise InvalidParameters(problems)
        return cls(
            page=int(params.get("page", 1)),
            per_page=int(params.get("per_page", 10)),
            orderby=params.get("orderby", "date"),
            order=params.get("order", "desc"),
            status=params.get("status", "any"),
            include=tuple(int(part) for part in _list(params.get("include")) if part.isdecimal()),
            skus=tuple(_list(params.get("sku"))),
            fields=tuple(name.partition(".")[0] for name in _list(params["_fields"])) if params.get("_fields") else None,
        )

    def select(self, items: Iterable[Item], *, stable: bool) -> list[Item]:
        """The items that match, in order, over all pages.

        Before 11 (`stable` False) items that share their place in the order come out differently on each page, so that
        some are repeated and some never shown: seen on 7.0.0 and 10.3.6, where products share a creation time.
        """
        chosen = [
            item
            for item in items
            if self.status in ("any", item.status)
            and (not self.include or item.id in self.include)
            and (not self.skus or sku(item) in self.skus)
        ]
        place = ORDERS[self.orderby]
        tied = (lambda item: item.id) if stable else (lambda item: crc32(b"%d %d" % (item.id, self.page)))
        return sorted(chosen, key=lambda item: (place(item), tied(item)), reverse=self.order == "desc")

    def window(self, items: list[Item]) -> list[Item]:
        """This page's part. A page beyond PHP's integers is the first one again."""
        start = (self.page - 1) * self.per_page
        return items[start : start + self.per_page] if start < _LARGEST else items[: self.per_page]


def _number_problem(name: str, text: str, highest: int | None) -> tuple[str, str] | None:
    if not text.removeprefix("-").isdecimal():
        return "rest_invalid_type", f"{name} is not of type integer."
    if highest is None:
        return None if int(text) >= 1 else ("rest_out_of_bounds", f"{name} must be greater than or equal to 1")
    if 1 <= int(text) <= highest:
        return None
    return "rest_out_of_bounds", f"{name} must be between 1 (inclusive) and {highest} (inclusive)"


def _list(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


KEPT = 20_000  # pages and listings, each


class Pages:
    """The lists of one store."""

    def __init__(self, catalogue: Catalogue, version: tuple[int, ...]) -> None:
        self._catalogue = catalogue
        self._stable = version >= (11,)
        self._revision = catalogue.revision
        self._listings: dict[tuple[Form, int | None, Query], list[Item]] = {}
        self._pages: dict[tuple[Form, int | None, Query], tuple[Body, int]] = {}

    def page(self, form: Form, product_id: int | None, query: Query, site: Site) -> tuple[Body, int]:
        """The encoded items of one page, and how many there are on all."""
        key = form, product_id, query
        with self._catalogue.lock:
            if self._revision != self._catalogue.revision or max(len(self._pages), len(self._listings)) >= KEPT:
                self._revision = self._catalogue.revision
                self._pages, self._listings = {}, {}
            if key not in self._pages:
                items = self._listing(form, product_id, query)
                fields = columns(form, site.version, query.fields)
                # Orphaned variations are counted, and leave their page short.
                shown = [item for item in query.window(items) if not item.orphaned]
                rows = [{name: field(item, site) for name, field in fields.items()} for item in shown]
                self._pages[key] = Body.of_json(rows), len(items)
            return self._pages[key]

    def _listing(self, form: Form, product_id: int | None, query: Query) -> list[Item]:
        ordered = self._stable or query.orderby == "id"
        key = form, product_id, replace(query, fields=None, per_page=0, page=0 if ordered else query.page)
        if key not in self._listings:
            self._listings[key] = query.select(self._scope(form, product_id, query), stable=self._stable)
        return self._listings[key]

    def _scope(self, form: Form, product_id: int | None, query: Query) -> list[Item]:
        catalogue = self._catalogue
        if form == "variation":
            product = catalogue.get(product_id or 0)
            return product.variations if product else []
        if form == "flat":
            return catalogue.variations
        # A search for SKUs finds variations among the products.
        return catalogue.products + catalogue.variations if query.skus else catalogue.products
