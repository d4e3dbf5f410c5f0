"""PrestaShop: what its rows become, what proves a read, and what its refusals mean."""

import asyncio
from typing import Any

import pytest

from inventory_pipeline.connectors.base import AsksForItems, CheckItem
from inventory_pipeline.connectors.prestashop import BEGUN, ORPHAN, PACK, SUM
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.errors import CredentialsRejected, PlatformUnavailable, ScopeMissing, StoreMisconfigured, SyncError
from inventory_pipeline.core.quantity import UNKNOWN, Quantity
from inventory_pipeline_tests.connectors.platforms.prestashop import ROWS
from inventory_pipeline_tests.connectors.prestashop_shop import PrestaShopServer, presta_context, recorded_answer, recorded_rows
from inventory_pipeline_tests.connectors.reading import Whole, read_whole
from inventory_pipeline_tests.http.local_server import Answer, LocalServer, Request


def read(app: PrestaShopServer, /, **settings: str) -> Whole:
    with LocalServer(app) as server:
        whole = asyncio.run(read_whole(connector_for("prestashop")(presta_context(server.url, settings))))
        assert whole.api_calls == len(server.requests)
        assert server.all_closed()
    return whole


def check(shop: PrestaShopServer) -> dict[str, CheckItem]:
    with LocalServer(shop) as server:
        items = asyncio.run(connector_for("prestashop")(presta_context(server.url)).check())
    return {item.check: item for item in items}


def product(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "reference": f"P-{number}", "name": f"Product {number}", "active": "1", "state": "1"} | fields


def row(number: int, product_id: int, inner: int = 0, quantity: Any = "5", **fields: Any) -> dict[str, Any]:
    ids = {"id": number, "id_product": str(product_id), "id_product_attribute": str(inner)}
    return ids | {"quantity": quantity, "out_of_stock": "2"} | fields


def shop_of(products: list[Any], stock: list[Any], combinations: list[Any] | None = None) -> PrestaShopServer:
    return PrestaShopServer({"products": products, "combinations": combinations or [], "stock_availables": stock})


def test_the_recorded_shop_is_read_whole_whatever_the_size_of_its_tiles() -> None:
    shop = PrestaShopServer(recorded_rows())
    whole = read(shop)
    assert (whole.proof.expected, whole.proof.read, whole.proof.gap, whole.rejected) == (277 + 139 + 416, 832, 0, [])
    # 36 products have combinations, whose rows of their own are sums; one product is a pack.
    assert whole.excluded == {SUM: 36, PACK: 1}
    assert len(whole.lines) == 416 - 36 - 1
    assert sum(line.quantity.value or 0 for line in whole.lines.values()) == sum(
        int(entry["quantity"]) for entry in shop.rows["stock_availables"] if is_line(shop, entry)
    )
    assert whole.api_calls == 2 * 3 + 3
    for per_page in ("7", "100"):
        assert read(shop, per_page=per_page).lines == whole.lines


def is_line(shop: PrestaShopServer, entry: dict[str, Any]) -> bool:
    """Reckoned another way than the connector does."""
    of_combination = {combination["id_product"] for combination in shop.rows["combinations"]}
    packs = {str(found["id"]) for found in shop.rows["products"] if found["product_type"] == "pack"}
    is_sum = entry["id_product_attribute"] == "0" and entry["id_product"] in of_combination
    return not is_sum and entry["id_product"] not in packs


def test_ids_hold_both_since_those_of_products_and_combinations_collide() -> None:
    whole = read(
        shop_of([product(1), product(2)], [row(1, 1, 1), row(2, 2, 0, "7")], [{"id": 1, "id_product": "1", "reference": "C"}])
    )
    assert {(item, line.sku, line.quantity.value) for (item, _), line in whole.lines.items()} == {
        ("1-1", "C", 5),
        ("2-0", "P-2", 7),
    }


def test_what_is_no_line_is_excluded_with_its_reason() -> None:
    products = [product(1, product_type="pack"), product(2, state="0"), product(3, cache_is_pack="1", pack_stock_type="0")]
    whole = read(shop_of(products, [row(1, 1), row(2, 2), row(3, 3), row(4, 99), row(5, 3, 77)]))
    assert whole.excluded == {PACK: 1, BEGUN: 1, ORPHAN: 2}
    assert [item for item, _ in whole.lines] == ["3-0"]
    assert whole.proof.gap == 0


@pytest.mark.parametrize(("told", "allowed"), [("0", False), ("1", True), ("2", None)])
def test_what_may_be_oversold_is_told_where_the_product_says_it(told: str, allowed: bool | None) -> None:
    (line,) = read(shop_of([product(1, active="0")], [row(1, 1, 0, "-3", out_of_stock=told)])).lines.values()
    assert (line.quantity, line.oversell_allowed, line.status) == (Quantity.of(-3), allowed, "draft")


def test_a_product_without_a_row_is_a_line_without_a_place() -> None:
    whole = read(shop_of([product(1), product(2)], [row(1, 1)], [{"id": 4, "id_product": "2", "reference": ""}]))
    assert whole.lines["2-4", "-"].quantity == UNKNOWN
    assert set(whole.lines) == {("1-0", "default"), ("2-4", "-")}


@pytest.mark.parametrize("quantity", ["plenty", True, [], {"a": 1}, ""])
def test_a_bad_quantity_costs_its_own_line(quantity: Any) -> None:
    whole = read(shop_of([product(1), product(2)], [row(1, 1, 0, quantity), row(2, 2)]))
    assert [(line.item_id, line.location_id) for line in whole.rejected] == [("1-0", "default")]
    assert [item for item, _ in whole.lines] == ["2-0"]


def test_names_of_several_languages_are_read_by_the_first() -> None:
    names = [{"id": "1", "value": "Kerze"}, {"id": "2", "value": "Candle"}]
    (line,) = read(shop_of([product(1, name=names)], [row(1, 1)])).lines.values()
    assert line.title == "Kerze"


def test_rows_that_are_counted_and_not_shown_are_a_gap() -> None:
    proof = read(PrestaShopServer(ROWS, hidden={2})).proof
    assert {one.name: one.gap for one in proof.lists} == {"products": 1, "combinations": 1, "stock_availables": 1}
    assert proof.gap == 3


def test_one_shop_of_a_multishop_is_asked_for_by_its_id() -> None:
    asked: list[str] = []
    server = PrestaShopServer(ROWS, fault=lambda request: asked.append(request.query.get("id_shop", "")))
    read(server, shop="3")
    assert set(asked) == {"3"}


@pytest.mark.parametrize("sku", ["A[1]", "[A]", "A|B", "1,2", "100%", "A_1"])
def test_an_sku_that_holds_the_signs_of_a_filter_is_found_by_itself(sku: str) -> None:
    others = ["A", "B", "A[2]", "A-1", "1", "2", "100x", "A|C"]
    products = [product(number, reference=reference) for number, reference in enumerate([sku, *others], 1)]
    with LocalServer(shop_of(products, [row(number, number) for number in range(1, 10)])) as server:
        connector = connector_for("prestashop")(presta_context(server.url))
        assert isinstance(connector, AsksForItems)
        page = asyncio.run(connector.read_items([], sku))
    assert [(line.item_id, line.sku) for line in page.lines] == [("1-0", sku)]


def test_a_key_may_go_in_the_address() -> None:
    asked: list[bool] = []
    shop = PrestaShopServer(ROWS, fault=lambda request: asked.append("authorization" in request.headers))
    assert read(shop, auth="query").lines == read(PrestaShopServer(ROWS)).lines
    assert set(asked) == {False}


@pytest.mark.parametrize(
    ("name", "kind", "check_failed", "text"),
    [
        ("bad-key", CredentialsRejected, "credentials", "does not accept the key"),
        ("sample-bad_key", CredentialsRejected, "credentials", "Authentification key is not active, No permission"),
        ("sample-no_perm", ScopeMissing, "permissions", "allow it View (GET) at Advanced Parameters > Webservice"),
        ("no-key", CredentialsRejected, "credentials", "set auth=query"),
        ("sample-badfield", StoreMisconfigured, "address", "Unable to display this field"),
        ("sample-notfound", StoreMisconfigured, "address", "answers 404; check the address"),
    ],
)
def test_recorded_refusals_get_their_meaning(name: str, kind: type[SyncError], check_failed: str, text: str) -> None:
    answer = recorded_answer(name)
    shop = PrestaShopServer(ROWS, fault=lambda _: answer)
    with pytest.raises(kind) as caught:
        read(shop)
    assert type(caught.value) is kind
    assert text in str(caught.value)
    item = check(shop)[check_failed]
    assert (item.ok, bool(item.cure)) == (False, True)


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (Answer.html("Shop", 200), StoreMisconfigured, "PrestaShop sends on what is not asked at its own address"),
        (Answer.json({"errors": [{"code": 22, "message": "disabled"}]}, 503), PlatformUnavailable, "the webservice is turned on"),
        (Answer(500), PlatformUnavailable, "answers 500 after 6 attempts"),
    ],
)
def test_other_faults_are_told_with_their_cure(answer: Answer, kind: type[SyncError], text: str) -> None:
    with pytest.raises(kind) as caught:
        read(PrestaShopServer(ROWS, fault=lambda _: answer))
    assert text in str(caught.value)


def test_the_first_request_after_a_start_may_fail_once() -> None:
    def cold(request: Request) -> Answer | None:
        return Answer(500) if request.number == 1 else None

    assert read(PrestaShopServer(ROWS, fault=cold)).lines == read(PrestaShopServer(ROWS)).lines


def test_a_check_of_a_good_shop_names_what_the_key_may_view() -> None:
    found = check(PrestaShopServer(ROWS))
    assert [item.ok for item in found.values()] == [True] * 4
    assert "stock_availables" in found["permissions"].detail
