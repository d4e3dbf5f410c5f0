"""Saleor: what its variants become, who may ask, what proves a read, and what its refusals mean."""

import asyncio
from typing import Any

import pytest
from graphql import build_schema, parse, specified_rules, validate

from inventory_pipeline.connectors.base import CheckItem
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.connectors.saleor import COUNT, VARIANTS
from inventory_pipeline.connectors.toolkit.graphql import Query
from inventory_pipeline.core.errors import CredentialsRejected, IncompleteRead, ScopeMissing, StoreMisconfigured, SyncError
from inventory_pipeline.core.quantity import UNKNOWN, Quantity
from inventory_pipeline_tests.connectors.contracts import contract
from inventory_pipeline_tests.connectors.platforms import saleor as case
from inventory_pipeline_tests.connectors.reading import Whole, read_whole
from inventory_pipeline_tests.connectors.saleor_server import (
    SaleorServer,
    recorded,
    recorded_variants,
    saleor_context,
    stock,
    variant,
)
from inventory_pipeline_tests.http.local_server import Answer, LocalServer


def read(app: SaleorServer, **settings: str) -> Whole:
    with LocalServer(app) as server:
        whole = asyncio.run(read_whole(connector_for("saleor")(saleor_context(server.url, settings))))
        assert whole.api_calls == len(server.requests)
        assert server.all_closed()
    return whole


def check(app: SaleorServer) -> dict[str, CheckItem]:
    with LocalServer(app) as server:
        items = asyncio.run(connector_for("saleor")(saleor_context(server.url)).check())
    return {found.check: found for found in items}


@pytest.mark.parametrize("query", [COUNT, VARIANTS], ids=lambda query: query.name)
def test_a_query_is_valid_in_the_platforms_schema(query: Query) -> None:
    schema = build_schema(contract("saleor", "inventory.pruned.graphql").read_text())
    assert validate(schema, parse(query.text), specified_rules) == []


def test_the_recorded_shop_is_read_whole_whatever_the_size_of_its_pages() -> None:
    server = SaleorServer(recorded_variants())
    whole = read(server)
    assert (whole.proof.expected, whole.proof.read, whole.proof.gap, whole.rejected) == (398, 398, 0, [])
    stocks = [(row["trackInventory"], one) for row in server.variants for one in row["stocks"]]
    assert len(whole.lines) == len(stocks) + 10 == 939
    available = sum(one["quantity"] - one["quantityAllocated"] for tracked, one in stocks if tracked)
    assert sum(line.quantity.value or 0 for line in whole.lines.values()) == available
    states = [line.quantity.state for line in whole.lines.values()]
    assert (states.count("untracked"), states.count("unknown")) == (150, 10)
    assert whole.api_calls == 1 + 1 + 4 + 1
    assert read(server, per_page="30").lines == whole.lines


def test_a_line_has_what_the_platform_tells_of_it() -> None:
    line = read(SaleorServer([variant("v1", stock(9, 2, "W1", reserved=1))])).lines["v1", "W1"]
    assert (line.sku, line.title, line.location, line.product_id) == ("SKU-v1", "Shirt - M", "Warehouse W1", "P1")
    assert (line.quantity, line.on_hand, line.committed) == (Quantity.of(6), 9, 3)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "active"),
        ({"channelListings": []}, "draft"),
        ({"product": {"id": "P1", "name": "Shirt", "channelListings": [{"isPublished": False}]}}, "draft"),
        (
            {"product": {"id": "P1", "name": "Shirt", "channelListings": [{"isPublished": False}, {"isPublished": True}]}},
            "active",
        ),
    ],
)
def test_what_no_channel_sells_is_a_draft(fields: dict[str, Any], status: str) -> None:
    assert read(SaleorServer([variant("v1", stock(1), **fields)])).lines["v1", "W1"].status == status


def test_a_variant_that_no_warehouse_has_is_an_unknown_line_without_a_place() -> None:
    line = read(SaleorServer([variant("v1", sku=None)])).lines["v1", "-"]
    assert (line.quantity, line.sku) == (UNKNOWN, None)


@pytest.mark.parametrize("bad", [None, [], "text", {"id": "v9"}, {"id": ""}])
def test_a_variant_that_cannot_be_read_costs_only_itself(bad: Any) -> None:
    whole = read(SaleorServer([variant("v1", stock(1)), bad, variant("v2", stock(2))]))
    assert [item for item, _ in whole.lines] == ["v1", "v2"]
    (rejected,) = whole.rejected
    assert (rejected.item_id, rejected.location_id) == ("v9" if bad == {"id": "v9"} else None, None)
    assert whole.proof.gap == 0


def test_a_token_that_is_not_known_is_refused_although_the_server_answers_as_to_a_stranger() -> None:
    server = SaleorServer(case.VARIANTS, token="another")
    with pytest.raises(CredentialsRejected, match="answers as to a stranger; make an app"):
        read(server)
    found = check(server)
    assert (found["address"].ok, found["credentials"].ok, found["permissions"].ok) == (True, False, False)


def test_a_missing_permission_is_named() -> None:
    server = SaleorServer(case.VARIANTS, permissions=("MANAGE_ORDERS",))
    with pytest.raises(ScopeMissing, match="lacks the permission MANAGE_PRODUCTS"):
        read(server)
    assert check(server)["permissions"].cure == "give it to the app"


def test_variants_that_are_counted_and_not_shown_are_a_gap() -> None:
    proof = read(SaleorServer(case.VARIANTS, hidden={"v2"})).proof
    assert (proof.expected, proof.read, proof.gap) == (6, 5, 1)


def test_a_cursor_that_comes_again_is_found_out() -> None:
    page = {"pageInfo": {"hasNextPage": True, "endCursor": "x"}, "edges": [{"node": case.VARIANTS[0]}]}
    again = Answer.json({"data": {"productVariants": page}})
    with pytest.raises(IncompleteRead, match="lead in circles"):
        read(SaleorServer(case.VARIANTS, fault=lambda name, _: again if name == "InventoryVariants" else None))


def error(code: str, message: str = "Something", status: int = 200) -> Answer:
    return Answer.json({"errors": [{"message": message, "extensions": {"exception": {"code": code}}}], "data": None}, status)


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (error("PermissionDenied", "You need one of: MANAGE_PRODUCTS"), ScopeMissing, "give the app the permission"),
        (error("ExpiredSignatureError", "Signature has expired"), CredentialsRejected, "does not accept the token"),
        (error("InvalidTokenError", status=400), CredentialsRejected, "does not accept the token"),
        (error("GraphQLError", "Cannot query field"), StoreMisconfigured, "is this a Saleor of 3.20 or newer?"),
        (Answer.html("Not Found", 404), StoreMisconfigured, "Saleor's GraphQL API was not found there"),
        (Answer(404), StoreMisconfigured, "answers 404; check the store's address"),
    ],
)
def test_a_refusal_means_what_a_person_must_do(answer: Answer, kind: type[SyncError], text: str) -> None:
    with pytest.raises(kind) as caught:
        read(SaleorServer(case.VARIANTS, fault=lambda _name, _request: answer))
    assert type(caught.value) is kind
    assert text in str(caught.value)


def test_the_recorded_answer_to_a_stranger_is_an_error_and_never_an_empty_shop() -> None:
    refused = Answer.json(recorded("bad-token")["body"])
    with pytest.raises(StoreMisconfigured, match="More than one channel exists"):
        read(SaleorServer(case.VARIANTS, fault=lambda name, _: refused if name == "InventoryVariants" else None))


def test_a_check_says_how_much_there_is() -> None:
    found = check(SaleorServer(case.VARIANTS))
    assert [one.ok for one in found.values()] == [True] * 4
    assert found["permissions"].detail == "the token has MANAGE_PRODUCTS; 6 variants are listed"
