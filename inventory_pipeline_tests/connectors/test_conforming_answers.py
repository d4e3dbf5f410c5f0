"""Whatever conforms to a platform's contract is read without a crash, and means what the platform says it means."""

import asyncio
from functools import cache
from typing import Any

import yaml
from graphql import build_schema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from inventory_pipeline.connectors import saleor, vendure
from inventory_pipeline.connectors.medusa import KIT
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline_tests.connectors import medusa_server, saleor_server, vendure_server
from inventory_pipeline_tests.connectors.conforming import INTEGERS, graphql_data, openapi_value
from inventory_pipeline_tests.connectors.contracts import contract
from inventory_pipeline_tests.connectors.reading import Whole, read_whole
from inventory_pipeline_tests.http.local_server import LocalServer

# Without shrinking: each example is a whole read, and a failing one is small.
SOME = settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
schema_in = cache(lambda file: build_schema(file.read_text()))
openapi_in = cache(lambda file: yaml.safe_load(file.read_text()))
Levels = dict[tuple[str, str], Quantity]


def variants_of(answers: list[Any]) -> list[dict[str, Any]]:
    """The variants in answers to one query, each with an id of its own."""
    found: list[dict[str, Any]] = []
    for answer in answers:
        listed = answer["productVariants"] or {}
        nodes = listed.get("items") or [edge["node"] for edge in listed.get("edges") or () if edge]
        found += [node for node in nodes if node]
    return [variant | {"id": f"v{number}"} for number, variant in enumerate(found)]


def differences(whole: Whole, expected: dict[str, Levels]) -> list[object]:
    """What of the lines is not as expected. An item that a read rejects, saying why, is not published at all."""
    rejected = {line.item_id for line in whole.rejected}
    lines = {key: line.quantity for key, line in whole.lines.items() if key[0] not in rejected}
    wanted = {key: quantity for item, levels in expected.items() if item not in rejected for key, quantity in levels.items()}
    return [(key, lines.get(key), wanted.get(key)) for key in lines.keys() | wanted.keys() if lines.get(key) != wanted.get(key)]


@SOME
@given(st.data())
def test_vendure(data: st.DataObject) -> None:
    schema = schema_in(contract("vendure", "inventory.pruned.graphql"))
    variants = variants_of(data.draw(st.lists(graphql_data(schema, vendure.VARIANTS.text), max_size=4)))
    shop = data.draw(graphql_data(schema, vendure.SETTINGS.text))["globalSettings"]
    server = vendure_server.VendureServer(variants, settings=shop)
    with LocalServer(server) as local:
        whole = asyncio.run(read_whole(connector_for("vendure")(vendure_server.vendure_context(local.url))))
    expected: dict[str, Levels] = {}
    for each in variants:
        tracked = {"TRUE": True, "FALSE": False}.get(each["trackInventory"], shop["trackInventory"])
        kept = (shop if each["useGlobalOutOfStockThreshold"] else each)["outOfStockThreshold"]
        levels = {level["stockLocation"]["id"]: level["stockOnHand"] - level["stockAllocated"] for level in each["stockLevels"]}
        alone = len(each["stockLevels"]) == 1
        expected[each["id"]] = {
            (each["id"], place): Quantity.of(free - (max(kept, 0) if alone else 0)) if tracked else UNTRACKED
            for place, free in levels.items()
        } or {(each["id"], "-"): UNKNOWN if tracked else UNTRACKED}
    assert differences(whole, expected) == []
    assert whole.rejected == []
    assert whole.proof.gap == 0


@SOME
@given(st.data())
def test_saleor(data: st.DataObject) -> None:
    schema = schema_in(contract("saleor", "inventory.pruned.graphql"))
    variants = variants_of(data.draw(st.lists(graphql_data(schema, saleor.VARIANTS.text), max_size=4)))
    server = saleor_server.SaleorServer(variants)
    with LocalServer(server) as local:
        whole = asyncio.run(read_whole(connector_for("saleor")(saleor_server.saleor_context(local.url))))
    expected: dict[str, Levels] = {}
    for each in variants:
        stocks = {
            stock["warehouse"]["id"]: stock["quantity"] - stock["quantityAllocated"] - stock["quantityReserved"]
            for stock in each["stocks"] or ()
            if stock
        }
        tracked = each["trackInventory"]
        expected[each["id"]] = {
            (each["id"], place): Quantity.of(free) if tracked else UNTRACKED for place, free in stocks.items()
        } or {(each["id"], "-"): UNKNOWN if tracked else UNTRACKED}
    assert differences(whole, expected) == []
    assert {line.item_id for line in whole.rejected} <= {each["id"] for each in variants if each["stocks"] is None}
    assert whole.proof.gap == 0


@SOME
@given(st.data())
def test_medusa(data: st.DataObject) -> None:
    openapi = openapi_in(contract("medusa", "inventory.pruned.yaml"))
    places, items = st.sampled_from(["l1", "l2"]), st.sampled_from(["i0", "i1", "i2"])
    level = openapi_value(
        openapi, {"$ref": "#/components/schemas/AdminInventoryLevel"}, {"location_id": places, "available_quantity": INTEGERS}
    )
    known = {"location_levels": st.lists(level, max_size=2, unique_by=lambda level: level["location_id"])}
    item = openapi_value(openapi, {"$ref": "#/components/schemas/AdminInventoryItem"}, known)
    # The contract does not describe what `fields=*inventory_items` adds.
    part = st.fixed_dictionaries({"inventory_item_id": items, "required_quantity": st.integers(1, 2)})
    known = {"product": st.none(), "inventory_items": st.lists(part, max_size=2)}
    variant = openapi_value(openapi, {"$ref": "#/components/schemas/AdminProductVariant"}, known)
    rows: medusa_server.Rows = {
        "inventory-items": [row | {"id": f"i{at}"} for at, row in enumerate(data.draw(st.lists(item, max_size=3)))],
        "product-variants": [
            row | {"id": f"v{at}", "inventory_items": data.draw(known["inventory_items"])}
            for at, row in enumerate(data.draw(st.lists(variant, max_size=4)))
        ],
        "stock-locations": [{"id": "l1", "name": "One"}, {"id": "l2", "name": "Two"}],
    }
    with LocalServer(medusa_server.MedusaServer(rows)) as local:
        whole = asyncio.run(read_whole(connector_for("medusa")(medusa_server.medusa_context(local.url))))
    levels = {row["id"]: row["location_levels"] for row in rows["inventory-items"]}
    expected: dict[str, Levels] = {}
    kits = 0
    for each in rows["product-variants"]:
        parts = each["inventory_items"]
        if not each["manage_inventory"]:
            expected[each["id"]] = {(each["id"], "-"): UNTRACKED}
        elif len(parts) > 1 or any(part["required_quantity"] > 1 for part in parts):
            kits += 1
        else:
            found = levels.get(parts[0]["inventory_item_id"], []) if parts else []
            told = {(each["id"], level["location_id"]): Quantity.of(level["available_quantity"]) for level in found}
            expected[each["id"]] = told or {(each["id"], "-"): UNKNOWN}
    assert differences(whole, expected) == []
    assert whole.excluded[KIT] == kits
    assert whole.proof.gap == 0
