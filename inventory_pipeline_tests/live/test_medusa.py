"""A real Medusa 2.21 on PostgreSQL: what the sync publishes is what the server says of each inventory item asked for alone."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from socket import AF_UNIX, SHUT_RDWR, SHUT_WR, socket
from typing import Any

import httpx
import pytest
from sqlalchemy import make_url

from inventory_pipeline_tests.live.node_server import CommandLine, install, run_node, serving
from inventory_pipeline_tests.postgres import PostgresServer
from inventory_pipeline_tests.processes import free_port

pytestmark = pytest.mark.live
EMAIL, PASSWORD = "owner@shop.example", "live-password-1"
PRODUCTS, SIZES = 40, "SMLX"


@contextmanager
def reached_by_tcp(socket_file: Path) -> Iterator[int]:
    """The port where the database is reached, which itself listens on a socket file only; Medusa knows no such thing."""

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket(AF_UNIX) as database:
                database.connect(str(socket_file))
                back = threading.Thread(target=_copy, args=(database, self.request))
                back.start()
                _copy(self.request, database)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Relay) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def _copy(source: socket, target: socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(SHUT_WR)
        return
    with suppress(OSError):
        target.shutdown(SHUT_RDWR)


@pytest.fixture
def url(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[str]:
    folder, port = install("medusa", "--legacy-peer-deps"), free_port()
    database = make_url(postgres_server.create_empty_database())
    with reached_by_tcp(Path(str(database.query["host"])) / ".s.PGSQL.5432") as relay:
        environment = {
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{relay}/{database.database}",
            "MEDUSA_DISABLE_TELEMETRY": "1",
            "NODE_ENV": "production",
        }
        medusa = str(folder / "node_modules" / ".bin" / "medusa")
        run_node(folder, medusa, "db:migrate", **environment)
        run_node(folder, medusa, "user", "--email", EMAIL, "--password", PASSWORD, **environment)
        url, command = f"http://127.0.0.1:{port}", (medusa, "start", "--host", "127.0.0.1", "--port", str(port))
        with serving(folder, *command, url=f"{url}/health", log=tmp_path / "medusa.log", **environment):
            yield url


class Admin:
    """The shop's owner at the Admin API."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=120)
        token = self.post("/auth/user/emailpass", email=EMAIL, password=PASSWORD)["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        self._http.close()

    def post(self, path: str, **body: Any) -> Any:
        return self._answer(self._http.post(path, json=body))

    def get(self, path: str, **query: Any) -> Any:
        return self._answer(self._http.get(path, params=query))

    def delete(self, path: str) -> None:
        self._answer(self._http.delete(path))

    def _answer(self, response: httpx.Response) -> Any:
        assert response.status_code == 200, response.text
        return response.json()

    def add_product(self, number: int, depots: list[str]) -> dict[str, str]:
        """Variant ids by SKU. Every tenth product is not managed, every seventh a draft; the second depot has every other one."""
        variants = [
            {
                "title": size,
                "sku": f"SKU-{number:03}-{size}",
                "manage_inventory": number % 10 != 3,
                "options": {"Size": size},
                "prices": [{"amount": 990, "currency_code": "eur"}],
            }
            for size in SIZES
        ]
        product = self.post(
            "/admin/products",
            title=f"Product {number}",
            status="draft" if number % 7 == 6 else "published",
            options=[{"title": "Size", "values": list(SIZES)}],
            variants=variants,
        )["product"]
        for at, (variant, item) in enumerate(self.items_of(product["id"]).items()):
            for depot in depots if at % 2 else depots[:1]:
                path = f"/admin/inventory-items/{item}/location-levels"
                self.post(path, location_id=depot, stocked_quantity=(number * 7 + len(variant) + at * 3) % 40)
        return {variant["sku"]: variant["id"] for variant in product["variants"]}

    def items_of(self, product: str) -> dict[str, str]:
        """The inventory item of each managed variant."""
        fields = "id,manage_inventory,*inventory_items"
        variants = self.get(f"/admin/products/{product}/variants", limit=100, fields=fields)["variants"]
        return {each["id"]: each["inventory_items"][0]["inventory_item_id"] for each in variants if each["manage_inventory"]}

    def stock(self, variants: dict[str, str]) -> dict[tuple[str, str], tuple[Any, ...]]:
        """SKU, state, available, on hand and committed of each variant at each location; `variants` are their items."""
        found: dict[tuple[str, str], tuple[Any, ...]] = {}
        for id_, item in variants.items():
            sku = self.get(f"/admin/inventory-items/{item}")["inventory_item"]["sku"]
            for level in self.get(f"/admin/inventory-items/{item}/location-levels", limit=100)["inventory_levels"]:
                numbers = level["available_quantity"], level["stocked_quantity"], level["reserved_quantity"]
                found[id_, level["location_id"]] = (sku, "tracked", *numbers)
        return found


@pytest.fixture
def admin(url: str) -> Iterator[Admin]:
    with closing(Admin(url)) as admin:
        yield admin


def test_what_is_published_is_what_medusa_says_of_each_item(url: str, admin: Admin, command_line: CommandLine) -> None:
    depots = [admin.post("/admin/stock-locations", name=name)["stock_location"]["id"] for name in ("Berlin", "Hamburg")]
    ids: dict[str, str] = {}
    for number in range(PRODUCTS):
        ids |= admin.add_product(number, depots)
    products = admin.get("/admin/products", limit=1000, fields="id")["products"]
    items = {variant: item for product in products for variant, item in admin.items_of(product["id"]).items()}
    assert (len(ids), len(items)) == (PRODUCTS * len(SIZES), (PRODUCTS - 4) * len(SIZES))
    key = admin.post("/admin/api-keys", title="stock", type="secret")["api_key"]["token"]

    add = ("--platform", "medusa", "--url", url, "--allow-private", "--credential", "api_key=-")
    command_line.run("stores", "add", "live", *add, typed=f"{key}\n")
    assert "160 variants" in command_line.run("stores", "check", "live")
    first, told = command_line.sync("live"), admin.stock(items)
    lines = command_line.lines("live")
    assert tracked(lines) == told
    untracked = {key: line for key, line in lines.items() if line["state"] == "untracked"}
    assert {line["sku"] for line in untracked.values()} == {sku for sku, id_ in ids.items() if id_ not in items}
    assert first["created"] == first["seen"] == len(told) + len(untracked)
    assert {line["status"] for line in lines.values()} == {"active", "draft"}

    before = told
    berlin, item = depots[0], items[ids["SKU-011-S"]]
    admin.post(f"/admin/inventory-items/{item}/location-levels/{berlin}", stocked_quantity=77)
    admin.post("/admin/reservations", inventory_item_id=item, location_id=berlin, quantity=5)
    free = before[ids["SKU-011-S"], berlin][2]
    asked = command_line.run("verify", "live", "SKU-011-S")
    assert f"{free} → 72" in asked, asked
    gone = ids["SKU-012-L"]
    (product,) = admin.get("/admin/products", id=[product_of(admin, gone, products)], fields="id")["products"]
    admin.delete(f"/admin/products/{product['id']}/variants/{gone}")
    second = command_line.sync("live")
    told = admin.stock({variant: item for variant, item in items.items() if variant != gone})
    lines = command_line.lines("live")
    assert {line["presence"] for key, line in lines.items() if key[0] == gone} == {"missing"}
    assert tracked({key: line for key, line in lines.items() if key[0] != gone}) == told
    assert told[ids["SKU-011-S"], berlin][2:] == (72, 77, 5)
    assert (second["created"], second["updated"]) == (0, sum(told[key] != before[key] for key in told))


def product_of(admin: Admin, variant: str, products: list[dict[str, str]]) -> str:
    return next(each["id"] for each in products if variant in admin.items_of(each["id"]))


def tracked(lines: dict[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], tuple[Any, ...]]:
    told = ("sku", "state", "available", "on_hand", "committed")
    return {key: tuple(line[name] for name in told) for key, line in lines.items() if line["state"] == "tracked"}


def test_a_wrong_key_is_told(url: str, command_line: CommandLine) -> None:
    add = ("--platform", "medusa", "--url", url, "--allow-private", "--credential", "api_key=-")
    command_line.run("stores", "add", "wrong", *add, typed="sk_not-a-key-0123456789\n")
    with pytest.raises(AssertionError, match="does not accept the key"):
        command_line.run("stores", "check", "wrong")
