"""The demo store's lists: what they hold, in which order, and the traps that real servers set."""

from collections.abc import Iterator

import pytest

from inventory_pipeline.demo.catalogue import Item
from inventory_pipeline.demo.shops import demo_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline_tests.demo.client import V3, get, listed, send

BY_ID = "per_page=100&orderby=id&order=asc&status=any"


@pytest.fixture
def store() -> Iterator[DemoStore]:
    with DemoStore(demo_catalogue(1)) as running:
        yield running


def test_paging_by_id_shows_every_product_and_variation_once(store: DemoStore) -> None:
    products = listed(store, f"{V3}/products?{BY_ID}", 2)
    variations = listed(store, f"{V3}/variations?{BY_ID}", 3)
    assert [item["id"] for item in products] == [item.id for item in store.catalogue.products]
    assert [item["id"] for item in variations] == [item.id for item in store.catalogue.variations]
    assert {item["id"]: item["parent_id"] for item in variations} == {
        item.id: item.parent.id for item in store.catalogue.variations if item.parent
    }


def test_quantities_are_those_of_the_catalogue_with_pools_repeated(store: DemoStore) -> None:
    shown = {item["id"]: item["stock_quantity"] for item in listed(store, f"{V3}/variations?{BY_ID}", 3)}
    assert shown == {item.id: item.stock for item in store.catalogue.variations}
    family = next(item for item in store.catalogue.products if item.variations and item.variations[0].tracking == "parent")
    store.catalogue.change(family, quantity=-4, backorders="yes")
    pooled = get(store, f"{V3}/products/{family.id}/variations").json
    assert {(item["manage_stock"], item["stock_quantity"], item["stock_status"], item["backordered"]) for item in pooled} == {
        ("parent", -4, "onbackorder", True)
    }


def test_a_variation_without_its_own_sku_shows_its_parents(store: DemoStore) -> None:
    child = next(item for item in store.catalogue.variations if not item.sku and item.parent and item.parent.sku)
    assert child.parent
    assert get(store, f"{V3}/variations?include={child.id}").json[0]["sku"] == child.parent.sku


def test_filters_choose_by_status_id_and_sku(store: DemoStore) -> None:
    drafts = get(store, f"{V3}/products?status=draft&per_page=100").json
    assert {item["id"] for item in drafts} == {item.id for item in store.catalogue.products if item.status == "draft"}
    first, last = store.catalogue.products[0], store.catalogue.products[-1]
    assert {item["id"] for item in get(store, f"{V3}/products?include={first.id}%2C{last.id}").json} == {first.id, last.id}
    child = next(item for item in store.catalogue.variations if item.sku and item.parent)
    found = get(store, f"{V3}/products?sku={child.sku}").json
    assert [(item["id"], item["type"]) for item in found] == [(child.id, "variation")]


def test_fields_are_only_those_asked_for(store: DemoStore) -> None:
    assert get(store, f"{V3}/products?_fields=id%2Csku%2Cno_such&per_page=1").json[0].keys() == {"id", "sku"}


def test_a_page_beyond_phps_integers_is_the_first_again(store: DemoStore) -> None:
    huge = get(store, f"{V3}/products?{BY_ID}&page=99999999999999999999")
    assert huge.status == 200
    assert huge.json == get(store, f"{V3}/products?{BY_ID}").json


@pytest.mark.parametrize(("version", "whole"), [("7.0.0", False), ("10.3.6", False), ("11.0.1", True)])
def test_the_default_order_repeats_and_drops_products_before_11(version: str, whole: bool) -> None:
    with DemoStore(demo_catalogue(1), version=version) as store:
        ids = [item["id"] for item in listed(store, f"{V3}/products?per_page=10", 20)]
    assert len(ids) == len(store.catalogue.products)
    assert (len(set(ids)) == len(ids)) is whole


def test_version_7_knows_variations_only_below_their_parent() -> None:
    with DemoStore(demo_catalogue(1), version="7.0.0") as store:
        assert f"{V3}/variations".removeprefix("/wp-json") not in get(store, V3).json["routes"]
        assert get(store, f"{V3}/variations").json["code"] == "rest_no_route"
        family = next(item for item in store.catalogue.products if item.variations)
        children = get(store, f"{V3}/products/{family.id}/variations?{BY_ID}").json
        assert [item["id"] for item in children] == [item.id for item in family.variations]
        assert not {"type", "parent_id", "name"} & children[0].keys()


def test_link_repeats_the_whole_query(store: DemoStore) -> None:
    link = get(store, f"{V3}/products?per_page=50&page=2&status=any&_fields=id%2Cname").headers["link"]
    before, after = (f"<{store.url}{V3}/products?per_page=50&page={page}&status=any&_fields=id%2Cname>" for page in (1, 3))
    assert link == f'{before}; rel="prev", {after}; rel="next"'


def test_sites_on_plain_permalinks_answer_only_under_rest_route_and_look_at_keys_only_below_wp_json() -> None:
    with DemoStore(demo_catalogue(1), version="7.0.0", plain_permalinks=True) as store:
        assert get(store, "/?rest_route=/wc/v3/products&per_page=5").status == 401
        reply = get(store, f"/index.php{V3}/products?rest_route=/wc/v3/products&per_page=5")
        assert len(reply.json) == 5
        assert reply.headers["link"].startswith(f"<{store.url}/index.php?rest_route=/wc/v3/products&per_page=5&page=2>")
        wrong = send(store, f"{V3}/products")
        assert (wrong.status, wrong.headers["content-type"]) == (404, "text/html; charset=UTF-8")


def test_orphaned_variations_are_counted_and_never_shown() -> None:
    with DemoStore(demo_catalogue(1)) as store:
        catalogue = store.catalogue
        product = next(item for item in catalogue.products if item.variations)
        total, orphans, lines = len(catalogue.variations), len(product.variations), len(catalogue.lines)
        catalogue.remove(product, leaving_orphans=True)
        reply = get(store, f"{V3}/variations?per_page=100&orderby=id&order=asc")
        assert reply.headers["x-wp-total"] == str(total)
        assert len(reply.json) == min(total, 100) - orphans
        assert len(catalogue.lines) == lines - orphans


def test_a_shop_that_sells_by_weight_serves_what_binary_floating_point_leaves() -> None:
    with DemoStore(demo_catalogue(1)) as store:
        item = next(item for item in store.catalogue.products if item.tracked and item.kind == "simple")
        store.catalogue.change(item, quantity=5)
        store.faults.sells_by_weight()
        (shown,) = get(store, f"{V3}/products?include={item.id}").json
        assert shown["stock_quantity"] == 4.8500000000000005


def test_keys_under_rest_route_are_looked_at_since_11_1() -> None:
    for version, status in (("11.0.1", 401), ("11.1.0", 200)):
        with DemoStore(demo_catalogue(1), version=version) as store:
            assert get(store, "/?rest_route=/wc/v3/products").status == status


def test_the_index_needs_no_key_and_a_page_of_the_shop_is_html(store: DemoStore) -> None:
    assert send(store, f"{V3}?_fields=namespace").json == {"namespace": "wc/v3"}
    assert send(store, "/wp-json/").json["namespaces"] == ["wc/v3"]
    assert send(store, "/").headers["content-type"] == "text/html; charset=UTF-8"


def test_bodies_are_written_as_php_writes_json(store: DemoStore) -> None:
    title = next(item for item in store.catalogue.products if not item.title.isascii())
    body = get(store, f"{V3}/products?include={title.id}").body
    assert body.isascii()
    assert rb'"href":"http:\/\/127.0.0.1' in body


def test_the_system_status_says_the_version(store: DemoStore) -> None:
    assert get(store, f"{V3}/system_status?_fields=environment").json["environment"]["version"] == "11.0.1"
    assert send(store, f"{V3}/system_status").status == 401


def test_a_change_shows_at_once_though_pages_are_kept(store: DemoStore) -> None:
    target = f"{V3}/products?{BY_ID}"
    first = store.catalogue.products[0]
    assert get(store, target).json == get(store, target).json
    store.catalogue.change(first, quantity=12345)
    assert get(store, target).json[0]["stock_quantity"] == 12345
    store.catalogue.remove(first)
    assert get(store, target).json[0]["id"] != first.id
    store.catalogue.add(Item(id=store.catalogue.next_id, kind="simple", title="New", sku="N"))
    assert listed(store, target, 2)[-1]["name"] == "New"
