"""The pure part: any JSON that a shop may send becomes lines, rejections or exclusions, and never a wrong number."""

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.connectors.toolkit.pages import ListPage, SeenIds
from inventory_pipeline.connectors.toolkit.parsing import decode_list, whole_id
from inventory_pipeline.connectors.woocommerce.lines import LineBuilder, Listed, Product, Variation, own_stock, status_of
from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.stock import Page
from inventory_pipeline.http.response import Response
from inventory_pipeline_tests.connectors.made_up_shop import parent, product, variation

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from(sorted(product(1)))
quantities = st.integers(-(10**9), 10**9) | st.decimals(-1000, 1000, places=3).map(float)


def listed(entries: list[Any], kind: type[Listed]) -> ListPage[Listed]:
    response = Response(200, httpx.Headers(), json.dumps(entries).encode(), "https://shop.example/list")
    items, rejected = decode_list(response, kind)
    return ListPage(1, items, rejected, None, [True] * len(items))


def read(entries: list[Any]) -> Page:
    return LineBuilder(SeenIds()).add_products(listed(entries, Product))


@given(st.lists(anything, max_size=4))
def test_whatever_stands_in_a_list_costs_only_itself(junk: list[object]) -> None:
    page = read([product(1), *junk, product(2)])
    assert {line.item_id for line in page.lines} >= {"1", "2"}
    assert len(page.lines) + len(page.rejected) == len(junk) + 2


@given(fields, anything)
def test_one_field_gone_wrong_never_invents_stock(name: str, value: object) -> None:
    page = read([product(1, **{name: value})])
    for line in page.lines:
        expected = value if name == "stock_quantity" and line.quantity.value is not None else 5
        if line.quantity.value is not None:
            told = Decimal(str(expected).strip())
            # What lies within binary rounding of a number of six decimals means that number.
            assert abs(line.quantity.value - told) <= max(abs(told), 1) * Decimal("1e-12")
    assert len(page.lines) + len(page.rejected) + sum(page.excluded.values()) <= 1


@given(quantities)
def test_a_managed_quantity_is_kept_exactly(quantity: int | float) -> None:
    (line,) = read([product(1, stock_quantity=quantity)]).lines
    assert line.quantity.value == Decimal(str(quantity))


@given(st.integers(-(10**9), 10**9), st.integers(1, 5))
def test_a_pool_is_one_quantity_however_many_draw_on_it(quantity: int, count: int) -> None:
    builder = LineBuilder(SeenIds())
    builder.add_products(listed([parent(1, 2, manage_stock=True, stock_quantity=quantity)], Product))
    entries = [variation(number, 1, manage_stock="parent", stock_quantity=0) for number in range(2, 2 + count)]
    lines = builder.add_variations(listed(entries, Variation)).lines
    assert {(line.shared_pool, line.quantity.value) for line in lines} == {("1", quantity)}


@given(st.lists(st.integers(1, 60), max_size=80))
def test_seen_ids_are_a_set_in_whatever_order_they_come(numbers: list[int]) -> None:
    seen, model = SeenIds(), set[int]()
    for number in numbers:
        assert seen.add(number) == (number not in model)
        model.add(number)
    assert len(seen) == len(model)


@given(st.integers(1, 2**62))
def test_an_id_is_the_same_as_number_and_as_text(number: int) -> None:
    assert whole_id(number) == whole_id(str(number)) == number


@pytest.mark.parametrize("raw", [0, -1, True, "", "1.0", "x", "١", None, 1.0, [1], 2**64, "9" * 30])
def test_what_is_no_id_is_none(raw: object) -> None:
    assert whole_id(raw) is None


@pytest.mark.parametrize(("word", "status"), [("publish", "active"), ("private", "draft"), ("importing", "draft"), ("", "draft")])
def test_only_what_is_published_is_active(word: str, status: str) -> None:
    assert status_of(word) == status


@pytest.mark.parametrize(
    ("stock_status", "backorders", "sellable", "oversell"),
    [
        ("instock", "no", True, False),
        ("outofstock", "yes", False, True),
        ("onbackorder", "notify", True, True),
        ("discontinued", None, None, None),
    ],
)
def test_sellable_is_the_shops_own_word(stock_status: str, backorders: str | None, sellable: bool | None, oversell: bool) -> None:
    (line,) = read([product(1, stock_status=stock_status, backorders=backorders)]).lines
    assert (line.sellable, line.oversell_allowed) == (sellable, oversell)


def test_texts_that_are_empty_are_none_and_numbers_among_them_stay_texts() -> None:
    first, second = read([product(1, sku="", price=""), product(2, sku=700, price=1.5, global_unique_id=4006381333931)]).lines
    assert (first.sku, first.price, first.barcode) == (None, None, None)
    assert (second.sku, second.price, second.barcode) == ("700", Decimal("1.5"), "4006381333931")


def test_manage_stock_must_be_one_of_the_words_the_platform_has() -> None:
    (entry,) = listed([product(1, manage_stock="yes")], Product).items
    with pytest.raises(LineRejected, match="manage_stock 'yes'"):
        own_stock(entry)
