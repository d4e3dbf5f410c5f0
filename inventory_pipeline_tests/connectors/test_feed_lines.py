"""What a row means: columns, numbers, states, words, rules, shared stock."""

from decimal import Decimal

import pytest

from inventory_pipeline.core.errors import StoreMisconfigured
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline.core.stock import StockLine
from inventory_pipeline_tests.connectors.feeding import only, read_text
from inventory_pipeline_tests.connectors.reading import Whole


def test_every_field_may_come_from_any_column():
    columns = {
        "id": "a",
        "sku": "b",
        "title": "c",
        "available": "d",
        "on_hand": "e",
        "committed": "f",
        "incoming": "g",
        "location": "h",
        "location_name": "i",
        "status": "j",
        "sellable": "k",
        "oversell": "l",
        "product_id": "m",
        "barcode": "n",
        "price": "o",
        "currency": "p",
    }
    text = "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\n1,S,T,5,8,3,2,L1,Main,archived,yes,no,P,400,9.90,EUR\n"
    assert only(read_text(text, **{f"column__{field}": heading for field, heading in columns.items()})) == StockLine(
        item_id="1",
        location_id="L1",
        product_id="P",
        sku="S",
        title="T",
        status="archived",
        quantity=Quantity.of(5),
        on_hand=8,
        committed=3,
        incoming=2,
        sellable=True,
        oversell_allowed=False,
        location="Main",
        barcode="400",
        price=Decimal("9.90"),
        currency="EUR",
    )


@pytest.mark.parametrize(
    ("headings", "field", "value"),
    [
        ("Variant ID,Qty", "item_id", "1"),
        ("Artikelnummer;Lagerbestand", "sku", "1"),
        ("itemNo,availableQuantity", "sku", "1"),
        ("ID,Stock level", "item_id", "1"),
        ("SKU,In stock?", "sellable", None),
        ("sku,quantity_in_stock", "quantity", Quantity("tracked", 2)),
    ],
)
def test_common_headings_are_known(headings: str, field: str, value: object):
    delimiter = ";" if ";" in headings else ","
    assert getattr(only(read_text(f"{headings}\n1{delimiter}2\n")), field) == value


def test_available_goes_before_stock_and_stock_before_quantity():
    assert only(read_text("sku,quantity,stock,available\nA,1,2,3\n")).quantity == Quantity.of(3)
    assert only(read_text("sku,quantity,stock\nA,1,2\n")).quantity == Quantity.of(2)


def test_a_common_heading_can_be_left_out():
    assert only(read_text("sku,stock,price\nA,1,5\n", column__price="")).price is None


def test_a_heading_is_found_whatever_its_case_and_marks():
    assert only(read_text("Art.-Nr.,Frei!\nA,5\n", column__sku="art nr", column__available="FREI")).quantity == Quantity.of(5)


def test_without_an_id_column_the_sku_identifies():
    line = only(read_text("sku,stock\nA,1\n"))
    assert (line.item_id, line.sku) == ("A", "A")


def test_with_an_id_column_the_sku_never_stands_in():
    whole = read_text("id,sku,stock\n,A,1\n2,B,2\n")
    assert [(line.reason, line.item_id) for line in whole.rejected] == [("the row has no id", None)]
    assert list(whole.lines) == [("2", "default")]


def test_locations_make_lines_of_their_own():
    whole = read_text("sku,warehouse,stock\nA,B1,1\nA,B2,2\nA,,3\n")
    assert {location: line.quantity.value for (_, location), line in whole.lines.items()} == {"B1": 1, "B2": 2, "default": 3}
    assert whole.proof.repeats == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title,stock\nA,1\n", r"no column identifies a row \(its columns are 'title', 'stock'\); set column.id or column.sku"),
        ("sku,title\nA,1\n", "no column tells the stock .*; set column.available"),
        (
            "sku,SKU,stock\nA,B,1\n",
            r"two columns could be sku: #1 'sku' \(A\) and #2 'SKU' \(B\); set column.sku=#1 or column.sku=#2",
        ),
    ],
)
def test_headings_that_do_not_tell_enough_are_refused(text: str, told: str):
    with pytest.raises(StoreMisconfigured, match=told):
        read_text(text)


def test_a_setting_that_names_an_absent_or_doubled_heading_is_refused():
    with pytest.raises(
        StoreMisconfigured, match=r"column.price='cost': the feed has no such column; its columns are 'sku', 'stock'"
    ):
        read_text("sku,stock\nA,1\n", column__price="cost")
    with pytest.raises(StoreMisconfigured, match=r"exclude.Type='Type': the feed has no such column"):
        read_text("sku,stock\nA,1\n", exclude__Type="x")
    with pytest.raises(StoreMisconfigured, match=r"column.price='x': 2 columns have this heading"):
        read_text("sku,stock,x,x\nA,1,2,3\n", column__price="x")


@pytest.mark.parametrize(
    ("cell", "settings", "value"),
    [
        ("5", {}, 5),
        (" 5 ", {}, 5),
        ("+5", {}, 5),
        ("-3", {}, -3),
        ("2.5", {}, Decimal("2.5")),
        ("5.000", {"decimal": "."}, 5),
        ("5.000", {"thousands": "."}, 5000),
        ("1,5", {}, Decimal("1.5")),
        ("1.234", {"decimal": ","}, 1234),
        ("1 234", {}, 1234),
        ("5 pcs", {}, 5),
        (">100", {}, 100),
        ("1e3", {}, 1000),
        ("2,5", {"decimal": ","}, Decimal("2.5")),
        ("-1.234,5", {"decimal": ",", "thousands": "."}, Decimal("-1234.5")),
        ("1,234,567.8", {"thousands": ","}, Decimal("1234567.8")),
        ("1 234", {"thousands": "space"}, 1234),
        ("1\u202f234", {"thousands": "space"}, 1234),
        ("1'234", {"thousands": "'"}, 1234),
        ("1’234", {"thousands": "apostrophe"}, 1234),
        ("1234", {"thousands": ","}, 1234),
    ],
)
def test_numbers_are_read_as_the_settings_write_them(cell: str, settings: dict[str, str], value: object):
    line = only(read_text(f"sku;stock\nA;{cell}\n", **settings))
    assert line.quantity == Quantity("tracked", value)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("cell", "settings"),
    [
        ("1.5", {"decimal": ",", "thousands": "."}),
        ("12,34", {"thousands": ","}),
        ("1,23,456", {"thousands": ","}),
        ("1 2345", {}),
        ("5 apples", {}),
        ("3-Jan", {}),
        ("5-2", {}),
        ("(5", {}),
        ("1_000", {}),
        ("٣", {}),
        ("0x10", {}),
        ("--", {}),
        ("1.5.2", {}),
    ],
)
def test_a_number_is_never_guessed(cell: str, settings: dict[str, str]):
    whole = read_text(f"sku;stock\nA;{cell}\n", **settings)
    assert [line.item_id for line in whole.rejected] == ["A"]
    assert whole.lines == {}


def test_words_may_mean_untracked_or_unknown():
    text = "sku,stock\nA,Unlimited\nB,n/a\nC,\nD,0\n"
    whole = read_text(text, untracked_values="unlimited, ∞", unknown_values="N/A")
    assert [line.quantity for line in whole.lines.values()] == [UNTRACKED, UNKNOWN, UNKNOWN, Quantity.of(0)]


def test_an_empty_cell_may_mean_untracked():
    assert only(read_text("sku,stock\nA,\n", untracked_values="(empty)")).quantity == UNTRACKED


def test_without_a_stock_column_the_stock_is_unknown_whatever_empty_means():
    assert only(read_text("sku,in stock\nA,1\n", untracked_values="(empty)")).quantity == UNKNOWN


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("", "active"),
        ("1", "active"),
        ("Publish", "active"),
        ("0", "draft"),
        ("-1", "draft"),
        ("EOL", "archived"),
        ("neu", "active"),
        ("aus", "archived"),
    ],
)
def test_words_of_status(word: str, status: str):
    line = only(read_text(f"sku,stock,status\nA,1,{word}\n", status__active="neu", status__archived="aus"))
    assert line.status == status


def test_a_setting_outranks_the_common_meaning_of_a_word():
    assert only(read_text("sku,stock,status\nA,1,0\n", status__active="0")).status == "active"
    assert only(read_text("sku,stock,sellable\nA,1,0\n", yes_values="0")).sellable is True


def test_an_unknown_status_costs_its_line_and_names_the_setting():
    (rejected,) = read_text("sku,stock,status\nA,1,???\n").rejected
    assert rejected.reason == "status '???' is unknown: set status.active, status.draft or status.archived"


@pytest.mark.parametrize(
    ("word", "value"), [("yes", True), ("0", False), ("Out of stock", False), ("notify", True), ("perhaps", None), ("", None)]
)
def test_words_of_yes_and_no_and_neither(word: str, value: bool | None):
    line = only(read_text(f"sku,stock,in stock,backorders\nA,1,{word},{word}\n"))
    assert (line.sellable, line.oversell_allowed) == (value, value)


def test_a_price_that_cannot_be_read_is_no_price_and_no_fault_of_the_stock():
    line = only(read_text("sku,stock,price\nA,1,on request\n", currency="EUR"))
    assert (line.price, line.currency, line.quantity) == (None, "EUR", Quantity.of(1))


def test_a_quantity_beside_available_that_cannot_be_read_costs_the_line():
    (rejected,) = read_text("sku,stock,reserved\nA,1,some\n").rejected
    assert rejected.reason == "committed 'some' is not a number"
    assert rejected.excerpt == "sku=A, available=1, committed=some"


def test_rows_are_excluded_by_a_column_with_their_reason():
    text = "sku,type,stock\nA,Simple,1\nB,variable,2\nC,GROUPED,3\nD,,4\nE,variable,5\n"
    whole = read_text(text, exclude__type="variable,grouped,(empty)")
    assert [line.sku for line in whole.lines.values()] == ["A"]
    assert dict(whole.excluded) == {"type is variable": 2, "type is grouped": 1, "type is (empty)": 1}
    assert whole.proof.read == 5


def test_rows_are_kept_by_a_column_and_the_rest_excluded():
    whole = read_text("sku,brand,stock\nA,Ours,1\nB,Theirs,2\nC,,3\n", filter__brand="ours, also ours")
    assert [line.sku for line in whole.lines.values()] == ["A"]
    assert dict(whole.excluded) == {"brand is none of ours, also ours": 2}


FAMILY = {"exclude__type": "variable", "parent_values": "parent"}


def family(*rows: str) -> Whole:
    return read_text("\n".join(["id,sku,type,parent,stock", *rows, ""]), **FAMILY)


@pytest.mark.parametrize("named", ["SHIRT", "id:1", "1"])
@pytest.mark.parametrize("last", [False, True], ids=["parent first", "parent last"])
def test_rows_that_share_their_parents_stock_are_one_pool(named: str, last: bool):
    parent, children = "1,SHIRT,variable,,7", [f"2,S,variation,{named},parent", f"3,M,variation,{named},parent"]
    whole = family(*children, parent) if last else family(parent, *children)
    assert whole.rejected == []
    assert {(line.item_id, line.quantity, line.shared_pool, line.product_id) for line in whole.lines.values()} == {
        ("2", Quantity.of(7), "1", named),
        ("3", Quantity.of(7), "1", named),
    }


def test_a_parent_that_tracks_nothing_is_no_pool():
    whole = family("1,SHIRT,variable,,", "2,S,variation,SHIRT,parent")
    assert [(line.quantity, line.shared_pool) for line in whole.lines.values()] == [(UNKNOWN, None)]


def test_a_row_without_its_parent_is_rejected_and_keeps_its_identity():
    whole = family("2,S,variation,SHIRT,parent", "3,M,variation,,parent", "4,L,variation,SHIRT,5", "5,SHIRT,simple,,9")
    assert {(line.item_id, line.reason) for line in whole.rejected} == {
        ("2", "its stock is that of 'SHIRT', and no excluded row has this SKU or id"),
        ("3", "its stock is that of its parent, and no column names the parent"),
    }
    assert [line.item_id for line in whole.lines.values()] == ["4", "5"]
