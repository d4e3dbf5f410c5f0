"""A supplier's CSV on the web, behind a password."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from inventory_pipeline.connectors.base import ConnectorContext
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline_tests.connectors.platform_case import Live, PlatformCase
from inventory_pipeline_tests.http.local_server import Answer, App, LocalServer, Request, silence, wire

USER, PASSWORD = "warehouse-reader", "pw_0123456789abcdef"
ROWS = b"id,sku,title,available\n1,A,One,5\n2,B,Two,0\n3,C,Three,-4\n4,D,Four,unlimited\n5,E,Five,\n6,F,Six,plenty\n"
QUANTITIES = [Quantity.of(5), Quantity.of(0), Quantity.of(-4), UNTRACKED, UNKNOWN]


def guarded(request: Request, password: str = PASSWORD) -> Answer:
    expected = "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()
    if request.headers.get("authorization") != expected:
        return Answer.html("Unauthorized", 401)
    return Answer(200, ROWS, {"Content-Type": "text/csv; charset=utf-8"})


@contextmanager
def served(app: App = guarded) -> Iterator[Live]:
    with LocalServer(app) as server:
        store = StoreIntegration(
            key="feed",
            platform="feed",
            url=f"{server.url}/stock.csv",
            settings={"untracked_values": "unlimited"},
            allow_private=True,
        )
        yield Live(ConnectorContext(store=store, credentials={"username": USER, "password": PASSWORD}), server)


CASE = PlatformCase(
    lines={(str(number), "default"): quantity for number, quantity in enumerate(QUANTITIES, 1)},
    bad_items=1,
    secrets=(PASSWORD,),
    whole=served,
    refusing=partial(served, partial(guarded, password="another")),
    down=partial(served, lambda _: Answer.html("Maintenance", 503)),
    breaking_off=partial(served, lambda _: wire(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", ROWS)),
    silent=partial(served, lambda _: silence()),
)
