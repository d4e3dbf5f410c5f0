"""Vendure: what its variants become, sessions and keys, what proves a read, and what its refusals mean."""

import asyncio
from typing import Any

import pytest
from graphql import build_schema, parse, specified_rules, validate

from inventory_pipeline.connectors.base import CheckItem
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.connectors.toolkit.graphql import Query
from inventory_pipeline.connectors.vendure import COUNT, SETTINGS, THRESHOLD, VARIANTS
from inventory_pipeline.core.errors import (
    CredentialsRejected,
    PlatformUnavailable,
    ScopeMissing,
    StoreMisconfigured,
    SyncError,
    UsageError,
)
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stock import LineNote, Page
from inventory_pipeline_tests.connectors.contracts import contract
from inventory_pipeline_tests.connectors.platforms import vendure as case
from inventory_pipeline_tests.connectors.reading import Whole, read_whole
from inventory_pipeline_tests.connectors.vendure_server import (
    FORBIDDEN,
    VendureServer,
    level,
    recorded_body,
    recorded_variants,
    refusal,
    variant,
    vendure_context,
)
from inventory_pipeline_tests.http.local_server import Answer, LocalServer


def read(app: VendureServer, credentials: dict[str, str] | None = None, **settings: str) -> Whole:
    with LocalServer(app) as server:
        whole = asyncio.run(read_whole(connector_for("vendure")(vendure_context(server.url, settings, credentials))))
        assert whole.api_calls == len(server.requests)
        assert server.all_closed()
    return whole


def check(app: VendureServer, credentials: dict[str, str] | None = None) -> dict[str, CheckItem]:
    with LocalServer(app) as server:
        items = asyncio.run(connector_for("vendure")(vendure_context(server.url, {}, credentials)).check())
    return {found.check: found for found in items}


@pytest.mark.parametrize("query", [SETTINGS, COUNT, VARIANTS], ids=lambda query: query.name)
def test_a_query_is_valid_in_the_platforms_schema(query: Query) -> None:
    schema = build_schema(contract("vendure", "inventory.pruned.graphql").read_text())
    assert validate(schema, parse(query.text), specified_rules) == []


def test_the_recorded_shop_is_read_whole_whatever_the_size_of_its_pages() -> None:
    server = VendureServer(recorded_variants())
    whole = read(server)
    assert (whole.proof.expected, whole.proof.read, whole.proof.gap, whole.rejected) == (1143, 1143, 0, [])
    levels = [(row["trackInventory"] != "FALSE", one) for row in server.variants for one in row["stockLevels"]]
    assert len(whole.lines) == len(levels)
    available = sum(one["stockOnHand"] - one["stockAllocated"] for tracked, one in levels if tracked)
    assert sum(line.quantity.value or 0 for line in whole.lines.values()) == available
    assert sum(line.quantity == UNTRACKED for line in whole.lines.values()) == 24
    assert len({item for (item, _), line in whole.lines.items() if line.oversell_allowed}) == 3
    assert whole.api_calls == 1 + 5
    assert read(server, per_page="99").lines == whole.lines


def test_a_line_has_what_the_platform_tells_of_it() -> None:
    line = read(VendureServer(case.VARIANTS)).lines["1", "1"]
    assert (line.sku, line.title, line.location, line.product_id) == ("SKU-1", "Lamp 1", "Location 1", "P1")
    assert (line.quantity, line.on_hand, line.committed, line.oversell_allowed) == (Quantity.of(5), 7, 2, False)


@pytest.mark.parametrize(("globally", "quantity"), [(True, Quantity.of(3)), (False, UNTRACKED)])
def test_what_inherits_is_tracked_as_the_whole_server(globally: bool, quantity: Quantity) -> None:
    server = VendureServer([variant("1", level(3))], settings={"trackInventory": globally, "outOfStockThreshold": 0})
    assert read(server).lines["1", "1"].quantity == quantity


@pytest.mark.parametrize(
    ("fields", "available", "oversell"),
    [
        ({}, 8, False),
        ({"useGlobalOutOfStockThreshold": False, "outOfStockThreshold": 3}, 7, False),
        ({"useGlobalOutOfStockThreshold": False, "outOfStockThreshold": -5}, 10, True),
    ],
)
def test_a_threshold_keeps_units_back_or_allows_backorders(fields: dict[str, Any], available: int, oversell: bool) -> None:
    settings = {"trackInventory": True, "outOfStockThreshold": 2}
    line = read(VendureServer([variant("1", level(10), **fields)], settings=settings)).lines["1", "1"]
    assert (line.quantity, line.oversell_allowed) == (Quantity.of(available), oversell)


def test_a_threshold_over_several_locations_is_taken_off_none_of_them_and_said() -> None:
    """It counts once over their sum, and no location is the one that keeps the units back."""
    settings = {"trackInventory": True, "outOfStockThreshold": 2}
    whole = read(VendureServer([variant("1", level(10), level(4, 0, "2"))], settings=settings))
    assert [line.quantity.value for line in whole.lines.values()] == [10, 4]
    notes = [note for item in whole.items if isinstance(item, Page) for note in item.notes]
    assert notes == [LineNote(THRESHOLD, "1", "threshold 2")]


@pytest.mark.parametrize("fields", [{"enabled": False}, {"product": {"id": "P1", "enabled": False}}])
def test_what_is_not_enabled_is_a_draft(fields: dict[str, Any]) -> None:
    assert read(VendureServer([variant("1", level(1), **fields)])).lines["1", "1"].status == "draft"


def test_a_variant_that_never_had_stock_is_an_unknown_line_without_a_place() -> None:
    assert read(VendureServer([variant("1", sku="")])).lines["1", "-"].quantity == UNKNOWN


@pytest.mark.parametrize("bad", [None, [], "text", {"id": "9"}])
def test_a_variant_that_cannot_be_read_costs_only_itself(bad: Any) -> None:
    whole = read(VendureServer([variant("1", level(1)), bad, variant("2", level(2))]))
    assert [item for item, _ in whole.lines] == ["1", "2"]
    assert [(line.item_id, line.location_id) for line in whole.rejected] == [("9" if isinstance(bad, dict) else None, None)]
    assert whole.proof.gap == 0


def test_variants_that_are_counted_and_not_shown_are_a_gap() -> None:
    assert read(VendureServer(case.VARIANTS, hidden={"2"})).proof.gap == 1


# Who asks.


@pytest.mark.parametrize("takes", ["bearer", "cookie"])
def test_a_session_is_begun_once_and_again_where_it_ends(takes: Any) -> None:
    server = VendureServer(case.VARIANTS, takes=takes)
    expected = read(VendureServer(case.VARIANTS)).lines
    assert read(server, case.LOGIN, per_page="1").lines == expected
    assert server.logins == 1
    brief = VendureServer(case.VARIANTS, takes=takes, session_requests=3)
    assert read(brief, case.LOGIN, per_page="1", connections="1").lines == expected
    assert brief.logins == 3
    at_once = VendureServer(case.VARIANTS, takes=takes, session_requests=4)
    assert read(at_once, case.LOGIN, per_page="1").lines == expected, "requests at once share their sessions"
    assert "session_" not in redact(f"token session_{brief.logins:016}"), "a session is a secret like any other"


def test_a_session_that_never_holds_is_an_error_and_not_a_hang() -> None:
    server = VendureServer(case.VARIANTS, takes="bearer", session_requests=0)
    with pytest.raises(CredentialsRejected, match="although the log-in was accepted"):
        read(server, case.LOGIN)
    assert server.logins <= 4


def test_a_wrong_password_is_refused_in_the_platforms_words() -> None:
    server = VendureServer(case.VARIANTS, takes="bearer", password="another")
    with pytest.raises(CredentialsRejected, match=r"The provided credentials are invalid.*; correct them"):
        read(server, case.LOGIN)
    found = check(server, case.LOGIN)
    assert (found["address"].ok, found["credentials"].ok) == (True, False)


@pytest.mark.parametrize("server", [VendureServer(case.VARIANTS, key="another"), VendureServer(case.VARIANTS, takes="cookie")])
def test_a_key_that_is_wrong_or_that_the_server_ignores_is_seen_by_a_check(server: VendureServer) -> None:
    found = check(server)["credentials"]
    assert not found.ok
    assert "the server takes no API keys" in found.detail
    assert "tokenMethod" in found.cure


@pytest.mark.parametrize("credentials", [{"username": "a"}, {"api_key": "k", "username": "a", "password": "b"}, {"token": "t"}])
def test_half_a_pair_of_credentials_is_refused_before_any_request(credentials: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="api_key"):
        connector_for("vendure")(vendure_context("https://shop.example", credentials=credentials))


def test_a_channel_and_another_path_are_sent_as_they_are_set() -> None:
    asked: list[tuple[str, str]] = []
    server = VendureServer(
        case.VARIANTS, fault=lambda _, request: asked.append((request.path, request.headers.get("vendure-token", "")))
    )
    read(server, channel="tok", path="/shop/admin")
    assert set(asked) == {("/shop/admin", "tok")}


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (FORBIDDEN, ScopeMissing, "give the role the permission ReadCatalog"),
        (refusal("CHANNEL_NOT_FOUND", "No channel"), StoreMisconfigured, "correct the setting channel"),
        (refusal("INTERNAL_SERVER_ERROR", "Oops"), PlatformUnavailable, "Oops; the next sync tries again"),
        (Answer.html("Not Found", 404), StoreMisconfigured, "Vendure's Admin API was not found there"),
        (Answer(404), StoreMisconfigured, "the setting path"),
    ],
)
def test_a_refusal_means_what_a_person_must_do(answer: Answer, kind: type[SyncError], text: str) -> None:
    server = VendureServer(case.VARIANTS, fault=lambda name, _: answer if name == "InventoryVariants" else None)
    with pytest.raises(kind) as caught:
        read(server)
    assert type(caught.value) is kind
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("bad-token", CredentialsRejected, "You are not currently authorized"),
        ("sample-noauth", CredentialsRejected, "You are not currently authorized"),
        (
            "sample-take5000",
            StoreMisconfigured,
            "Cannot take more than 1000 results from a list query; if it is too much at once",
        ),
        ("sample-badfield", StoreMisconfigured, "Cannot query field"),
    ],
)
def test_recorded_refusals_get_their_meaning(name: str, kind: type[SyncError], text: str) -> None:
    answer = Answer.json(recorded_body(name))
    with pytest.raises(kind) as caught:
        read(VendureServer(case.VARIANTS, fault=lambda _name, _request: answer))
    assert type(caught.value) is kind
    assert text in str(caught.value)


def test_a_check_says_how_much_there_is() -> None:
    found = check(VendureServer(case.VARIANTS))
    assert [one.ok for one in found.values()] == [True] * 4
    assert found["permissions"].detail == "6 variants are listed"
