"""JSON documents and JSON lines."""

import json
from decimal import Decimal

import pytest

from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured
from inventory_pipeline.core.quantity import UNKNOWN, Quantity
from inventory_pipeline.core.stock import checked_line
from inventory_pipeline_tests.connectors.feeding import only, read_bytes, read_rows, read_text, zipped


def test_a_list_of_objects_is_a_feed():
    whole = read_rows({"id": 1, "sku": "A", "stock": 5}, {"id": 2, "sku": "B", "stock": "6"})
    assert {(line.item_id, line.sku, line.quantity.value) for line in whole.lines.values()} == {("1", "A", 5), ("2", "B", 6)}
    assert (whole.proof.read, whole.proof.expected) == (2, None)


def test_an_object_a_line_is_a_feed_with_or_without_a_last_line_break():
    text = '{"sku": "A", "stock": 5}\r\n\n  {"sku": "B", "stock": 6}'
    assert read_text(text, "stock.jsonl").lines == read_text(text + "\n", "stock.ndjson").lines
    assert len(read_bytes(zipped(text), "stock.jsonl.gz").lines) == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_fault_of_json(encoding: str):
    assert only(read_bytes('[{"sku": "ä", "stock": 5}]'.encode(encoding), "stock.json")).sku == "ä"


def test_rows_and_their_values_may_lie_deeper():
    document = {"data": {"rows": [{"sku": "A", "title": {"en": "Sock"}, "stock": {"free": 5}}]}}
    settings = {"items": "data.rows", "column__title": "title.en", "column__available": "stock.free"}
    line = only(read_text(json.dumps(document), "stock.json", **settings))
    assert (line.title, line.quantity) == ("Sock", Quantity.of(5))


def test_a_key_that_holds_a_dot_is_a_key():
    line = only(read_rows({"sku": "A", "stock.free": 5, "stock": {"free": 7}}, column__available="stock.free"))
    assert line.quantity == Quantity.of(5)


def test_no_rows_are_an_empty_stock_list():
    assert read_rows().proof.read == 0
    assert read_text("\n", "stock.jsonl").proof.read == 0


@pytest.mark.parametrize("content", [b"", zipped("")])
def test_no_bytes_at_all_are_no_empty_stock_list(content: bytes):
    with pytest.raises(IncompleteRead, match="is empty"):
        read_bytes(content, "stock.jsonl")


def test_decimals_are_exact():
    line = only(read_text('[{"sku": "A", "stock": 0.1, "price": 19.990000}]', "stock.json"))
    assert (line.quantity.value, line.price) == (Decimal("0.1"), Decimal("19.99"))


def test_a_json_number_that_went_through_binary_floating_point_means_what_it_was():
    line = only(read_text('[{"sku": "A", "stock": 7.350000000000001}]', "stock.json"))
    assert line.quantity.value == Decimal("7.35")


def test_null_and_absent_are_never_zero():
    whole = read_rows(
        {"sku": "A", "stock": None, "price": None}, {"sku": "B"}, {"sku": "C", "stock": 0}, {"sku": "D", "stock": ""}
    )
    assert [line.quantity for line in whole.lines.values()] == [UNKNOWN, UNKNOWN, Quantity.of(0), UNKNOWN]


@pytest.mark.parametrize("bad", [True, False, [], {}, [5], "five", "NaN", "1,2,5"])
def test_what_is_no_number_costs_its_line_only(bad: object):
    whole = read_rows({"sku": "A", "stock": bad}, {"sku": "B", "stock": 6})
    assert [(line.item_id, line.location_id) for line in whole.rejected] == [("A", "default")]
    assert [line.item_id for line in whole.lines.values()] == ["B"]


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_know_cost_their_line_only(literal: str):
    text = f'[{{"sku": "A", "stock": {literal}}}, {{"sku": "B", "stock": 6}}]'
    whole = read_text(text, "stock.json")
    assert [line.item_id for line in whole.rejected] == ["A"]
    assert read_text(text[1:-1].replace("}, {", "}\n{"), "stock.jsonl").lines == whole.lines


def test_ids_that_change_type_stay_the_same_ids():
    ids = [5, "5", 5.0, " 5 "]
    whole = read_rows(*({"id": item_id, "stock": 1} for item_id in ids))
    assert list(whole.lines) == [("5", "default")]
    assert whole.proof.repeats == 3


@pytest.mark.parametrize("bad", [None, "", " ", True, [], {}, ["A"]])
def test_what_is_no_id_identifies_nothing(bad: object):
    whole = read_rows({"id": bad, "sku": "A", "stock": 1}, {"id": "B", "stock": 2})
    assert [line.item_id for line in whole.rejected] == [None]
    assert list(whole.lines) == [("B", "default")]


def test_nul_and_lone_surrogates_cost_no_document():
    whole = read_text(
        '[{"sku": "A", "title": "n\\u0000l", "stock": 1}, {"sku": "B", "title": "s\\ud800r", "stock": 2}]', "stock.json"
    )
    assert [checked_line(line).title for line in whole.lines.values()] == ["n\ufffdl", "s\ufffdr"]
    lines = read_text('{"sku": "B", "title": "s\\udfffr", "stock": 2}\n', "stock.jsonl")
    assert checked_line(only(lines)).title == "s\ufffdr"


def test_rows_that_are_no_objects_are_rejected_alone():
    whole = read_rows({"sku": "A", "stock": 1}, 5, None, [1], "x")
    assert [line.reason for line in whole.rejected] == ["the row is not an object"] * 4
    assert len(whole.lines) == 1


def test_a_broken_line_in_the_middle_costs_only_itself():
    whole = read_text('{"sku": "A", "stock": 1}\n{"sku": "B", "sto\n{"sku": "C", "stock": 3}\n', "stock.jsonl")
    assert [line.sku for line in whole.lines.values()] == ["A", "C"]
    (rejected,) = whole.rejected
    assert rejected.reason.startswith("line is not JSON")
    assert rejected.excerpt == '{"sku": "B", "sto'


def test_a_broken_last_line_without_a_line_break_is_a_cut_off_feed():
    with pytest.raises(IncompleteRead, match="line 2, the last, is cut off"):
        read_text('{"sku": "A", "stock": 1}\n{"sku": "B", "sto', "stock.jsonl")


@pytest.mark.parametrize("cut", range(1, 30, 4))
def test_a_document_that_breaks_off_is_incomplete(cut: int):
    with pytest.raises(IncompleteRead, match="cut off or malformed"):
        read_text('[{"sku": "A", "stock": 1}, {"sku": "B", "stock": 25}]'[:-cut], "stock.json")


@pytest.mark.parametrize("path", ["data", "data.row", "rows"])
def test_rows_that_are_not_where_they_should_be_are_no_empty_list(path: str):
    with pytest.raises(IncompleteRead, match="has no list of rows at"):
        read_text('{"data": {"rows": []}, "error": "maintenance"}', "stock.json", items=path)


def test_an_object_where_a_list_should_be_names_the_lists_in_it():
    with pytest.raises(StoreMisconfigured, match=r"is no list \(lists are at \['rows'\]\); set items="):
        read_text('{"rows": [], "count": 0}', "stock.json")


def test_json_and_json_lines_taken_for_each_other_are_told_apart():
    with pytest.raises(StoreMisconfigured, match="an object a line; set format=jsonl"):
        read_text('{"sku": "A", "stock": 1}\n{"sku": "B", "stock": 2}\n', "stock.json", format="json")
    with pytest.raises(StoreMisconfigured, match="set format=json"):
        read_text('[{"sku": "A", "stock": 1}]', "stock.jsonl", format="jsonl")


def test_the_content_tells_json_from_json_lines_whatever_the_name_says():
    assert len(read_text('{"sku": "A", "stock": 1}\n{"sku": "B", "stock": 2}\n', "stock.json").lines) == 2
    assert len(read_text('[{"sku": "A", "stock": 1}]', "stock.jsonl").lines) == 1
    assert len(read_text('[{"sku": "A", "stock": 1}]', "stock.csv").lines) == 1


def test_a_setting_that_names_a_key_no_row_has_is_an_error():
    with pytest.raises(StoreMisconfigured, match="no row has 'free'; correct the column"):
        read_rows({"sku": "A", "stock": 1}, column__incoming="free")


def test_a_key_that_only_later_rows_have_is_found():
    rows = [{"sku": f"S{number}", "stock": 1} for number in range(1500)]
    rows[1400]["arriving"] = 7
    whole = read_rows(*rows, column__incoming="arriving")
    assert whole.lines["S1400", "default"].incoming == 7


def test_a_document_nested_without_end_is_malformed():
    with pytest.raises(IncompleteRead, match="cut off or malformed"):
        read_text("[" * 100_000, "stock.json")


def test_a_title_of_five_megabytes_is_read_like_any_other():
    assert len(only(read_rows({"sku": "A", "title": "x" * 5_000_000, "stock": 1})).title) == 5_000_000
    assert len(only(read_text(json.dumps({"sku": "A", "title": "x" * 5_000_000, "stock": 1}), "a.jsonl")).title) == 5_000_000
