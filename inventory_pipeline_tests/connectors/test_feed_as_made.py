"""Files as people and shops make them, with their right values: what is read, what is left out, and what is asked for."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from inventory_pipeline.core.errors import IncompleteRead, Quarantined, StoreMisconfigured
from inventory_pipeline_tests.connectors.feeding import check_file, read_bytes, read_file, read_text
from inventory_pipeline_tests.connectors.reading import Whole

MADE = Path(__file__).with_name("feeds")
UNKNOWN, UNTRACKED = "unknown", "untracked"
LONG_AGO = time.time() - 3600


def stock(whole: Whole) -> dict[str, object]:
    """Each item's number, or its state where it has none; of a store with locations by item and location."""
    located = {location for _, location in whole.lines} - {"default"}
    return {
        f"{item}@{location}" if located else item: line.quantity.state if line.quantity.value is None else line.quantity.value
        for (item, location), line in whole.lines.items()
    }


def made(name: str, tmp_path: Path, settings: Mapping[str, str] | None = None) -> Whole:
    """One of the files beside this test, as one that rests."""
    copy = tmp_path / name
    copy.write_bytes((MADE / name).read_bytes())
    os.utime(copy, (LONG_AGO, LONG_AGO))
    return read_file(copy, settings)


@pytest.mark.parametrize(
    ("name", "settings", "right"),
    [
        ("thousands-point.csv", {}, {"SCHR-4": 1250, "SCHR-5": 12000, "MUTT-4": 37, "KABEL": 2.5}),
        ("open-quote.csv", {"quoting": "none"}, {"HOSE-1": 40, "HOSE-2": 7, "HOSE-3": 9, "HOSE-4": 3, "HOSE-5": 11}),
        ("inch-marks.csv", {}, {"PIPE-1": 40, "PIPE-2": 7, "PIPE-3": 9, "PIPE-4": 3}),
        ("item-twice.csv", {}, {"TEA-1": UNKNOWN, "CUP-1": UNKNOWN, "POT-1": 4}),
        (
            "item-twice.csv",
            {"column.location": "Depot"},
            {"TEA-1@North": 12, "TEA-1@South": 0, "CUP-1@North": 0, "CUP-1@South": 25, "POT-1@North": 4},
        ),
        ("item-twice.csv", {"duplicates": "sum"}, {"TEA-1": 12, "CUP-1": 25, "POT-1": 4}),
        ("item-twice.csv", {"duplicates": "max"}, {"TEA-1": 12, "CUP-1": 25, "POT-1": 4}),
        ("item-twice.csv", {"duplicates": "first"}, {"TEA-1": 12, "CUP-1": 0, "POT-1": 4}),
        ("item-twice.csv", {"duplicates": "last"}, {"TEA-1": 0, "CUP-1": 25, "POT-1": 4}),
        (
            "item-twice.csv",
            {"column.id": "SKU + Depot"},
            {"TEA-1/North": 12, "TEA-1/South": 0, "CUP-1/North": 0, "CUP-1/South": 25, "POT-1/North": 4},
        ),
        ("total-row.csv", {}, {"TEA-1": 12, "CUP-1": 25}),
        ("footer.csv", {}, {"TEA-1": 12, "CUP-1": 25}),
        ("end-mark.csv", {}, {"TEA-1": 12, "CUP-1": 25}),
        ("title-lines.csv", {}, {"TEA-1": 12, "CUP-1": 25}),
        ("comment-lines.csv", {}, {"TEA-1": 12}),
        ("excel-text.csv", {}, {"00123": 4, "00124": 5, "00125": 6, "00126": 7}),
        (
            "quantity-words.csv",
            {},
            {
                **{"A": 10, "B": 10, "C": 100, "D": UNKNOWN, "E": 5, "F": -5, "G": -5, "H": UNKNOWN, "I": UNKNOWN},
                **{"J": UNKNOWN, "K": 0, "L": 7, "N": 2, "O": 0, "P": 1, "Q": 1000},
            },
        ),
        ("two-qty-columns.csv", {"column.available": "#3"}, {"TEA-1": 12}),
        ("two-qty-columns.csv", {"column.available": "#5"}, {"TEA-1": 40}),
        (
            "column-per-warehouse.csv",
            {"locations": "WH Berlin, WH Hamburg"},
            {"TEA-1@WH Berlin": 12, "TEA-1@WH Hamburg": 0, "CUP-1@WH Berlin": 0, "CUP-1@WH Hamburg": 25},
        ),
        (
            "column-per-warehouse.csv",
            {"locations": "WH *"},
            {"TEA-1@WH Berlin": 12, "TEA-1@WH Hamburg": 0, "CUP-1@WH Berlin": 0, "CUP-1@WH Hamburg": 25},
        ),
        ("nested.json", {"items": "products.variants"}, {"11": 4, "12": 0, "21": 9}),
        ("map.json", {}, {"TEE-S": 4, "CAP": 9}),
        ("availability-only.tsv", {}, {"G1": UNKNOWN, "G2": 0, "G3": UNKNOWN}),
        ("availability-only.tsv", {"words.in_stock": "20"}, {"G1": 20, "G2": 0, "G3": UNKNOWN}),
        ("no-last-break.csv", {}, {"TEA-1": 12, "CUP-1": 3}),
        ("woocommerce-export.csv", {}, {"11": 12, "12": 4, "13": -3, "14": 6, "16": UNTRACKED, "17": UNTRACKED}),
        ("invisible.csv", {}, {"TEA-1": UNKNOWN}),
    ],
)
def test_a_file_of_each_kind_gives_its_right_values(
    name: str, settings: dict[str, str], right: dict[str, object], tmp_path: Path
):
    assert stock(made(name, tmp_path, settings)) == right


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("open-quote.csv", Quarantined, r"line 2 .*; set quoting=none"),
        (
            "column-per-warehouse.csv",
            StoreMisconfigured,
            r"no column .*'WH Berlin', 'WH Hamburg'.*set locations='WH \*' where these are .*, else set column.available",
        ),
        (
            "two-qty-columns.csv",
            StoreMisconfigured,
            r"#3 'Qty' \(12\) and #5 'Qty' \(40\); set column.available=#3 or column.available=#5",
        ),
    ],
)
def test_a_file_that_can_be_read_two_ways_is_asked_about(name: str, error: type[Exception], told: str, tmp_path: Path):
    with pytest.raises(error, match=told):
        made(name, tmp_path)


def test_what_the_values_do_not_show(tmp_path: Path):
    titles = [line.title for line in made("nested.json", tmp_path, {"items": "products.variants"}).lines.values()]
    assert titles == ["Tee", "Tee", "Cap"]
    assert [line.title for line in made("inch-marks.csv", tmp_path).lines.values()] == [
        '"3/4" pipe',
        '1" pipe',
        '2" x 3" nipple',
        "Elbow",
    ]
    woo = {line.sku: line for line in made("woocommerce-export.csv", tmp_path).lines.values()}
    assert (woo["CUP-1"].status, woo["-LID-1"].sku, woo["POT-1"].oversell_allowed) == ("draft", "-LID-1", True)
    sellable = {line.item_id: line.sellable for line in made("availability-only.tsv", tmp_path).lines.values()}
    assert sellable == {"G1": True, "G2": False, "G3": True}


def test_an_item_that_stands_twice_is_unknown_with_both_lines_and_the_cures(tmp_path: Path):
    whole = made("item-twice.csv", tmp_path)
    assert [(line.item_id, line.excerpt[:5]) for line in whole.rejected] == [(None, "TEA-1"), (None, "CUP-1")]
    assert whole.rejected[0].reason == (
        "sku 'TEA-1' stands in line 2 (12) and line 3 (0) with different cells; set column.location= where the rows are"
        " locations, or duplicates=sum (or first, last, max), or column.id= to several headings that tell them apart"
    )
    assert (whole.proof.read, whole.proof.repeats) == (5, 0)
    (invisible,) = made("invisible.csv", tmp_path).rejected
    assert "sku 'TEA-1' stands in line 2 (12) and line 3 (4)" in invisible.reason


def test_a_check_counts_and_says_what_a_sync_does(tmp_path: Path):
    for name in ("item-twice.csv", "total-row.csv", "footer.csv", "quantity-words.csv"):
        whole = made(name, tmp_path)
        detail = check_file(tmp_path / name)["version"].detail
        assert f"; {len(whole.lines):,} lines" in detail
        assert (f"; {len(whole.rejected):,} rejected" in detail) == bool(whole.rejected)
        told = whole.proof.how.partition("; ")[2]
        assert told in detail
    assert "left out: a total (line 5: Total, , 37)" in made("total-row.csv", tmp_path).proof.how


def table(*rows: str, heading: str = "sku;title;qty") -> str:
    return "\n".join([heading, *rows, ""])


@pytest.mark.parametrize(
    ("text", "right"),
    [
        # marks, decided by the whole column or by the file
        (table("A;a;1.250", "B;b;2,5"), {"A": 1250, "B": 2.5}),
        (table("A;a;1,250", "B;b;2.5"), {"A": 1250, "B": 2.5}),
        (table("A;a;1.250.000", "B;b;1.500"), {"A": 1250000, "B": 1500}),
        (table("A;a;0.125", "B;b;1.250"), {"A": 0.125, "B": 1.25}),
        (table("A;a;1250.500", "B;b;1.250"), {"A": 1250.5, "B": 1.25}),
        (table("A;a;1.250;9,90", heading="sku;title;qty;price"), {"A": 1250}),
        (table("A;a;1.250;9.90", heading="sku;title;qty;price"), {"A": 1.25}),
        (table("A;a;1 250", "B;b;12"), {"A": 1250, "B": 12}),
        (table("A;a;1'250"), {"A": 1250}),
        (table("A;a;1.250,75"), {"A": 1250.75}),
        # rows that are no items
        (table("A;a;12", "B;b;25", ";Summe;37"), {"A": 12, "B": 25}),
        (table("A;a;12", "B;b;25", ";;37"), {"A": 12, "B": 25}),
        (table("A;a;12", "Grand Total:;;37"), {"A": 12}),
        (table("A;a;12", "Summe Tee;;12", "Total items: 1;;12"), {"A": 12}),
        (table("A;a;12", "Total Tee;a tea;12"), {"A": 12, "Total Tee": 12}),
        (table("A;a;12", heading="SKU;Title;Stock (kg)"), {"A": 12}),
        (table("A;a;5", "B;b;5"), {"A": 5, "B": 5}),
        (table("A;a;12", "TOTAL-5W30;oil;12"), {"A": 12, "TOTAL-5W30": 12}),
        (table("A;a;12", "***END OF FILE***"), {"A": 12}),
        (table("A;a;12", "EOF"), {"A": 12}),
        ("sku;qty\nA;5\n\nWarehouse list printed 24.11.2026;\nPage 1 of 1;\n", {"A": 5}),
        ("sku;qty\nA;5\nB 1;\nC;6\n", {"A": 5, "C": 6}),
        (table("A;a;12", "(1 row affected)"), {"A": 12}),
        (table("A;a;12", "Generated by ShopERP 3.2 on 24.11.2026"), {"A": 12}),
        (table("A;a;12", "Our terms apply to all orders"), {"A": 12}),
        (table("A;a;12", "# the rest is sold out", "B;b;3"), {"A": 12, "B": 3}),
        (table("Garden furniture;;", "A;a;12", "Tea and coffee;;", "B;b;3"), {"A": 12, "B": 3}),
        (table("A;a;12", "sku;title;qty", "B;b;3"), {"A": 12, "B": 3}),
        (table("text;text;number", "A;a;12"), {"A": 12}),
        (table(";;pcs", "A;a;12"), {"A": 12}),
        (table("---;---;---", "A;a;12", "===;===;==="), {"A": 12}),
        (table("A;a;12") + "\x1a", {"A": 12}),
        (table("A;a;12", ";only a title;"), {"A": 12}),
        # an item without its cell is left out while it is nothing else
        (table("A;a;12", "B;b"), {"A": 12}),
        (table("A;a;12", "B;b;"), {"A": 12, "B": UNKNOWN}),
        # headings
        ("Price list\n\n" + table("A;a;12"), {"A": 12}),
        ("\ufeffStock;Status\n;;\n" + table("A;a;12"), {"A": 12}),
        (table("A;a;12", heading="SKU;Title;Qty (pcs)"), {"A": 12}),
        (table("A;a;12", heading="Référence;Désignation;Quantité"), {"A": 12}),
        (table("A;a;12", heading="Artikelnummer;Bezeichnung;Verfügbar"), {"A": 12}),
        # the better heading wins
        (table("123;A;12", heading="Item no.;Custom label (SKU);Quantity"), {"A": 12}),
        # invisible characters, spreadsheets' disguises
        (table("A\u200b;a;12", "B\u00ad;b;3"), {"A": 12, "B": 3}),
        (table('="007";a;="12"', "'-3;b;'-3"), {"007": 12, "-3": -3}),
        (table("e\u0301;a;12"), {"\u00e9": 12}),
        # words
        (table("A;a;20+ stk", "B;b;ab 5", "C;c;>= 7"), {"A": 20, "B": 5, "C": 7}),
        (table("A;a;ausverkauft", "B;b;auf Lager", "C;c;auf Anfrage"), {"A": 0, "B": UNKNOWN, "C": UNKNOWN}),
        (table("A;a;2 - 5", "B;b;2–5"), {"A": 2, "B": 2}),
        (table("A;a;−4", "B;b;(4)", "C;c;4-", "D;d;+4"), {"A": -4, "B": -4, "C": -4, "D": 4}),
        (table("A;a;1,5E+3", "B;b;2,5"), {"A": 1500, "B": 2.5}),
        # quotation marks
        ('sku,title,qty\nA,"Line one\nline two, with a comma",12\nB,b,3\n', {"A": 12, "B": 3}),
        ('sku,qty,title\nA,12,"Line one\nline two, 5"\nB,3,b\n', {"A": 12, "B": 3}),
        ('sku,title,qty\nA,"He said ""hi""",12\n', {"A": 12}),
        ('sku,title,qty\nA,12" pipe,12\nB,"5" pipe",3\n', {"A": 12, "B": 3}),
    ],
)
def test_each_trouble_and_its_neighbours_are_read_right(text: str, right: dict[str, object]):
    assert stock(read_text(text)) == right


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (table("A;a;1.250"), r"'1.250' in line 2 can be read two ways.*; set thousands=\. .*decimal=\."),
        (table("A;a;1,250", "B;b;12"), r"'1,250' in line 2 can be read two ways.*; set thousands=, .*decimal=,"),
        (table("A;a;1.5", "B;b;2,5"), r"'1.5' in line 2 and '2,5' in line 3.*; set decimal="),
        (table("A;a;1.250", "B;b;1,250"), "can be read two ways"),
        ('sku,title,qty\nA,"Hose,40\nB,Hose two,7"\nC,c,3\n', "may be rows; the last good snapshot stays; set quoting=none"),
        ('sku,title,qty\nA,"Hose,40\nB,",7\n', "may be rows"),
        ('sku,qty,title\nA,40,"Hose\nB,7,Hose two"\nC,3,c\n', "may be rows"),
        ('sku,title,qty\nA,"Hose" black, new,40\n', "line 2 cannot be split into cells: text stands behind a closing"),
        ('sku,title,qty\nA,"Hose,40\nB,"Hose,7\n', "line 2 cannot be split into cells: a quotation mark opens"),
    ],
)
def test_what_can_be_read_two_ways_is_quarantined_with_its_line_and_cure(text: str, told: str):
    with pytest.raises(Quarantined, match=told):
        read_text(text)


@pytest.mark.parametrize(
    ("text", "settings", "right"),
    [
        (table("A;a;1.250"), {"thousands": "."}, {"A": 1250}),
        (table("A;a;1.250"), {"decimal": "."}, {"A": 1.25}),
        (table("A;a;1.250"), {"decimal": ","}, {"A": 1250}),
        ('sku,title,qty\nA,"Sizes,40\nor,so",7\n', {"quoting": "multiline"}, {"A": 7}),
        (table("A;a;viel", "B;b;wenig"), {"words.viel": "100", "words.wenig": "in stock"}, {"A": 100, "B": UNKNOWN}),
        (table("A;a;in stock", "B;b;auf lager"), {"words.in_stock": "20"}, {"A": 20, "B": 20}),
        (table("A;a;10+", "B;b;3"), {"open_numbers": "unknown"}, {"A": UNKNOWN, "B": 3}),
        ("A;a;12\nB;b;3\n", {"header_row": "none", "column.sku": "#1", "column.available": "#3"}, {"A": 12, "B": 3}),
        ("x;sku;qty\n1;sku;qty\n9;A;12\n", {"header_row": "2"}, {"A": 12}),
        (table("A;a;3;4", heading="sku;title;Berlin;Rom"), {"locations": "Berlin,Rom"}, {"A@Berlin": 3, "A@Rom": 4}),
        (table("A;3", "B;", heading="sku;qty"), {"untracked.qty": "(empty)"}, {"A": 3, "B": UNTRACKED}),
        (table("A,B;x;0", "C,D;y;5"), {"sku_separator": ","}, {"A,B/A": 0, "A,B/B": 0, "C,D/C": UNKNOWN, "C,D/D": UNKNOWN}),
    ],
)
def test_the_cures_read_what_was_asked_for(text: str, settings: dict[str, str], right: dict[str, object]):
    assert stock(read_text(text, **settings)) == right


def test_skus_that_a_spreadsheet_cut_short_are_refused_with_the_reason():
    whole = read_text(table("4,00638E+12;a;3", "B;b;5"))
    assert stock(whole) == {"B": 5}
    assert "'4,00638E+12' is a number that a spreadsheet cut short, its digits are lost" in whole.rejected[0].reason


def test_a_date_where_a_number_was_is_no_number():
    whole = read_text(table("A;a;3-Jan", "B;b;5"))
    assert stock(whole) == {"B": 5}
    assert "is a date, as spreadsheets make of" in whole.rejected[0].reason


def test_a_row_that_ends_early_makes_a_known_item_unknown_and_a_new_one_nothing():
    """The stage makes an item unknown that is rejected with its identity, and leaves out one that it does not know."""
    (rejected,) = read_text(table("A;a;12", "B;b")).rejected
    assert (rejected.item_id, rejected.reason) == ("B", "the row ends before the cell that tells its stock")


def test_many_items_that_stand_twice_are_a_fault_of_the_file():
    rows = [f"S{number};{place};{number + bool(place == 'N')}" for number in range(30) for place in ("N", "S")]
    with pytest.raises(Quarantined, match=r"30 of 30 items stand in the file more than once .*; set column.location="):
        read_text(table(*rows, heading="sku;depot;qty"))


def test_few_among_many_are_unknown_alone():
    rows = [f"S{number};{number}" for number in range(1000)] + ["S7;8", "S8;8"]
    whole = read_text(table(*rows, heading="sku;qty"))
    assert (len(whole.lines), [line.excerpt[:3] for line in whole.rejected]) == (1000, ["S7:"])
    assert whole.lines["S7", "default"].quantity.value is None


@pytest.mark.parametrize("end", ["", "B", "B;", "B;b;"])
def test_a_file_that_rests_is_whole_only_with_a_whole_last_row(end: str, tmp_path: Path):
    path = tmp_path / "stock.csv"
    path.write_text(table("A;a;12") + end)
    os.utime(path, (LONG_AGO, LONG_AGO))
    if not end:
        assert stock(read_file(path)) == {"A": 12}
        return
    with pytest.raises(IncompleteRead, match="may be cut off"):
        read_file(path)


def test_cp1252_is_proposed_with_three_words_as_they_would_read():
    text = "sku;title;qty\nA;Grüne Größe für Mädchen;5\n"
    with pytest.raises(StoreMisconfigured, match="set encoding=cp1252 where it says 'Grüne', 'Größe', 'für'"):
        read_bytes(text.encode("cp1252"))


@pytest.mark.parametrize(
    ("document", "settings", "right"),
    [
        ({"a": {"rows": [{"sku": "A", "qty": 1}]}}, {"items": "a.rows"}, {"A": 1}),
        ([{"sku": "A", "qty": 1250, "x": 1}], {}, {"A": 1250}),
        ([{"sku": "A", "qty": "2,5"}, {"sku": "B", "qty": "1.250"}], {}, {"A": 2.5, "B": 1250}),
        ({"shops": [{"lists": [{"rows": [{"sku": "A", "qty": 1}]}, {"rows": [{"sku": "B", "qty": 2}]}]}]},
         {"items": "shops.lists.rows"}, {"A": 1, "B": 2}),
        ({"stock": {"A": {"qty": 1}, "B": {"qty": 2}}}, {"items": "stock"}, {"A": 1, "B": 2}),
        ([{"sku": "A", "levels": [{"warehouse": "N", "qty": 1}, {"warehouse": "S", "qty": 2}]}],
         {"items": "levels", "column.sku": "..sku"}, {"A@N": 1, "A@S": 2}),
    ],
)  # fmt: skip
def test_json_within_json(document: object, settings: dict[str, str], right: dict[str, object]):
    assert stock(read_text(json.dumps(document), "stock.json", **settings)) == right
