"""The demo's stores as a process: `python -m inventory_pipeline.demo.serve --data DIR`.

Starts two WooCommerce shops, their supplier's feed and a Shopify shop on loopback ports and sells in them as time passes. When
they answer, it writes DIR/demo.json and prints that path. Keys, ports and the number of sales steps in that file are taken up
again, so that a restarted demo has the same addresses and goes on where it was. Ends on SIGINT or SIGTERM, and with its
parent: when standard input, where it is a pipe, is closed.
"""

import argparse
import contextlib
import json
import os
import select
import signal
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from inventory_pipeline.demo.feed import DemoFeed
from inventory_pipeline.demo.sales import Sales
from inventory_pipeline.demo.shopify import DemoShopify
from inventory_pipeline.demo.shops import demo_catalogue, supplier_catalogue, synthetic_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore

STATE = "demo.json"
SHOPS = {  # key: name and WooCommerce version
    "demo-harbour": ("Harbour & Pine (WooCommerce 7)", "7.0.0"),
    "demo-lighthouse": ("Lighthouse Store (WooCommerce 11)", "11.0.1"),
}
SUPPLIER = "demo-supplier"
SHOPIFY = "demo-driftwood"
FEED_SETTINGS = {"column.id": "Item No", "column.title": "Description", "currency": "EUR"}
REPLAYED = 5000  # sales steps that a restart makes again at most, so that it stays a matter of seconds


class Demo:
    """The shops and their supplier: they answer inside `with`; stock moves by `step`."""

    def __init__(self, known: Mapping[str, Any], *, lines: int | None = None) -> None:
        """`known` is what `describe` said before, or empty; `lines` puts big synthetic catalogues into the shops."""
        self._known = {store["key"]: store for store in known.get("stores", ())}
        self.servers: dict[str, DemoStore | DemoFeed | DemoShopify] = {}
        for number, (key, (_, version)) in enumerate(SHOPS.items(), 1):
            credentials = self._credentials(key)
            self.servers[key] = DemoStore(
                demo_catalogue(number) if lines is None else synthetic_catalogue(lines),
                version=version,
                key=credentials.get("consumer_key"),
                secret=credentials.get("consumer_secret"),
            )
        self.servers[SUPPLIER] = DemoFeed(supplier_catalogue())
        catalogue = demo_catalogue(len(SHOPS) + 1) if lines is None else synthetic_catalogue(lines)
        self.servers[SHOPIFY] = DemoShopify(catalogue, token=self._credentials(SHOPIFY).get("access_token"))
        self._sales = [Sales(server.catalogue, seed=number) for number, server in enumerate(self.servers.values())]
        self.step(min(known.get("steps", 0), REPLAYED))
        self._running = contextlib.ExitStack()

    @property
    def steps(self) -> int:
        return self._sales[0].steps

    def _credentials(self, key: str) -> Mapping[str, str]:
        return self._known.get(key, {}).get("credentials", {})

    def step(self, times: int = 1) -> None:
        for sales in self._sales:
            sales.step(times)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            for key, server in self.servers.items():
                starting.callback(server.close)
                try:
                    server.start(urlsplit(self._known.get(key, {}).get("url", "")).port or 0)
                except OSError:  # somebody else has the port by now
                    server.start()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def describe(self) -> dict[str, Any]:
        """Each store's key, name, platform, URL, settings and credential values, and how many steps were sold."""
        stores = []
        for key, server in self.servers.items():
            if isinstance(server, DemoStore):
                about = {"name": SHOPS[key][0], "platform": "woocommerce", "url": server.url, "settings": {}}
                credentials = {"consumer_key": server.key, "consumer_secret": server.secret}
            elif isinstance(server, DemoShopify):
                about = {"name": "Driftwood & Co (Shopify)", "platform": "shopify", "url": server.url, "settings": {}}
                credentials = {"access_token": server.token}
            else:
                about = {"name": "Northern Supply (CSV feed)", "platform": "feed", "url": f"{server.url}/stock.csv"}
                about |= {"settings": FEED_SETTINGS}
                credentials = {}
            stores.append({"key": key, **about, "credentials": credentials})
        return {"steps": self.steps, "stores": stores}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="inventory_pipeline.demo.serve", description="Local demo stores, until interrupted.")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder of {STATE}: URLs and keys")
    parser.add_argument("--interval", type=float, default=20.0, metavar="SECONDS", help="between sales; 0 for none (20)")
    parser.add_argument("--lines", type=int, metavar="N", help="serve synthetic catalogues of N lines, for benchmarks")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="later for every answer (0)")
    options = parser.parse_args(arguments)
    options.data.mkdir(parents=True, exist_ok=True)
    state = options.data / STATE
    with _endings() as ended, Demo(_read(state), lines=options.lines) as demo:
        if options.latency:
            for server in demo.servers.values():
                server.faults.latency(options.latency)
        _write(state, demo.describe())
        sys.stdout.write(f"{state}\n")
        sys.stdout.flush()
        while not ended(options.interval or None):
            demo.step()
            _write(state, demo.describe())
    return 0


@contextlib.contextmanager
def _endings() -> Iterator[Callable[[float | None], bool]]:
    """A function that waits so many seconds (None: for ever) and says whether the process has been told to end.

    Signals only write into a pipe: a second one cannot break into the clean-up that the first began.
    """
    reading, writing = os.pipe()
    watched = [reading]
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        watched.append(0)  # closed when the parent dies, however it dies
    before = {number: signal.signal(number, lambda *_: os.write(writing, b".")) for number in (signal.SIGINT, signal.SIGTERM)}

    def ended(seconds: float | None) -> bool:
        ready, _, _ = select.select(watched, [], [], seconds)
        return reading in ready or (0 in ready and not os.read(0, 4096))

    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


def _read(state: Path) -> Mapping[str, Any]:
    return json.loads(state.read_text()) if state.exists() else {}


def _write(state: Path, description: Mapping[str, Any]) -> None:
    """In one piece, and readable by its owner only: it holds keys."""
    new = state.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(description, file, indent=1)
    new.replace(state)


if __name__ == "__main__":
    sys.exit(main())
