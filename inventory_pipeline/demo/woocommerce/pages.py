"""Pages of WooCommerce's lists, encoded once and kept until the catalogue changes: a big catalogue is served fast."""

from dataclasses import replace

from inventory_pipeline.demo.catalogue import Catalogue, Item
from inventory_pipeline.demo.messages import Body
from inventory_pipeline.demo.woocommerce.items import Form, columns
from inventory_pipeline.demo.woocommerce.query import Query
from inventory_pipeline.demo.woocommerce.site import Site

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
