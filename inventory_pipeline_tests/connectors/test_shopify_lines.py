"""What Shopify's words become: pure functions, from JSON to lines."""

import json
import string
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.connectors.shopify.lines import BUNDLE, ORPHAN, Tally, VariantFact, pages
from inventory_pipeline.connectors.shopify.spool import Spool, decode_lines, decode_node, facts_of
from inventory_pipeline.connectors.toolkit.exports import LONGEST_LINE, Blocks
from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline.core.stock import TOO_LARGE, Page, StockLine, checked_line
from inventory_pipeline.services.sync.lines import checked_page
from inventory_pipeline_tests.connectors.made_up_shopify import gid, level, variant


def encoded(*nodes: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(node).encode() + b"\n" for node in nodes)


def whole_page(*nodes: dict[str, Any]) -> Page:
    facts, rejected = facts_of(decode_lines(encoded(*nodes), 1))
    with Spool() as spool:
        spool.add(facts)
        found = list(pages(spool.items(), "EUR", Tally()))
    page = found[0] if found else Page()
    return Page(page.lines, [*rejected, *page.rejected], page.excluded)


def only_line(*nodes: dict[str, Any]) -> StockLine:
    page = whole_page(*nodes)
    assert page.rejected == []
    (line,) = page.lines
    return line


def test_a_line_has_everything_that_shopify_tells() -> None:
    line = only_line(
        variant(12, barcode="4006381333931", title="Blue / L", inventoryPolicy="CONTINUE"),
        level(12, 3, available=-2, on_hand=5, committed=7, incoming=40),
    )
    assert line == StockLine(
        item_id="12",
        location_id="3",
        product_id="12",
        sku="SKU-12",
        title="Product 12 - Blue / L",
        status="active",
        quantity=Quantity.of(-2),
        on_hand=5,
        committed=7,
        incoming=40,
        sellable=True,
        oversell_allowed=True,
        location="Place 3",
        barcode="4006381333931",
        price=Decimal("9.99"),
        currency="EUR",
    )


def test_untracked_means_unlimited_and_never_the_zero_that_stands_there() -> None:
    line = only_line(variant(1, tracked=False), level(1, available=0, on_hand=0))
    assert (line.quantity, line.on_hand) == (UNTRACKED, None)


def test_a_quantity_name_that_is_missing_is_unknown_and_not_zero() -> None:
    line = only_line(variant(1), level(1, on_hand=4))
    assert (line.quantity, line.on_hand, line.committed, line.incoming) == (UNKNOWN, 4, None, None)


@pytest.mark.parametrize(("tracked", "quantity"), [(True, UNKNOWN), (False, UNTRACKED)])
def test_a_variant_that_is_stocked_nowhere_is_one_line_without_a_place(tracked: bool, quantity: Quantity) -> None:
    line = only_line(variant(1, tracked=tracked))
    assert (line.location_id, line.location, line.quantity, line.shared_pool) == ("-", None, quantity, None)


@pytest.mark.parametrize(
    ("told", "status"),
    [("ACTIVE", "active"), ("UNLISTED", "active"), ("DRAFT", "draft"), ("ARCHIVED", "archived"), ("ON_THE_MOON", "active")],
)
def test_a_status_that_is_not_known_is_shown_rather_than_hidden(told: str, status: str) -> None:
    assert only_line(variant(1, status=told), level(1, available=1)).status == status


def test_each_place_is_a_line_and_a_closed_one_is_said_to_be() -> None:
    page = whole_page(
        variant(1),
        level(1, 1, available=3),
        level(1, 2, available=0, is_active=False),
        level(1, 3, available=2, open_location=False),
    )
    assert {line.location_id: line.location_active for line in page.lines} == {"1": True, "2": False, "3": False}


def test_nothing_is_sellable_at_a_place_that_is_not_active_whatever_it_still_holds() -> None:
    page = whole_page(
        variant(1),
        level(1, 1, available=3),
        level(1, 2, available=9, is_active=False),
        level(1, 3, available=2, open_location=False),
    )
    assert [(line.quantity.value, line.sellable) for line in page.lines] == [(3, True), (9, False), (2, False)]


def test_a_level_of_a_version_that_does_not_tell_is_active() -> None:
    older = level(1, available=1)
    del older["isActive"]
    assert only_line(variant(1), older).location_active


def test_variants_sold_from_one_inventory_item_share_a_pool_at_each_place() -> None:
    # An export shows the item's levels below each of its variants.
    page = whole_page(
        variant(1, item=9), variant(2, item=9), variant(3), *[level(9, place, available=4) for place in (1, 2, 1, 2)]
    )
    pools = {(line.item_id, line.location_id): line.shared_pool for line in page.lines}
    assert pools == {("1", "1"): "9@1", ("1", "2"): "9@2", ("2", "1"): "9@1", ("2", "2"): "9@2", ("3", "-"): None}


def test_a_bundle_is_excluded_for_its_stock_is_that_of_its_components() -> None:
    page = whole_page(variant(1, requiresComponents=True), level(1, available=0), variant(2), level(2, available=1))
    assert ([line.item_id for line in page.lines], page.excluded) == (["2"], {BUNDLE: 1})


def test_a_variant_that_cannot_be_read_makes_its_lines_unknown_and_not_missing() -> None:
    page = whole_page(variant(1, product=None), level(1, 7, available=3), level(1, 8, available=3))
    assert [(line.item_id, line.location_id) for line in page.rejected] == [("1", "7"), ("1", "8")]
    assert "product" in page.rejected[0].reason


@pytest.mark.parametrize(
    "nodes",
    [
        (variant(1, inventoryItem=None), level(1, 7, available=3)),
        (variant(1, inventoryItem={"tracked": True}), level(1, 7, available=3)),
        (variant(1, product=None),),  # as in pages, where its levels come within it
    ],
    ids=["no item", "an item without id", "no levels"],
)
def test_a_variant_whose_places_are_not_known_makes_all_its_lines_unknown(nodes: tuple[dict[str, Any], ...]) -> None:
    page = whole_page(*nodes)
    assert page.lines == []
    assert [(line.item_id, line.location_id) for line in page.rejected if line.reason != ORPHAN] == [("1", None)]


def test_a_level_without_a_readable_place_speaks_for_the_lines_that_are_not_read_otherwise() -> None:
    page = whole_page(variant(1), level(1, 7, available=3) | {"location": None}, level(1, 8, available=5))
    assert [(line.location_id, line.quantity) for line in page.lines] == [("8", Quantity.of(5))]
    assert [(line.item_id, line.location_id) for line in page.rejected] == [("1", None)]


def test_a_level_that_cannot_be_read_costs_only_its_own_line() -> None:
    page = whole_page(variant(1), level(1, 7, available=None), level(1, 8, available=3))
    assert [(line.item_id, line.location_id) for line in page.rejected] == [("1", "7")]
    assert [line.location_id for line in page.lines] == ["8"]


@pytest.mark.parametrize("quantity", [None, "3", 1.5, True, []])
def test_what_is_no_whole_number_is_refused(quantity: Any) -> None:
    page = whole_page(variant(1), level(1, available=quantity))
    assert (page.lines, len(page.rejected)) == ([], 1)


@pytest.mark.parametrize("quantity", [10**9 + 1, 2147483647, -(10**12), 10**30])
def test_a_quantity_beyond_every_bound_is_a_line_whose_quantity_is_unknown(quantity: int) -> None:
    page = checked_page(whole_page(variant(1), level(1, available=quantity, on_hand=quantity)))
    (line,) = page.lines
    assert (line.quantity, line.on_hand) == (UNKNOWN, None)
    assert page.notes[0].reason == TOO_LARGE


@pytest.mark.parametrize("node", [{"__typename": "Product", "id": "gid://shopify/Product/1"}, {"id": 5}, [], "text", 7])
def test_a_node_that_nobody_asked_for_is_rejected(node: Any) -> None:
    (rejected,) = whole_page(node).rejected
    assert rejected.item_id is None
    assert rejected.reason


def test_a_level_without_its_variant_is_rejected() -> None:
    (rejected,) = whole_page(level(5, available=3)).rejected
    assert rejected.reason == ORPHAN


def test_an_id_without_a_number_is_rejected() -> None:
    assert [line.reason for line in whole_page(variant(1, id="gid://shopify/ProductVariant/")).rejected]


def test_a_title_with_half_an_emoji_or_a_broken_byte_costs_nothing() -> None:
    broken = encoded(variant(1)).replace(b"Product 1", b"Caf\xe9 \\ud83d")
    (fact,), rejected = facts_of(decode_lines(broken, 1))
    assert isinstance(fact, VariantFact)
    assert (fact.title, rejected) == ("Caf\ufffd \ufffd", [])


def test_a_line_that_breaks_off_is_named() -> None:
    with pytest.raises(IncompleteRead, match="line 12 of the export"):
        decode_lines(encoded(variant(1), level(1, available=1))[:-20], 11)


def test_a_variant_that_comes_again_counts_once_and_the_later_one_wins() -> None:
    facts, _ = facts_of(decode_lines(encoded(variant(1), variant(1, sku="NEW"), level(1, available=1)), 1))
    tally = Tally()
    with Spool() as spool:
        spool.add(facts)
        (page,) = pages(spool.items(), "EUR", tally)
    assert ([line.sku for line in page.lines], tally.variants, tally.repeats) == (["NEW"], 1, 1)


def test_pages_stay_small_however_much_there_is() -> None:
    facts, _ = facts_of(decode_lines(encoded(*[variant(number) for number in range(1, 26)]), 1))
    with Spool() as spool:
        spool.add(facts)
        assert [len(page.lines) for page in pages(spool.items(), "EUR", Tally(), size=10)] == [10, 10, 5]


NUMBERS = st.integers(1, 5)
LEVELS = st.builds(level, NUMBERS, NUMBERS, available=st.integers(-(10**9), 10**9), on_hand=st.integers(-5, 5))
VARIANTS = st.builds(variant, st.integers(1, 9), NUMBERS, tracked=st.booleans(), sku=st.none() | st.text())


@given(st.lists(VARIANTS, max_size=12), st.lists(LEVELS, max_size=12), st.randoms())
def test_the_order_of_an_export_does_not_matter(variants: list[Any], levels: list[Any], random: Any) -> None:
    variants = list({one["id"]: one for one in variants}.values())
    levels = list({(one["item"]["id"], one["location"]["id"]): one for one in levels}.values())
    nodes = [*variants, *levels]
    page = whole_page(*nodes)
    random.shuffle(nodes)
    shuffled = whole_page(*nodes)
    assert sorted(page.lines) == sorted(shuffled.lines)
    for line in page.lines:
        assert checked_line(line)
        assert (line.quantity.value is None) == (line.quantity.state != "tracked")
    items = {one["inventoryItem"]["id"] for one in variants}
    stocked = {one["id"] for one in variants}
    assert {gid("ProductVariant", line.item_id) for line in page.lines} == stocked
    assert len(page.rejected) == sum(one["item"]["id"] not in items for one in levels)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["__typename", *variant(1), *level(1)]), JSON))
def test_whatever_json_comes_is_a_fact_or_rejected_with_its_reason(node: dict[str, Any]) -> None:
    facts, rejected = facts_of([decode_node(json.dumps(node).encode(), "a node")])
    assert len(facts) + len(rejected) == 1
    assert all(line.reason for line in rejected)


@given(
    st.lists(st.text(string.printable.replace("\n", "").replace("\r", ""), max_size=30)), st.integers(1, 40), st.integers(1, 40)
)
def test_blocks_are_the_whole_lines_again_however_the_bytes_come(lines: list[str], size: int, step: int) -> None:
    data = "\n".join(lines).encode()
    blocks = Blocks(size)
    found = [block for start in range(0, len(data), step) for block in blocks.add(data[start : start + step])]
    assert b"".join([*found, blocks.rest()]) == data
    assert all(block.endswith(b"\n") for block in found)


def test_a_line_without_end_is_refused() -> None:
    blocks = Blocks(16)
    with pytest.raises(StoreMisconfigured, match="a line of more than"):
        list(blocks.add(b"x" * (LONGEST_LINE + 1)))
