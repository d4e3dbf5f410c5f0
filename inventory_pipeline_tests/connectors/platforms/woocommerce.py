"""A WooCommerce shop over plain http, with one good of each kind."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline_tests.connectors.made_up_shop import Fault, MadeUpShop, parent, product, variation
from inventory_pipeline_tests.connectors.platform_case import Live, PlatformCase
from inventory_pipeline_tests.connectors.reading import woo_context
from inventory_pipeline_tests.connectors.woocommerce_protocol import KEY, SECRET, Gate
from inventory_pipeline_tests.http.local_server import Answer, Request, silence

PRODUCTS = [
    product(1),
    product(2, stock_quantity=0),
    product(3, stock_quantity=-4, backorders="yes"),
    product(4, manage_stock=False, stock_quantity=None),
    product(5, stock_quantity=None),
    product(6, stock_quantity="plenty"),
    parent(7, 8, manage_stock=True, stock_quantity=None),
]
VARIATIONS = [variation(8, 7, manage_stock="parent", stock_quantity=0)]
QUANTITIES = [Quantity.of(5), Quantity.of(0), Quantity.of(-4), UNTRACKED, UNKNOWN]


@contextmanager
def served(fault: Fault = lambda _: None, gate: Gate | None = None) -> Iterator[Live]:
    shop = MadeUpShop(PRODUCTS, VARIATIONS, fault=fault, gate=gate or Gate())
    with shop.serve() as server:
        yield Live(woo_context(server.url, {"per_page": "2"}), server)


def breaking_off(request: Request) -> Answer | None:
    if request.query.get("page") != "2":
        return None
    return Answer(200, json.dumps(PRODUCTS).encode()[:-20], {"X-WP-Total": "7"})


CASE = PlatformCase(
    lines={(str(number), "default"): quantity for number, quantity in enumerate(QUANTITIES, 1)} | {("8", "default"): UNKNOWN},
    bad_items=1,
    secrets=(KEY, SECRET),
    whole=served,
    refusing=partial(served, gate=Gate(secret="cs_another")),
    down=partial(served, lambda _: Answer.html("Maintenance", 503)),
    breaking_off=partial(served, breaking_off),
    silent=partial(served, lambda _: silence()),
)
