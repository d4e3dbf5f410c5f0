"""A Vendure server with one good of each kind, entered by logging in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline_tests.connectors.platform_case import Live, PlatformCase
from inventory_pipeline_tests.connectors.vendure_server import (
    PASSWORD,
    USERNAME,
    Fault,
    VendureServer,
    level,
    variant,
    vendure_context,
)
from inventory_pipeline_tests.http.local_server import Answer, LocalServer, Request, silence

VARIANTS = [
    variant("1", level(7, 2), level(1, 0, "2")),
    variant("2", level(0)),
    variant("3", level(-4)),
    variant("4", level(9), trackInventory="FALSE"),
    variant("5"),
    variant("6", level("plenty")),
]
LOGIN = {"username": USERNAME, "password": PASSWORD}


@contextmanager
def served(fault: Fault = lambda _name, _request: None, password: str = PASSWORD) -> Iterator[Live]:
    with LocalServer(VendureServer(VARIANTS, fault, "bearer", password=password)) as server:
        yield Live(vendure_context(server.url, {"per_page": "2"}, LOGIN), server)


def breaking_off(name: str, request: Request) -> Answer | None:
    if name != "InventoryVariants" or json.loads(request.body)["variables"]["skip"] == 0:
        return None
    page = {"data": {"productVariants": {"totalItems": len(VARIANTS), "items": VARIANTS}}}
    return Answer(200, Answer.json(page).body[:-9])


CASE = PlatformCase(
    lines={
        ("1", "1"): Quantity.of(5),
        ("1", "2"): Quantity.of(1),
        ("2", "1"): Quantity.of(0),
        ("3", "1"): Quantity.of(-4),
        ("4", "1"): UNTRACKED,
        ("5", "-"): UNKNOWN,
    },
    bad_items=1,
    secrets=(PASSWORD,),
    whole=served,
    refusing=partial(served, password="another"),
    down=partial(served, lambda _name, _request: Answer.html("Maintenance", 503)),
    breaking_off=partial(served, breaking_off),
    silent=partial(served, lambda _name, _request: silence()),
)
