"""The programs that are compared: each loads the shop into a database of its own, whose content is then checked.

`floor` and `dlt` take products whole, as programs do that know nothing of WooCommerce's `_fields`; `floor_fields` and
`dlt_fields` ask for their nine fields, as this project asks for its twelve.
"""

import contextlib
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

from benchmarks.measure import Cost, measure
from benchmarks.shop import units
from inventory_pipeline_tests.postgres import PostgresServer

Peer = Literal["floor", "floor_fields", "ours", "dlt", "dlt_fields"]
Kind = Literal["sqlite", "postgresql"]

_SUMS = {
    "floor": "SELECT count(*), sum(stock_quantity) FROM stock",
    "ours": "SELECT count(*), sum(available) / 1000000 FROM stock_levels WHERE presence = 'present'",
    "dlt": "SELECT count(*), sum(stock_quantity) FROM {schema}products",
}


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop that answers at `url`."""

    url: str
    skus: int

    def turn_to(self, version: int) -> None:
        self._get(f"/version/{version}")

    def warm(self, *choices: str) -> None:
        """Makes the shop encode its pages with these `_fields`, so that no measured load waits for that."""
        for version in (1, 2):
            self.turn_to(version)
            for fields in choices:
                self._get(f"/wp-json/wc/v3/products?_fields={fields}")

    def _get(self, target: str) -> None:
        with urllib.request.urlopen(self.url + target) as answer:
            answer.read()


@contextmanager
def running_shop(skus: int, delay: float = 0.0) -> Iterator[Shop]:
    """The shop in its own process, which ends with the block or with this process."""
    command = [sys.executable, "-m", "benchmarks.shop", "--skus", str(skus), "--delay", str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Shop(process.stdout.readline().strip(), skus)
        assert process.stdin is not None
        process.stdin.close()


@contextmanager
def running_export_shop(lines: int) -> Iterator[tuple[str, str]]:
    """The demo's Shopify in its own process: its address and its token."""
    command = [sys.executable, "-m", "benchmarks.export_shop", str(lines)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, token = process.stdout.readline().split()
        yield url, token
        assert process.stdin is not None
        process.stdin.close()


class Home:
    """One peer's empty database and folder."""

    def __init__(self, peer: Peer, folder: Path, server: PostgresServer | None) -> None:
        self.peer, self.folder, self._server = peer, folder, server
        self.url = server.create_empty_database() if server else f"sqlite:///{folder / 'shop.db'}"

    @property
    def program(self) -> str:
        return self.peer.partition("_")[0]

    @property
    def is_quadratic(self) -> bool:
        """dlt's merge on SQLite compares every row with every row: 100,000 did not end in eight minutes."""
        return self.program == "dlt" and self._server is None

    @property
    def environment(self) -> dict[str, str]:
        """For this project's own commands."""
        return {"INVENTORY_DATABASE_URL": self.url, "INVENTORY_DATA_DIR": str(self.folder), "DAGSTER_HOME": ""}

    def register(self, platform: str, url: str, *words: str) -> None:
        """Registers the one store with this project, as a person has done long before."""
        measure("benchmarks.ours", "add", platform, url, *words, environment=self.environment)

    def load(self, shop: Shop, connections: int) -> Cost:
        if self.peer == "ours":
            return measure("benchmarks.ours", "sync", environment=self.environment)
        whole = () if self.peer.endswith("_fields") else ("whole",)
        if self.program == "dlt":
            return measure("benchmarks.through_dlt", shop.url, self.url, str(self.folder), *whole)
        return measure("benchmarks.floor", shop.url, self.url, str(connections), *whole)

    def prove(self, shop: Shop, version: int) -> None:
        """Raises where the database does not hold what the shop sells."""
        expected = shop.skus, units(shop.skus, version)
        found = self.read(_SUMS[self.program].format(schema="shop." if self._server else ""))
        if found != expected:
            raise RuntimeError(f"{self.peer}: {found} lines and units in {self.url} instead of {expected}")

    def read(self, query: str) -> tuple[int, ...]:
        if self._server:
            with psycopg.connect(self.url) as database:
                row = database.execute(query.encode()).fetchone()
        else:
            # dlt puts each dataset into a file of its own.
            path = self.folder / ("shop__shop.db" if self.program == "dlt" else "shop.db")
            with contextlib.closing(sqlite3.connect(path)) as database:
                row = database.execute(query).fetchone()
        return tuple(map(int, row or ()))


@contextmanager
def home(peer: Peer, kind: Kind, server: PostgresServer) -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="inventory-bench-") as folder:
        new = Home(peer, Path(folder), server if kind == "postgresql" else None)
        try:
            yield new
        finally:
            if kind == "postgresql":
                server.drop_database(new.url)
