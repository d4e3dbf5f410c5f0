"""The supplier's feed as a reader of CSV over HTTP meets it."""

import csv
import gzip
import io
from collections.abc import Iterator

import pytest

from inventory_pipeline.demo.feed import COLUMNS, DemoFeed
from inventory_pipeline.demo.shops import supplier_catalogue
from inventory_pipeline_tests.demo.client import send


@pytest.fixture
def feed() -> Iterator[DemoFeed]:
    with DemoFeed(supplier_catalogue()) as running:
        yield running


def rows(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), delimiter=";"))


def test_the_list_is_csv_with_a_byte_order_mark(feed: DemoFeed) -> None:
    reply = send(feed, "/stock.csv")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert reply.body.startswith(b"\xef\xbb\xbf" + ";".join(COLUMNS).encode() + b"\r\n")
    shown = {row["SKU"]: int(row["Available"]) for row in rows(reply.body)}
    assert shown == {item.sku: item.stock for item in feed.catalogue.lines}
    assert {row["Status"] for row in rows(reply.body)} == {"active", "discontinued"}


def test_an_untracked_line_has_an_empty_quantity(feed: DemoFeed) -> None:
    feed.catalogue.change(feed.catalogue.lines[0], tracking="none")
    assert rows(send(feed, "/stock.csv").body)[0]["Available"] == ""


def test_the_gzipped_list_holds_the_same(feed: DemoFeed) -> None:
    reply = send(feed, "/stock.csv.gz", {"Accept-Encoding": "gzip"})
    assert "content-encoding" not in reply.headers
    assert gzip.decompress(reply.body) == send(feed, "/stock.csv").body


@pytest.mark.parametrize("path", ["/stock.csv", "/stock.csv.gz"])
def test_an_unchanged_list_is_not_sent_again(feed: DemoFeed, path: str) -> None:
    etag = send(feed, path).headers["etag"]
    same = send(feed, path, {"If-None-Match": etag})
    assert (same.status, same.body, same.headers["etag"]) == (304, b"", etag)
    feed.catalogue.change(feed.catalogue.lines[0], quantity=999)
    changed = send(feed, path, {"If-None-Match": etag})
    assert changed.status == 200
    assert changed.headers["etag"] != etag


def test_other_paths_are_not_found(feed: DemoFeed) -> None:
    assert send(feed, "/").status == 404
