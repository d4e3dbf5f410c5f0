"""A PrestaShop with one good of each kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from inventory_pipeline.core.quantity import UNKNOWN, Quantity
from inventory_pipeline_tests.connectors.platform_case import Live, PlatformCase
from inventory_pipeline_tests.connectors.prestashop_shop import KEY, Fault, PrestaShopServer, presta_context
from inventory_pipeline_tests.http.local_server import Answer, LocalServer, Request, silence

PRODUCTS = [
    {"id": number, "reference": f"P-{number}", "name": f"Product {number}", "active": "1", "state": "1"} for number in range(1, 7)
]
COMBINATIONS = [{"id": number, "id_product": "3", "reference": f"C-{number}"} for number in (1, 2)]
STOCK = [
    {"id": number, "id_product": str(product), "id_product_attribute": str(inner), "quantity": quantity, "out_of_stock": "2"}
    for number, (product, inner, quantity) in enumerate(
        [(1, 0, "5"), (2, 0, "0"), (3, 0, "6"), (3, 1, "-4"), (3, 2, "10"), (4, 0, None), (5, 0, "plenty")], 1
    )
]
ROWS = {"products": PRODUCTS, "combinations": COMBINATIONS, "stock_availables": STOCK}


@contextmanager
def served(fault: Fault = lambda _: None, key: str = KEY) -> Iterator[Live]:
    with LocalServer(PrestaShopServer(ROWS, fault, key)) as server:
        yield Live(presta_context(server.url, {"per_page": "2"}), server)


def breaking_off(request: Request) -> Answer | None:
    if request.path != "/api/stock_availables":
        return None
    answer = PrestaShopServer(ROWS)(request)
    return Answer(200, answer.body[:-9], answer.headers)


CASE = PlatformCase(
    lines={
        ("1-0", "default"): Quantity.of(5),
        ("2-0", "default"): Quantity.of(0),
        ("3-1", "default"): Quantity.of(-4),
        ("3-2", "default"): Quantity.of(10),
        ("4-0", "default"): UNKNOWN,
        ("6-0", "-"): UNKNOWN,
    },
    bad_items=1,
    secrets=(KEY,),
    whole=served,
    refusing=partial(served, key="another"),
    down=partial(served, lambda _: Answer.html("Maintenance", 503)),
    breaking_off=partial(served, breaking_off),
    silent=partial(served, lambda _: silence()),
    states=frozenset({"tracked", "unknown"}),
)
