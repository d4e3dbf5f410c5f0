"""The demo's stores as a process: it says where they are, sells, ends when told, and takes up again where it was."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from inventory_pipeline.demo.serve import REPLAYED, SHOPIFY, SUPPLIER, Demo
from inventory_pipeline_tests.demo.client import V3, get, send

SERVE = [sys.executable, "-m", "inventory_pipeline.demo.serve", "--data"]


@dataclass
class Remote:
    """A store of another process, as its description tells."""

    url: str
    key: str
    secret: str

    @classmethod
    def of(cls, store: dict[str, Any]) -> "Remote":
        return cls(store["url"], store["credentials"]["consumer_key"], store["credentials"]["consumer_secret"])


@contextlib.contextmanager
def serving(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The process, once its stores answer; killed at the end if it still lives."""
    process = subprocess.Popen([*SERVE, str(folder), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout
            assert process.stdout.readline() == f"{folder / 'demo.json'}\n"
            yield process
        finally:
            process.kill()


def described(folder: Path) -> dict[str, dict[str, Any]]:
    return {store["key"]: store for store in json.loads((folder / "demo.json").read_text())["stores"]}


def refuses(url: str) -> bool:
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)):
        return False
    return True


def test_the_stores_answer_at_the_described_addresses_with_the_described_keys(tmp_path: Path) -> None:
    with serving(tmp_path, "--interval", "0") as process:
        stores = described(tmp_path)
        assert [(store["platform"], key) for key, store in stores.items()] == [
            ("woocommerce", "demo-harbour"),
            ("woocommerce", "demo-lighthouse"),
            ("feed", SUPPLIER),
            ("shopify", SHOPIFY),
        ]
        assert get(Remote.of(stores["demo-harbour"]), f"{V3}/variations").status == 404
        assert get(Remote.of(stores["demo-lighthouse"]), f"{V3}/variations").status == 200
        feed = urlsplit(stores[SUPPLIER]["url"])
        assert send(Remote(f"http://{feed.netloc}", "", ""), feed.path).status == 200
        assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert all(refuses(store["url"]) for store in stores.values())


def test_stock_moves_while_it_runs_and_a_restart_goes_on_with_the_same_addresses(tmp_path: Path) -> None:
    target = f"{V3}/products?per_page=100&orderby=id&order=asc&_fields=id%2Cstock_quantity"
    with serving(tmp_path, "--interval", "0.01") as process:
        before = described(tmp_path)
        shop = Remote.of(before["demo-lighthouse"])
        first = get(shop, target).json
        assert any(get(shop, target).json != first for _ in range(2000))
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)  # a terminal and a parent may both send one
        assert process.wait(20) == 0
    with Demo(json.loads((tmp_path / "demo.json").read_text())) as expected:
        last = get(Remote.of({store["key"]: store for store in expected.describe()["stores"]}["demo-lighthouse"]), target).json
    with serving(tmp_path, "--interval", "0"):
        assert described(tmp_path) == before
        assert get(shop, target).json == last != first


def test_it_ends_when_standard_input_is_closed(tmp_path: Path) -> None:
    with serving(tmp_path) as process:
        assert process.stdin
        process.stdin.close()
        assert process.wait(20) == 0


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = f"import subprocess; subprocess.Popen({[*SERVE, str(tmp_path)]!r}, stdin=subprocess.PIPE).wait()"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline()
        process.kill()
        assert process.stdout.read() == ""  # its end comes when the demo, which shares it, is gone
    assert all(refuses(store["url"]) for store in described(tmp_path).values())


def test_a_demo_leaves_no_thread_and_a_taken_port_is_left_to_its_owner() -> None:
    before = set(threading.enumerate())
    with Demo({}) as demo:
        known = demo.describe()
    with Demo(known) as first, Demo(known) as second:
        assert first.describe() == known
        urls = [store["url"] for store in (*first.describe()["stores"], *second.describe()["stores"])]
    assert len(set(urls)) == 8
    assert set(threading.enumerate()) == before


def test_a_long_season_is_not_replayed_in_full() -> None:
    assert Demo({"steps": REPLAYED + 1}).steps == REPLAYED


def test_big_catalogues_and_latency_are_for_benchmarks(tmp_path: Path) -> None:
    with serving(tmp_path, "--lines", "2000", "--latency", "0.05", "--interval", "0"):
        shop = Remote.of(described(tmp_path)["demo-lighthouse"])
        assert get(shop, f"{V3}/products").headers["x-wp-total"] == "1200"


def test_its_folder_can_be_anywhere(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    with serving(folder):
        assert [path.name for path in folder.iterdir()] == ["demo.json"]


@pytest.mark.parametrize("arguments", [[], ["--data"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    done = subprocess.run([*SERVE[:-1], *arguments], capture_output=True, check=False, timeout=20)
    assert done.returncode == 2
