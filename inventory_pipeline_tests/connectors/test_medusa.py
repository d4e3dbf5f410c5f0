"""Medusa: what its items and variants become, what proves a read, and what its refusals mean."""

import asyncio
from typing import Any

import pytest

from inventory_pipeline.connectors.base import CheckItem
from inventory_pipeline.connectors.medusa import KIT, UNUSED
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.errors import CredentialsRejected, IncompleteRead, StoreMisconfigured, SyncError
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline_tests.connectors.medusa_server import (
    MedusaServer,
    item,
    level,
    medusa_context,
    recorded_answer,
    recorded_rows,
    variant,
)
from inventory_pipeline_tests.connectors.platforms.medusa import ROWS
from inventory_pipeline_tests.connectors.reading import Whole, read_whole
from inventory_pipeline_tests.http.local_server import Answer, LocalServer


def read(app: MedusaServer, **settings: str) -> Whole:
    with LocalServer(app) as server:
        whole = asyncio.run(read_whole(connector_for("medusa")(medusa_context(server.url, settings))))
        assert whole.api_calls == len(server.requests)
        assert server.all_closed()
    return whole


def check(app: MedusaServer) -> dict[str, CheckItem]:
    with LocalServer(app) as server:
        items = asyncio.run(connector_for("medusa")(medusa_context(server.url)).check())
    return {found.check: found for found in items}


def backend(items: list[Any], variants: list[Any]) -> MedusaServer:
    return MedusaServer(ROWS | {"inventory-items": items, "product-variants": variants})


def test_the_recorded_backend_is_read_whole_whatever_the_size_of_its_pages() -> None:
    server = MedusaServer(recorded_rows())
    whole = read(server)
    assert (whole.proof.expected, whole.proof.gap, whole.rejected, +whole.excluded) == (345 + 330 + 2, 0, [], {})
    levels = [one for row in server.rows["inventory-items"] for one in row["location_levels"]]
    # 329 levels; 10 items have none, and 15 variants are not managed.
    assert len(whole.lines) == len(levels) + 10 + 15
    assert sum(line.quantity.value or 0 for line in whole.lines.values()) == sum(one["available_quantity"] for one in levels)
    states = [line.quantity.state for line in whole.lines.values()]
    assert (states.count("untracked"), states.count("unknown")) == (15, 10)
    assert {line.location for line in whole.lines.values()} == {"Main", "Second", None}
    assert read(server, per_page="50").lines == whole.lines


def test_a_line_has_what_the_platform_tells_of_it() -> None:
    line = read(MedusaServer(ROWS)).lines["v1", "sloc_1"]
    assert (line.sku, line.title, line.location, line.product_id) == ("SKU-v1", "Shirt - M", "Main", "prod_1")
    assert (line.quantity, line.on_hand, line.committed, line.incoming) == (Quantity.of(5), 7, 2, 0)


def test_variants_that_are_sold_from_one_item_share_it_as_a_pool() -> None:
    lines = read(MedusaServer(ROWS)).lines
    assert (lines["v2", "sloc_1"].shared_pool, lines["v8", "sloc_1"].shared_pool) == ("i2@sloc_1", "i2@sloc_1")
    assert lines["v1", "sloc_1"].shared_pool is None


def test_kits_are_excluded_and_items_that_nobody_sells_too() -> None:
    parts = [{"inventory_item_id": "i1", "required_quantity": 2}]
    whole = read(
        backend([item("i1", level(5)), item("i2", level(6))], [variant("v1", "i1", "i2"), variant("v2", inventory_items=parts)])
    )
    assert (whole.lines, +whole.excluded) == ({}, {KIT: 2, UNUSED: 2})


@pytest.mark.parametrize("status", ["draft", "proposed", "rejected", None])
def test_what_is_not_published_is_a_draft(status: str | None) -> None:
    whole = read(backend([item("i1", level(5))], [variant("v1", "i1", product={"title": "Shirt", "status": status})]))
    assert whole.lines["v1", "sloc_1"].status == "draft"


def test_what_is_not_managed_is_untracked_whatever_stands_there() -> None:
    whole = read(
        backend([item("i1", level(0))], [variant("v1", "i1", manage_inventory=False), variant("v2", inventory_items=None)])
    )
    assert {identity: line.quantity for identity, line in whole.lines.items()} == {("v1", "-"): UNTRACKED, ("v2", "-"): UNKNOWN}


def test_an_item_that_cannot_be_read_makes_all_lines_that_are_sold_from_it_unknown() -> None:
    whole = read(
        backend([{"id": "i1", "location_levels": None}, item("i2", level(3))], [variant("v1", "i1"), variant("v2", "i2")])
    )
    assert [(line.item_id, line.location_id) for line in whole.rejected] == [("v1", None)]
    assert "its inventory item cannot be read" in whole.rejected[0].reason
    assert set(whole.lines) == {("v2", "sloc_1")}
    assert whole.proof.gap == 0


def test_a_variant_that_cannot_be_read_makes_all_its_lines_unknown() -> None:
    whole = read(backend([item("i1", level(5))], [variant("v1", "i1", manage_inventory="perhaps")]))
    assert [(line.item_id, line.location_id) for line in whole.rejected] == [("v1", None)]


def test_rows_that_are_counted_and_not_shown_are_a_gap() -> None:
    proof = read(MedusaServer(ROWS, hidden={"v1", "i2"})).proof
    assert {one.name: one.gap for one in proof.lists} == {"/stock-locations": 0, "/inventory-items": 1, "/product-variants": 1}


def test_a_page_without_the_count_of_its_list_is_no_proof() -> None:
    with pytest.raises(IncompleteRead, match="without the count of its list"):
        read(MedusaServer(ROWS, fault=lambda _: Answer.json({"stock_locations": []})))


@pytest.mark.parametrize(
    ("name", "kind", "check_failed", "text"),
    [
        ("bad-key", CredentialsRejected, "credentials", "make a secret API key at Settings > Secret API Keys"),
        ("sample-bearer_key", CredentialsRejected, "credentials", "A secret API key was passed as a Bearer token"),
        ("sample-unknown_param", StoreMisconfigured, "address", "Unrecognized fields"),
        ("sample-noroute", StoreMisconfigured, "address", "Medusa's Admin API was not found there"),
    ],
)
def test_recorded_refusals_get_their_meaning(name: str, kind: type[SyncError], check_failed: str, text: str) -> None:
    answer = recorded_answer(name)
    server = MedusaServer(ROWS, fault=lambda _: answer)
    with pytest.raises(kind) as caught:
        read(server)
    assert type(caught.value) is kind
    assert text in str(caught.value)
    found = check(server)[check_failed]
    assert (found.ok, bool(found.cure)) == (False, True)


def test_a_check_says_how_much_there_is() -> None:
    found = check(MedusaServer(ROWS))
    assert [one.ok for one in found.values()] == [True] * 4
    assert found["permissions"].detail == "6 inventory items and 8 variants are listed"
