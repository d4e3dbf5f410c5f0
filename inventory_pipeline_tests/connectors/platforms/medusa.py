"""A Medusa backend with one good of each kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline_tests.connectors.medusa_server import KEY, Fault, MedusaServer, Rows, item, level, medusa_context, variant
from inventory_pipeline_tests.connectors.platform_case import Live, PlatformCase
from inventory_pipeline_tests.http.local_server import Answer, LocalServer, Request, silence

ROWS: Rows = {
    "stock-locations": [{"id": "sloc_1", "name": "Main"}, {"id": "sloc_2", "name": "Second"}],
    "inventory-items": [
        item("i1", level(5, stocked_quantity=7, reserved_quantity=2, incoming_quantity=0), level(1, "sloc_2")),
        item("i2", level(0)),
        item("i3", level(-4)),
        item("i5"),
        item("i6", level(None)),
        item("i7", level("plenty")),
    ],
    "product-variants": [
        variant("v1", "i1"),
        variant("v2", "i2"),
        variant("v3", "i3", allow_backorder=True),
        variant("v4", manage_inventory=False),
        variant("v5", "i5"),
        variant("v6", "i6"),
        variant("v7", "i7"),
        variant("v8", "i2"),
    ],
}


@contextmanager
def served(fault: Fault = lambda _: None, key: str = KEY) -> Iterator[Live]:
    with LocalServer(MedusaServer(ROWS, fault, key)) as server:
        yield Live(medusa_context(server.url, {"per_page": "3"}), server)


def breaking_off(request: Request) -> Answer | None:
    if request.path != "/admin/product-variants":
        return None
    answer = MedusaServer(ROWS)(request)
    return Answer(200, answer.body[:-9], answer.headers)


CASE = PlatformCase(
    lines={
        ("v1", "sloc_1"): Quantity.of(5),
        ("v1", "sloc_2"): Quantity.of(1),
        ("v2", "sloc_1"): Quantity.of(0),
        ("v3", "sloc_1"): Quantity.of(-4),
        ("v4", "-"): UNTRACKED,
        ("v5", "-"): UNKNOWN,
        ("v6", "sloc_1"): UNKNOWN,
        ("v8", "sloc_1"): Quantity.of(0),
    },
    bad_items=1,
    secrets=(KEY,),
    whole=served,
    refusing=partial(served, key="sk_another"),
    down=partial(served, lambda _: Answer.html("Maintenance", 503)),
    breaking_off=partial(served, breaking_off),
    silent=partial(served, lambda _: silence()),
)
