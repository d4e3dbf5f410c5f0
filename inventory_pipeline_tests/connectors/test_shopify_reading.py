"""A shop read whole over a socket: the demo's in every version and both ways, and made-up ones for what it does not show."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator

import pytest

from inventory_pipeline.connectors.base import AskedItem, AsksForItems
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.connectors.shopify.lines import BUNDLE
from inventory_pipeline.connectors.shopify.queries import VERSIONS
from inventory_pipeline.core.errors import IncompleteRead
from inventory_pipeline.core.quantity import Quantity
from inventory_pipeline.demo.shopify import DemoShopify
from inventory_pipeline.demo.shopify.cost import Bucket
from inventory_pipeline.demo.shopify.nodes import VARIANTS
from inventory_pipeline.demo.shops import demo_catalogue
from inventory_pipeline_tests.connectors.made_up_shopify import MadeUpShopify, level, variant
from inventory_pipeline_tests.connectors.reading import Whole
from inventory_pipeline_tests.connectors.shopify_reading import read_made_up, read_url, shopify_context
from inventory_pipeline_tests.http.local_server import Answer, Request


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoShopify]:
    with DemoShopify(demo_catalogue(1), bucket=Bucket(restore=1e6)) as shop:
        yield shop


def read_demo(demo: DemoShopify, **settings: str) -> Whole:
    return read_url(demo.url, settings, {"access_token": demo.token})


@pytest.mark.parametrize("way", ["bulk", "paged"])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_variant_is_read_with_the_units_that_the_shop_has(demo: DemoShopify, version: str, way: str) -> None:
    whole = read_demo(demo, api_version=version, read=way)
    units: defaultdict[str, int] = defaultdict(int)
    for line in whole.lines.values():
        if line.quantity.value is not None:
            units[line.item_id] += int(line.quantity.value)
    sold = [item for item in demo.catalogue.lines if item.tracked]
    assert units == {str(VARIANTS + item.id): item.pool.quantity for item in sold}
    untracked = {line.item_id for line in whole.lines.values() if line.quantity.state == "untracked"}
    assert untracked == {str(VARIANTS + item.id) for item in demo.catalogue.lines if not item.tracked}
    assert (whole.proof.gap, whole.proof.moved, whole.rejected, whole.excluded) == (0, False, [], {BUNDLE: 1})


def test_both_ways_give_the_same_lines(demo: DemoShopify) -> None:
    assert read_demo(demo).lines == read_demo(demo, read="paged").lines


def test_pools_count_once_over_their_variants(demo: DemoShopify) -> None:
    lines = read_demo(demo).lines.values()
    pools = {line.shared_pool or (line.item_id, line.location_id): line.quantity.value or 0 for line in lines}
    assert sum(pools.values()) == demo.catalogue.units


def test_deactivated_levels_are_told_from_the_version_on_that_knows_them(demo: DemoShopify) -> None:
    older, newer = (read_demo(demo, api_version=version).lines for version in ("2026-01", "2026-07"))
    added = [line for identity, line in newer.items() if identity not in older]
    assert added
    assert not any(line.location_active for line in added)
    assert {line.location for line in newer.values() if not line.location_active} == {"Shop floor", "Old cellar"}


def test_an_export_takes_few_calls_and_the_file_never_sees_the_token(demo: DemoShopify) -> None:
    before = len(demo.requests)
    whole = read_demo(demo)
    # Access, count, start, two looks, count; and one file from another server.
    assert (len(demo.requests) - before, whole.api_calls) == (6, 7)
    assert "x-shopify-access-token" not in demo.storage.requests[-1].headers
    assert demo.storage.requests[-1].status == 200


@pytest.mark.parametrize(("variants", "paged"), [(100, True), (101, False)])
def test_a_small_shop_is_read_by_pages_and_a_larger_one_by_export(variants: int, paged: bool) -> None:
    whole = read_made_up(MadeUpShopify([variant(number) for number in range(1, variants + 1)]), read="auto")
    assert whole.proof.how.startswith("read page by page") == paged
    assert len(whole.lines) == variants


@pytest.mark.parametrize("way", ["bulk", "paged"])
def test_an_empty_shop_is_whole(way: str) -> None:
    whole = read_made_up(MadeUpShopify(), read=way)
    assert (whole.lines, whole.proof.expected, whole.proof.read, whole.proof.gap) == ({}, 0, 0, 0)


def test_an_item_with_more_levels_than_a_page_is_read_to_its_end() -> None:
    shop = MadeUpShopify([variant(1), variant(2)], [level(1, place, available=place) for place in range(1, 26)])
    whole = read_made_up(shop, read="paged")
    found = {place: line.quantity for (item, place), line in whole.lines.items() if item == "1"}
    assert found == {str(place): Quantity.of(place) for place in range(1, 26)}


@pytest.mark.parametrize("operation", ["InventoryPage", "InventoryLevels"])
def test_a_cursor_that_leads_back_is_an_error_and_not_a_hang(operation: str) -> None:
    shop = MadeUpShopify([variant(number) for number in range(1, 9)], [level(1, place, available=1) for place in range(40)])
    answers = getattr(shop, operation)

    def stuck(name: str, _request: Request) -> Answer | None:
        if name != operation:
            return None
        arguments = {"item": "gid://shopify/InventoryItem/1", "after": "0"}
        return Answer.json({"data": answers(**arguments)})

    shop.fault = stuck
    with pytest.raises(IncompleteRead, match="in circles"):
        read_made_up(shop, read="paged")


def test_a_page_of_variants_without_their_levels_is_not_taken_for_no_stock() -> None:
    shop = MadeUpShopify([variant(1)], [level(1, available=3)])
    page = {"productVariants": {"nodes": [variant(1)], "pageInfo": {"hasNextPage": False, "endCursor": None}}}
    shop.fault = lambda name, _request: Answer.json({"data": page}) if name == "InventoryPage" else None
    with pytest.raises(IncompleteRead, match="without its inventory levels"):
        read_made_up(shop, read="paged")


@pytest.mark.parametrize("way", ["bulk", "paged"])
def test_fewer_variants_than_the_shop_counts_are_a_gap(way: str) -> None:
    proof = read_made_up(MadeUpShopify([variant(1)], counts=[4, 4]), read=way).proof
    assert (proof.gap, proof.moved) == (3, False)


@pytest.mark.parametrize("counts", [[3, 2], [2, 3]])
def test_a_total_that_moves_proves_only_its_smaller_value(counts: list[int]) -> None:
    proof = read_made_up(MadeUpShopify([variant(1), variant(2)], counts=counts)).proof
    assert (proof.gap, proof.moved) == (0, True)


def test_fewer_lines_than_the_operation_counts_are_a_gap() -> None:
    shop = MadeUpShopify([variant(1)], [level(1, available=3)], operation={"objectCount": "5", "fileSize": None})
    proof = read_made_up(shop).proof
    assert (proof.expected, proof.read, proof.gap) == (5, 2, 3)


def test_a_count_of_objects_that_also_counts_what_is_within_a_line_is_no_gap_where_every_byte_has_come() -> None:
    proof = read_made_up(MadeUpShopify([variant(1)], [level(1, available=3)], operation={"objectCount": "5"})).proof
    assert (proof.read, proof.gap) == (2, 0)


def test_fewer_roots_than_the_operation_counts_are_a_gap() -> None:
    proof = read_made_up(MadeUpShopify([variant(1)], [level(1, available=3)], operation={"rootObjectCount": "4"})).proof
    assert proof.gap == 3


def test_a_variant_that_cannot_be_read_was_shown_all_the_same() -> None:
    whole = read_made_up(MadeUpShopify([variant(1), variant(2, inventoryItem=None)]))
    assert (whole.proof.gap, len(whole.rejected)) == (0, 1)


@pytest.mark.parametrize("way", ["bulk", "paged"])
@pytest.mark.parametrize("node", [{"__typename": "Unicorn", "id": "gid://shopify/Unicorn/2"}, {"__typename": "ProductVariant"}])
def test_what_may_be_anything_is_not_taken_for_the_variant_that_is_not_shown(node: dict[str, str], way: str) -> None:
    whole = read_made_up(MadeUpShopify([variant(1), node]), read=way)
    assert (whole.proof.gap, len(whole.rejected)) == (1, 1)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_item_asked_for_is_what_a_read_of_the_demo_shop_gives(demo: DemoShopify, version: str) -> None:
    lines = read_demo(demo, api_version=version).lines
    shared = [line for line in lines.values() if line.shared_pool]
    own = next(line for line in lines.values() if not line.shared_pool)
    for line in (own, *(shared[:1] if version >= "2026-01" else ())):
        connector = connector_for("shopify")(shopify_context(demo.url, {"api_version": version}, {"access_token": demo.token}))
        assert isinstance(connector, AsksForItems)
        page = asyncio.run(connector.read_items([AskedItem(line.item_id, line.product_id)], ""))
        assert {(one.item_id, one.location_id): one for one in page.lines} == {
            identity: one for identity, one in lines.items() if identity[0] == line.item_id
        }


@pytest.mark.parametrize("sku", ['6"', "a\\", '"', "red OR id:2", "*", "sku:(x)"])
def test_an_sku_that_holds_the_words_of_a_search_is_found_by_itself(sku: str) -> None:
    shop = MadeUpShopify([variant(1, sku=sku), variant(2, sku=f"{sku}x"), variant(3)], [level(1, available=4)])
    with shop.serve() as server:
        connector = connector_for("shopify")(shopify_context(server.url))
        assert isinstance(connector, AsksForItems)
        page = asyncio.run(connector.read_items([], sku))
    assert [(line.item_id, line.quantity) for line in page.lines] == [("1", Quantity.of(4))]
