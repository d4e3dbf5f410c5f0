"""A Saleor shop with one good of each kind."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline_tests.connectors.platform_case import Live, PlatformCase
from inventory_pipeline_tests.connectors.saleor_server import TOKEN, Fault, SaleorServer, saleor_context, stock, variant
from inventory_pipeline_tests.http.local_server import Answer, LocalServer, Request, silence

VARIANTS = [
    variant("v1", stock(7, 2), stock(1, 0, "W2")),
    variant("v2", stock(0)),
    variant("v3", stock(-4)),
    variant("v4", stock(9), trackInventory=False),
    variant("v5"),
    variant("v6", stock("plenty")),
]


@contextmanager
def served(fault: Fault = lambda _name, _request: None, token: str = TOKEN) -> Iterator[Live]:
    with LocalServer(SaleorServer(VARIANTS, fault, token)) as server:
        yield Live(saleor_context(server.url, {"per_page": "2"}), server)


def breaking_off(name: str, request: Request) -> Answer | None:
    if name != "InventoryVariants" or json.loads(request.body)["variables"]["after"] is None:
        return None
    answer = SaleorServer(VARIANTS)(request)
    return Answer(200, answer.body[:-9], answer.headers)


CASE = PlatformCase(
    lines={
        ("v1", "W1"): Quantity.of(5),
        ("v1", "W2"): Quantity.of(1),
        ("v2", "W1"): Quantity.of(0),
        ("v3", "W1"): Quantity.of(-4),
        ("v4", "W1"): UNTRACKED,
        ("v5", "-"): UNKNOWN,
    },
    bad_items=1,
    secrets=(TOKEN,),
    whole=served,
    refusing=partial(served, token="another"),
    down=partial(served, lambda _name, _request: Answer.html("Maintenance", 503)),
    breaking_off=partial(served, breaking_off),
    silent=partial(served, lambda _name, _request: silence()),
)
