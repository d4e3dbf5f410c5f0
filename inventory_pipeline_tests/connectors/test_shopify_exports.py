"""Bulk operations that do not go as they should: each ends in the error that says what happens next."""

import asyncio
import json
import logging
from collections.abc import Iterator
from itertools import islice

import pytest

from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.connectors.shopify.receive import Export, download
from inventory_pipeline.connectors.shopify.spool import Received, Spool
from inventory_pipeline.connectors.toolkit.exports import BLOCK, LONGEST_POLL, waits
from inventory_pipeline.core.errors import IncompleteRead, PlatformUnavailable, ScopeMissing, StoreMisconfigured, SyncError
from inventory_pipeline.demo.catalogue import Catalogue
from inventory_pipeline.demo.shopify import DemoShopify
from inventory_pipeline.demo.shopify.cost import Bucket
from inventory_pipeline.demo.shops import synthetic_catalogue
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline_tests.connectors.made_up_shopify import EXPORT_ID, MadeUpShopify, level, variant
from inventory_pipeline_tests.connectors.reading import Whole, read_whole
from inventory_pipeline_tests.connectors.shopify_reading import read_made_up, read_url, shopify_context
from inventory_pipeline_tests.http.local_server import LOOPBACK, Answer, Request, wire

SHOP = MadeUpShopify([variant(1), variant(2)], [level(1, available=3), level(2, available=4)])


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return synthetic_catalogue(150)


@pytest.fixture
def demo(catalogue: Catalogue) -> Iterator[DemoShopify]:
    with DemoShopify(catalogue, bucket=Bucket(restore=1e6)) as shop:
        yield shop


def read_demo(demo: DemoShopify, **settings: str) -> Whole:
    return read_url(demo.url, settings, {"access_token": demo.token})


def operations_of(demo: DemoShopify) -> list[str]:
    return [json.loads(request.body)["operationName"] for request in demo.requests if request.body]


@pytest.mark.parametrize(
    ("ends", "error", "text"),
    [
        ({"end": "FAILED", "error_code": "ACCESS_DENIED"}, ScopeMissing, "read_inventory"),
        ({"end": "FAILED", "error_code": "TIMEOUT", "partial": True}, IncompleteRead, r"FAILED \(TIMEOUT\) after .* not used"),
        ({"end": "FAILED", "error_code": "INTERNAL_SERVER_ERROR"}, PlatformUnavailable, "next sync"),
        ({"end": "CANCELED"}, PlatformUnavailable, "CANCELED"),
        ({"end": "EXPIRED"}, IncompleteRead, "EXPIRED"),
        ({"end": "FAILED", "error_code": "ON_THE_MOON"}, PlatformUnavailable, "ON_THE_MOON"),
    ],
)
def test_an_operation_that_does_not_complete_gives_no_lines(
    demo: DemoShopify, ends: dict[str, str], error: type[SyncError], text: str
) -> None:
    demo.faults.next_export(**ends)
    with pytest.raises(error, match=text):
        read_demo(demo)
    assert not demo.storage.requests, "a part of a result is never even fetched"


@pytest.mark.parametrize(("version", "others"), [("2025-10", 1), ("2026-07", 5)])
def test_it_waits_for_room_and_then_runs_its_own_operation(demo: DemoShopify, version: str, others: int) -> None:
    demo.exports.occupy(others, attempts=2)
    whole = read_demo(demo, api_version=version)
    assert operations_of(demo).count("InventoryExportStart") == 3
    assert demo.exports.operations[-1].id in whole.proof.how
    assert whole.proof.gap == 0


def test_where_there_is_no_room_in_time_the_ids_in_the_way_are_named() -> None:
    told = "A bulk query operation for this app and shop is already in progress: gid://shopify/BulkOperation/77."
    run = {"bulkOperation": None, "userErrors": [{"message": told, "code": "OPERATION_IN_PROGRESS"}]}
    busy = Answer.json({"data": {"bulkOperationRunQuery": run}})
    shop = MadeUpShopify([variant(1)], fault=lambda name, _: busy if name == "InventoryExportStart" else None)
    with pytest.raises(PlatformUnavailable, match=r"no room .* gid://shopify/BulkOperation/77 in progress"):
        read_made_up(shop, bulk_poll="60", bulk_wait="10")


def test_an_operation_that_shopify_refuses_is_a_mistake_of_the_query() -> None:
    run = {"bulkOperation": None, "userErrors": [{"message": "Queries must be nice", "code": "INVALID"}]}
    refused = Answer.json({"data": {"bulkOperationRunQuery": run}})
    shop = MadeUpShopify([variant(1)], fault=lambda name, _: refused if name == "InventoryExportStart" else None)
    with pytest.raises(StoreMisconfigured, match="Queries must be nice"):
        read_made_up(shop)


@pytest.mark.parametrize("status", ["QUEUED", "CANCELING"])
def test_a_status_that_is_not_known_is_waited_for_like_any_other_before_the_end(status: str) -> None:
    shop = MadeUpShopify(SHOP.variants, SHOP.levels)
    told = [{"status": status, "url": None}, {"status": status, "url": None}, {}]

    def next_look(name: str, _request: Request) -> None:
        if name == "InventoryExport":
            shop.operation = told.pop(0)

    shop.fault = next_look
    assert read_made_up(shop).lines == read_made_up(SHOP).lines
    assert told == []


def test_looks_come_more_and_more_slowly_but_never_stop() -> None:
    assert list(islice(waits(1.0), 4)) == [1.0, 1.5, 2.25, 3.375]
    assert list(islice(waits(1.0), 50))[-1] == LONGEST_POLL
    assert list(islice(waits(60.0), 3)) == [60.0, 60.0, 60.0]


def test_a_status_that_is_not_known_is_the_end_where_there_is_a_result_and_that_is_not_used() -> None:
    with pytest.raises(PlatformUnavailable, match="ended ON_THE_MOON"):
        read_made_up(MadeUpShopify(SHOP.variants, operation={"status": "ON_THE_MOON"}), bulk_wait="10")


def test_an_operation_that_is_complete_as_soon_as_it_is_started_is_looked_at_for_its_result() -> None:
    run = {"bulkOperation": {"id": EXPORT_ID, "status": "COMPLETED"}, "userErrors": []}
    started = Answer.json({"data": {"bulkOperationRunQuery": run}})
    shop = MadeUpShopify(SHOP.variants, SHOP.levels, lambda name, _: started if name == "InventoryExportStart" else None)
    assert read_made_up(shop).lines == read_made_up(SHOP).lines


def test_an_operation_that_takes_too_long_is_taken_back() -> None:
    asked: list[str] = []
    shop = MadeUpShopify([variant(1)], operation={"status": "RUNNING"})
    shop.fault = lambda name, _request: asked.append(name)
    with pytest.raises(PlatformUnavailable, match=f"{EXPORT_ID} is still CREATED .* bulk_wait"):
        read_made_up(shop, bulk_poll="60", bulk_wait="10")
    assert asked[-1] == "InventoryExportCancel"


def test_a_cancelled_sync_takes_its_operation_back_so_that_it_stands_in_nobodys_way() -> None:
    asked: list[str] = []
    shop = MadeUpShopify([variant(1)], operation={"status": "RUNNING"})
    shop.fault = lambda name, _request: asked.append(name)

    async def cancel(url: str) -> None:
        task = asyncio.create_task(read_whole(connector_for("shopify")(shopify_context(url))))
        while "InventoryExport" not in asked:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with shop.serve() as server:
        asyncio.run(cancel(server.url))
        assert server.all_closed()
    assert asked[-1] == "InventoryExportCancel"


def test_another_programs_operation_is_not_taken_for_ones_own() -> None:
    shop = MadeUpShopify([variant(1)], operation={"id": "gid://shopify/BulkOperation/10"})
    with pytest.raises(IncompleteRead, match=r"BulkOperation/9 was followed by .*BulkOperation/10"):
        read_made_up(shop, api_version="2025-10")


def test_an_operation_that_is_not_known_any_more_gives_no_lines() -> None:
    gone = Answer.json({"data": {"operation": None}})
    shop = MadeUpShopify([variant(1)], fault=lambda name, _: gone if name == "InventoryExport" else None)
    with pytest.raises(IncompleteRead, match="does not know"):
        read_made_up(shop)


def test_objects_without_an_address_are_not_an_empty_shop() -> None:
    with pytest.raises(IncompleteRead, match="gives no address"):
        read_made_up(MadeUpShopify([variant(1)], operation={"url": None}))


def test_no_objects_and_no_address_where_the_shop_counts_variants_is_a_gap() -> None:
    nothing = {"url": None, "objectCount": "0", "rootObjectCount": "0", "fileSize": None}
    proof = read_made_up(MadeUpShopify([variant(1), variant(2)], operation=nothing)).proof
    assert (proof.expected, proof.read, proof.gap) == (2, 0, 2)


def test_an_address_that_has_expired_is_not_tried_again(demo: DemoShopify) -> None:
    keep = demo.storage.keep

    def keep_expired(name: str, content: bytes) -> str:
        address = keep(name, content)
        demo.storage.expire()
        return address

    demo.storage.keep = keep_expired
    with pytest.raises(IncompleteRead, match="expired"):
        read_demo(demo)
    assert len(demo.storage.requests) == 1


def test_a_download_that_breaks_off_starts_again_and_counts_nothing_twice() -> None:
    with DemoShopify(synthetic_catalogue(3000), bucket=Bucket(restore=1e6)) as demo:
        demo.storage.faults.cut(at=BLOCK + 100_000, times=2)
        whole = read_demo(demo)
        assert len(demo.storage.requests) == 3
        assert whole.proof.read == demo.exports.operations[0].objects
    assert (whole.proof.gap, whole.proof.repeats, len(whole.rejected)) == (0, 0, 0)


def test_a_download_that_always_breaks_off_is_incomplete(demo: DemoShopify) -> None:
    demo.storage.faults.cut(at=20_000)
    with pytest.raises(IncompleteRead, match="breaks off"):
        read_demo(demo)
    assert len(demo.storage.requests) == 3


def test_a_file_that_ends_too_early_between_two_lines_is_told_by_its_size() -> None:
    lines = SHOP.jsonl.split(b"\n")
    short = Answer(200, b"\n".join(lines[:2]) + b"\n")
    shop = MadeUpShopify(SHOP.variants, SHOP.levels, fault=lambda name, _: None if name else short)
    with pytest.raises(IncompleteRead, match=r"of which [\d,]+ came"):
        read_made_up(shop)


def test_the_signature_of_an_address_is_in_no_log_and_no_exchange(demo: DemoShopify, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    context = shopify_context(demo.url, credentials={"access_token": demo.token}, on_request=lambda one: told.append(repr(one)))
    with caplog.at_level(logging.DEBUG):
        asyncio.run(read_whole(connector_for("shopify")(context)))
    signature = demo.storage.requests[0].params["Signature"]
    assert any("bulk-" in one for one in told)
    assert signature not in "\n".join([*told, caplog.text])


def test_storage_that_is_down_is_called_unavailable() -> None:
    shop = MadeUpShopify([variant(1)], fault=lambda name, _: None if name else Answer.html("Service Unavailable", 503))
    with pytest.raises(PlatformUnavailable):
        read_made_up(shop)


def test_a_result_may_come_in_small_pieces() -> None:
    data = SHOP.jsonl
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    pieces = wire(head, *[data[start : start + 7] for start in range(0, len(data), 7)])
    shop = MadeUpShopify(SHOP.variants, SHOP.levels, fault=lambda name, _: None if name else pieces)
    assert read_made_up(shop).lines == read_made_up(SHOP).lines


def test_a_result_at_an_address_that_is_not_https_is_not_fetched_from_a_real_shop() -> None:
    async def fetch() -> None:
        export = Export("gid://shopify/BulkOperation/9", "http://storage.example/file?Signature=sig_0123456789", 1, 1, None)
        async with HttpClient(policy=LOOPBACK) as http:
            with Spool() as spool:
                await download(http, export, Received(spool))

    with pytest.raises(StoreMisconfigured, match=r"storage.example/file, which is not https$"):
        asyncio.run(fetch())


def test_a_request_is_asked_again_where_shopify_was_busy() -> None:
    def busy_once(_name: str, request: Request) -> Answer | None:
        return Answer.html("Bad Gateway", 502) if request.number in (2, 5) else None

    whole = read_made_up(MadeUpShopify(SHOP.variants, SHOP.levels, fault=busy_once))
    assert whole.lines == read_made_up(SHOP).lines
