"""A Shopify shop read by a bulk operation, with one good of each kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline_tests.connectors.made_up_shopify import TOKEN, Fault, MadeUpShopify, level, variant
from inventory_pipeline_tests.connectors.platform_case import Live, PlatformCase
from inventory_pipeline_tests.connectors.shopify_reading import shopify_context
from inventory_pipeline_tests.http.local_server import Answer, Request, silence

VARIANTS = [
    variant(1),
    variant(2, availableForSale=False),
    variant(3, inventoryPolicy="CONTINUE"),
    variant(4, tracked=False),
    variant(5),
    variant(6),
    variant(7),
    variant(8, item=3),
]
LEVELS = [
    level(1, available=5, on_hand=6, committed=1, incoming=0),
    level(2, available=0, on_hand=0),
    level(3, available=-4),
    level(4, available=0),
    level(5, on_hand=3),
    level(6, available="plenty"),
]
QUANTITIES = [Quantity.of(5), Quantity.of(0), Quantity.of(-4), UNTRACKED, UNKNOWN]


@contextmanager
def served(fault: Fault = lambda _name, _request: None, token: str = TOKEN) -> Iterator[Live]:
    with MadeUpShopify(VARIANTS, LEVELS, fault, token).serve() as server:
        assert isinstance(server.app, MadeUpShopify)
        yield Live(shopify_context(server.url), server)


def breaking_off(name: str, request: Request) -> Answer | None:
    return None if name else Answer(200, MadeUpShopify(VARIANTS, LEVELS).jsonl[:-20])


CASE = PlatformCase(
    lines={(str(number), "1"): quantity for number, quantity in enumerate(QUANTITIES, 1)}
    | {("7", "-"): UNKNOWN, ("8", "1"): Quantity.of(-4)},
    bad_items=1,
    secrets=(TOKEN,),
    whole=served,
    refusing=partial(served, token="shpat_another"),
    down=partial(served, lambda _name, _request: Answer.html("Maintenance", 503)),
    breaking_off=partial(served, breaking_off),
    silent=partial(served, lambda _name, _request: silence()),
)
