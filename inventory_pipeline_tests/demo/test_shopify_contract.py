"""The demo shop's answers are what Shopify's own schema allows, so that a client proved on it is proved on something.

A library executes each query with the demo's answer as the data: a field that is missing, of another type, null where
it may not be, or no member of its enum would show as an error; a field too many, as a difference.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLResolveInfo, execute_sync, parse

from inventory_pipeline.connectors.shopify.queries import Queries
from inventory_pipeline.demo.shopify import VERSIONS, DemoShopify
from inventory_pipeline.demo.shopify.cost import Bucket
from inventory_pipeline.demo.shops import demo_catalogue
from inventory_pipeline_tests.connectors.shopify_schemas import schema_of
from inventory_pipeline_tests.demo.client import send
from inventory_pipeline_tests.demo.shopify_client import data


@pytest.fixture(scope="module")
def shop() -> Iterator[DemoShopify]:
    with DemoShopify(demo_catalogue(1), bucket=Bucket(restore=1e6)) as shop:
        yield shop


def assert_allowed(version: str, query: str, answer: Any, /, **variables: Any) -> None:
    executed = execute_sync(
        schema_of(version), parse(query), root_value=answer, variable_values=variables, field_resolver=_by_its_name_in_the_answer
    )
    assert executed.errors is None
    assert executed.data == answer


def _by_its_name_in_the_answer(source: Any, info: GraphQLResolveInfo, **_: Any) -> Any:
    return source[info.path.key]


@pytest.mark.parametrize("version", VERSIONS)
def test_answers_fit_the_schema_of_their_version(shop: DemoShopify, version: str) -> None:
    queries = Queries(version)
    asked: dict[str, Any] = {"page": {"first": 20, "after": None, "levels": 10}, "start": {"query": queries.exported}}
    for name in ("access", "count", "page", "start"):
        query, variables = getattr(queries, name).text, asked.get(name, {})
        assert_allowed(version, query, data(shop, query, version, **variables), **variables)
    operation = {"id": shop.exports.operations[-1].id}
    for name in ("poll", "poll", "poll", "cancel"):
        query = getattr(queries, name).text
        variables = operation if "$id" in query else {}
        assert_allowed(version, query, data(shop, query, version, **variables), **variables)


@pytest.mark.parametrize("version", VERSIONS)
def test_levels_beyond_the_first_page_fit_too(shop: DemoShopify, version: str) -> None:
    queries = Queries(version)
    page = data(shop, queries.page.text, version, first=20, after=None, levels=1)
    items = [node["inventoryItem"] for node in page["productVariants"]["nodes"]]
    item = next(item for item in items if item["inventoryLevels"]["pageInfo"]["hasNextPage"])
    variables = {"item": item["id"], "levels": 5, "after": item["inventoryLevels"]["pageInfo"]["endCursor"]}
    assert_allowed(version, queries.levels.text, data(shop, queries.levels.text, version, **variables), **variables)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_lines_of_an_export_are_the_nodes_of_its_query(shop: DemoShopify, version: str) -> None:
    queries = Queries(version)
    operation = data(shop, queries.start.text, version, query=queries.exported)["bulkOperationRunQuery"]["bulkOperation"]
    told: dict[str, Any] = {"status": ""}
    while told["status"] != "COMPLETED":
        variables = {"id": operation["id"]} if "$id" in queries.poll.text else {}
        told = data(shop, queries.poll.text, version, **variables)["operation"]
    lines = [json.loads(line) for line in send(shop.storage, told["url"].removeprefix(shop.storage.url)).body.splitlines()]
    variants = {line["id"]: {**line, "inventoryItem": {**line["inventoryItem"], "levels": []}} for line in lines if "sku" in line}
    for line in lines:
        if parent := line.pop("__parentId", None):
            variants[parent]["inventoryItem"]["levels"].append({"node": line})
    for variant in variants.values():
        item = variant["inventoryItem"]
        item["inventoryLevels"] = {"edges": item.pop("levels")}
    nested = {"productVariants": {"edges": [{"node": variant} for variant in variants.values()]}}
    # In bulk a connection needs no page size; to a library that does not know that, nothing is missing either.
    assert_allowed(version, queries.exported, nested)
