"""The demo's Shopify shop, asked as a client asks: what it shows, whom it lets in, what it refuses."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from inventory_pipeline.demo.catalogue import Item
from inventory_pipeline.demo.shopify import VERSIONS, DemoShopify
from inventory_pipeline.demo.shopify.cost import Bucket
from inventory_pipeline.demo.shopify.nodes import VARIANTS, gid
from inventory_pipeline.demo.shops import demo_catalogue
from inventory_pipeline_tests.demo.client import send
from inventory_pipeline_tests.demo.shopify_client import asked, code, data, granted

COUNT = "{ productVariantsCount(limit: null) { count precision } }"
RUN = (
    "mutation($q: String!) { bulkOperationRunQuery(query: $q, groupObjects: false)"
    " { bulkOperation { id status } userErrors { code message } } }"
)
LOOK = (
    "query($id: ID!) { bulkOperation(id: $id) { id status errorCode url partialDataUrl objectCount rootObjectCount fileSize } }"
)
LEVELS = 'inventoryLevels { edges { node { id quantities(names: ["available", "made_up"]) { name quantity } } } }'
EXPORT = f"{{ productVariants {{ edges {{ node {{ id sku inventoryItem {{ id tracked {LEVELS} }} }} }} }} }}"


@pytest.fixture
def shop() -> Iterator[DemoShopify]:
    with DemoShopify(demo_catalogue(1), bucket=Bucket(restore=1e6)) as shop:
        yield shop


def begun(shop: DemoShopify, query: str = EXPORT, version: str = "2026-07") -> Any:
    return data(shop, RUN, version, q=query)["bulkOperationRunQuery"]


def ended(shop: DemoShopify, operation_id: str) -> Any:
    operation = {"status": "CREATED"}
    while operation["status"] in ("CREATED", "RUNNING"):
        operation = data(shop, LOOK, id=operation_id)["bulkOperation"]
    return operation


def exported(shop: DemoShopify) -> list[Any]:
    operation = ended(shop, begun(shop)["bulkOperation"]["id"])
    reply = send(shop.storage, operation["url"].removeprefix(shop.storage.url))
    assert (reply.status, len(reply.body)) == (200, int(operation["fileSize"]))
    lines = [json.loads(line) for line in reply.body.splitlines()]
    assert len(lines) == int(operation["objectCount"])
    return lines


@pytest.mark.parametrize("token", ["", "shpat_wrong"])
def test_without_a_known_token_nothing_is_shown(shop: DemoShopify, token: str) -> None:
    reply = asked(shop, COUNT, token=token or "none")
    assert (reply.status, "data" in reply.json) == (401, False)


@pytest.mark.parametrize("path", ["2019-01", "nonsense"])
def test_a_version_that_does_not_exist_is_not_found(shop: DemoShopify, path: str) -> None:
    assert asked(shop, COUNT, path).status == 404


@pytest.mark.parametrize("version", VERSIONS)
def test_the_answer_names_its_version_and_what_it_cost(shop: DemoShopify, version: str) -> None:
    reply = asked(shop, COUNT, version)
    assert reply.headers["x-shopify-api-version"] == version
    cost = reply.json["extensions"]["cost"]
    assert cost["actualQueryCost"] <= cost["requestedQueryCost"] <= cost["throttleStatus"]["maximumAvailable"]


def test_a_count_stops_at_its_limit(shop: DemoShopify) -> None:
    whole = data(shop, COUNT)["productVariantsCount"]
    assert whole == {"count": len(shop.catalogue.lines) + 1, "precision": "EXACT"}  # one of them is a bundle
    assert data(shop, "{ productVariantsCount(limit: 5) { count precision } }")["productVariantsCount"] == {
        "count": 5,
        "precision": "AT_LEAST",
    }


@pytest.mark.parametrize(
    ("version", "query"),
    [
        ("2025-10", 'query { bulkOperation(id: "x") { id } }'),
        (
            "2026-01",
            "{ productVariants(first: 1) { nodes { inventoryItem { inventoryLevels(first: 1) { nodes { isActive } } } } } }",
        ),
        ("2026-07", "{ products(first: 1) { nodes { id } } }"),
        ("2026-07", "{ productVariants(first: 1) { nodes { colour } } }"),
    ],
)
def test_a_field_that_the_version_does_not_have_is_refused(shop: DemoShopify, version: str, query: str) -> None:
    assert code(shop, query, version) == "undefinedField"


def test_inactive_levels_may_be_asked_for_from_2026_04_on(shop: DemoShopify) -> None:
    levels = "inventoryLevels(first: 1, includeInactive: true) { nodes { id } }"
    query = f"{{ productVariants(first: 1) {{ nodes {{ inventoryItem {{ {levels} }} }} }} }}"
    assert code(shop, query, "2026-01") == "argumentNotAccepted"
    assert data(shop, query, "2026-04")


@pytest.mark.parametrize(
    ("missing", "query"),
    [
        ("read_products", COUNT),
        (
            "read_inventory",
            "{ productVariants(first: 1) { nodes { inventoryItem { inventoryLevels(first: 1) { nodes { id } } } } } }",
        ),
    ],
)
def test_what_a_token_may_not_read_is_denied_with_the_scope_it_lacks(missing: str, query: str) -> None:
    scopes = tuple(scope for scope in ("read_products", "read_inventory", "read_locations") if scope != missing)
    with DemoShopify(demo_catalogue(1), scopes=scopes) as shop:
        reply = asked(shop, query)
        (error,) = reply.json["errors"]
        assert (reply.status, reply.json["data"], error["extensions"]["code"]) == (200, None, "ACCESS_DENIED")
        assert missing in error["extensions"]["requiredAccess"]
        operation = begun(shop)["bulkOperation"]
        assert ended(shop, operation["id"])["errorCode"] == "ACCESS_DENIED"


def test_queries_cost_points_that_come_back_with_time() -> None:
    now = [0.0]
    with DemoShopify(demo_catalogue(1), bucket=Bucket(maximum=100, restore=10, clock=lambda: now[0])) as shop:
        query = "{ productVariants(first: 90) { nodes { id } } }"
        assert data(shop, query)
        assert code(shop, query) == "THROTTLED"
        told = asked(shop, query).json["extensions"]["cost"]
        assert told["throttleStatus"]["currentlyAvailable"] < told["requestedQueryCost"]
        now[0] = 9.0
        assert data(shop, query)
        assert (
            code(shop, "{ productVariants(first: 250) { nodes { product { id } inventoryItem { id } product { id } } } }")
            == "MAX_COST_EXCEEDED"
        )


def test_an_app_is_granted_a_token_for_a_day(shop: DemoShopify) -> None:
    form = {"grant_type": "client_credentials", "client_id": shop.tokens.client_id, "client_secret": shop.tokens.client_secret}
    grant = granted(shop, **form).json
    assert grant["expires_in"] == 86_399
    assert data(shop, COUNT) == asked(shop, COUNT, token=grant["access_token"]).json["data"]
    assert granted(shop, **{**form, "client_secret": "wrong"}).status == 401
    assert granted(shop, **{**form, "grant_type": "password"}).status == 400


def test_an_export_has_every_parent_before_its_children_but_not_always_right_before(shop: DemoShopify) -> None:
    lines = exported(shop)
    roots = [line for line in lines if "__parentId" not in line]
    seen: set[str] = set()
    for line in lines:
        seen.add(line["id"])
        assert line.get("__parentId", line["id"]) in seen
    assert len(roots) == data(shop, COUNT)["productVariantsCount"]["count"]
    neighbours = pairwise(lines)
    assert any("__parentId" in after and after["__parentId"] != before["id"] for before, after in neighbours)


def test_slashes_are_escaped_and_a_quantity_that_the_shop_does_not_have_is_left_out(shop: DemoShopify) -> None:
    operation = ended(shop, begun(shop)["bulkOperation"]["id"])
    body = send(shop.storage, operation["url"].removeprefix(shop.storage.url)).body
    assert b"gid:\\/\\/shopify\\/" in body
    assert b"gid://" not in body
    assert b"made_up" not in body


def test_the_units_of_all_levels_are_those_of_the_catalogue(shop: DemoShopify) -> None:
    units: dict[str, int] = {}
    for line in exported(shop):
        if "quantities" in line:
            units[line["id"]] = line["quantities"][0]["quantity"]
    assert sum(units.values()) == shop.catalogue.units


def test_a_change_of_the_catalogue_shows_in_the_next_export(shop: DemoShopify) -> None:
    before = len(exported(shop))
    item = next(item for item in shop.catalogue.lines if item.kind == "simple" and item.tracking == "own")
    shop.catalogue.add(Item(id=shop.catalogue.next_id, kind="simple", title="New", sku="NEW"))
    shop.catalogue.change(item, sku="CHANGED")
    lines = exported(shop)
    assert len(lines) > before
    assert [line["id"] for line in lines if line.get("sku") == "CHANGED"] == [gid("ProductVariant", VARIANTS + item.id)]


@pytest.mark.parametrize(("version", "room"), [("2025-10", 1), ("2026-01", 5)])
def test_so_many_operations_run_at_once_and_no_more(shop: DemoShopify, version: str, room: int) -> None:
    running = [begun(shop, version=version)["bulkOperation"]["id"] for _ in range(room)]
    refused = begun(shop, version=version)
    assert refused["bulkOperation"] is None
    assert refused["userErrors"][0]["code"] == "OPERATION_IN_PROGRESS"
    assert all(one in refused["userErrors"][0]["message"] for one in running)


@pytest.mark.parametrize(
    "query",
    [
        "{ shop { name } }",
        "{ productVariants { nodes { id } } }",
        "{ productVariants { edges { node { sku inventoryItem { inventoryLevels { edges { node { id } } } } } } } }",
        "mutation { productVariants { edges { node { id } } } }",
    ],
)
def test_a_query_that_cannot_run_in_bulk_is_refused_as_shopify_refuses_it(shop: DemoShopify, query: str) -> None:
    run = begun(shop, query)
    assert (run["bulkOperation"], run["userErrors"][0]["code"]) == (None, "INVALID")


def test_an_operation_may_fail_and_leave_a_part(shop: DemoShopify) -> None:
    shop.faults.next_export(end="FAILED", error_code="TIMEOUT", partial=True)
    operation = ended(shop, begun(shop)["bulkOperation"]["id"])
    assert (operation["status"], operation["errorCode"], operation["url"]) == ("FAILED", "TIMEOUT", None)
    part = send(shop.storage, operation["partialDataUrl"].removeprefix(shop.storage.url))
    assert part.body.endswith(b"}\n")


def test_an_operation_can_be_cancelled_and_looked_at_without_its_id(shop: DemoShopify) -> None:
    operation = begun(shop)["bulkOperation"]["id"]
    cancel = "mutation($id: ID!) { bulkOperationCancel(id: $id) { bulkOperation { id status } userErrors { message } } }"
    assert data(shop, cancel, id=operation)["bulkOperationCancel"]["bulkOperation"]["status"] == "CANCELED"
    current = data(shop, "{ currentBulkOperation(type: QUERY) { id status } }", "2025-10")["currentBulkOperation"]
    assert current == {"id": operation, "status": "CANCELED"}


def test_a_file_wants_its_signature_and_refuses_whoever_carries_a_token(shop: DemoShopify) -> None:
    target = ended(shop, begun(shop)["bulkOperation"]["id"])["url"].removeprefix(shop.storage.url)
    assert send(shop.storage, target, {"X-Shopify-Access-Token": shop.token}).status == 400
    assert send(shop.storage, target.partition("?")[0]).status == 403
    assert send(shop.storage, target).status == 200
    shop.storage.expire()
    assert send(shop.storage, target).status == 400
