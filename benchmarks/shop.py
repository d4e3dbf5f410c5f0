"""A WooCommerce shop that costs next to nothing: pages encoded before they are asked for, no keys looked at.

    python -m benchmarks.shop [--skus 100000] [--delay 0.15]

It answers `_fields=`; without it a product comes whole, about four kilobytes.

Writes its address as the first line of standard output and ends when standard input closes. `GET /version/2` turns it into
the shop of the next day: every 50th product has another stock.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from inventory_pipeline.demo.woocommerce.items import PRODUCT, UNSET

PER_PAGE = 100
# What the peers ask for and store; ours asks for a few more.
NINE = ("id", "type", "name", "status", "sku", "price", "manage_stock", "stock_quantity", "stock_status")
_WORDS = "Fired twice in a wood kiln, glazed by hand; no two are alike. Dishwasher safe, but the sea never is. "
_IMAGE = {"id": 77, "date_created": "2026-01-05T08:00:00", "src": "https://shop.example/wp-content/uploads/mug.jpg", "alt": ""}


def product(number: int, version: int) -> dict[str, Any]:
    """Product `number` (from 0) on the first or the second day."""
    return {
        "id": number + 10,
        "type": "simple",
        "name": f"Enamel mug number {number}, ocean blue",
        "status": "publish",
        "sku": f"SKU-{number:07}",
        "price": f"{number % 90 + 5}.90",
        "manage_stock": True,
        "stock_quantity": quantity(number, version),
        "stock_status": "instock",
        "backorders": "no",
        "global_unique_id": f"20{number:011}",
        "variations": [],
    }


def whole(number: int, version: int) -> dict[str, Any]:
    """The product with everything else that a shop says of it when nobody asks for less."""
    own = product(number, version)
    others = {name: f"https://shop.example/product/mug-{number}" for name in PRODUCT if name not in UNSET and name not in own}
    return {**UNSET, **others, **own, "description": f"<p>{_WORDS * 8}</p>", "images": [_IMAGE] * 3}


def quantity(number: int, version: int) -> int:
    return number * 7919 % 500 + 1 + (7 if version == 2 and number % 50 == 0 else 0)


def units(skus: int, version: int) -> int:
    """All stock of the shop: what a peer's database must sum up to."""
    return sum(quantity(number, version) for number in range(skus))


class Shop:
    def __init__(self, skus: int, delay: float) -> None:
        self.skus, self.delay, self.version = skus, delay, 1
        self._answers: dict[tuple[int, str, int], bytes] = {}

    def answer(self, target: str) -> bytes:
        parts = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.startswith("/version/"):
            self.version = int(parts.path.rpartition("/")[2])
            return _response(b"{}")
        if parts.path.endswith("/variations"):
            return _response(b"[]", 0)
        page, fields = int(asked.get("page", 1)), asked.get("_fields", "")
        key = self.version, fields, page
        if key not in self._answers:
            self._encode(*key[:2], parts.path)
        return self._answers.get(key) or _response(b"[]", self.skus)

    def _encode(self, version: int, fields: str, path: str) -> None:
        """Every page of a list, when the first one is asked for: `warm` does, before any clock runs."""
        names = fields.split(",") if fields else None
        for page, start in enumerate(range(0, self.skus, PER_PAGE), 1):
            numbers = range(start, min(start + PER_PAGE, self.skus))
            rows = [product(number, version) if names else whole(number, version) for number in numbers]
            if names:
                rows = [{name: row[name] for name in names if name in row} for row in rows]
            more = start + PER_PAGE < self.skus
            chosen = f"_fields={fields}&" if fields else ""
            link = f'<{path}?{chosen}per_page={PER_PAGE}&page={page + 1}>; rel="next"' if more else ""
            self._answers[version, fields, page] = _response(msgspec.json.encode(rows), self.skus, link)


def _response(body: bytes, total: int | None = None, link: str = "") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: {len(body)}\r\n"
    if total is not None:
        head += f"X-WP-Total: {total}\r\nX-WP-TotalPages: {-(-total // PER_PAGE)}\r\n"
    return (head + (f"Link: {link}\r\n" if link else "") + "\r\n").encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self, shop: Shop) -> None:
        self._shop, self._asked = shop, b""

    def connection_made(self, transport: Any) -> None:
        self._send: Callable[[bytes], None] = transport.write

    def data_received(self, data: bytes) -> None:
        self._asked += data
        while b"\r\n\r\n" in self._asked:
            head, _, self._asked = self._asked.partition(b"\r\n\r\n")
            answer = self._shop.answer(head.split(b" ", 2)[1].decode())
            if self._shop.delay:
                asyncio.get_running_loop().call_later(self._shop.delay, self._send, answer)
            else:
                self._send(answer)


async def _serve(shop: Shop) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(shop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--skus", type=int, default=100_000)
    parser.add_argument("--delay", type=float, default=0.0)
    options = parser.parse_args()
    asyncio.run(_serve(Shop(options.skus, options.delay)))


if __name__ == "__main__":
    main()
