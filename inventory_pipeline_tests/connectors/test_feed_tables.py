"""CSV and TSV: how suppliers really write them, and where they are cut off."""

import gzip

import pytest

from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured
from inventory_pipeline.core.quantity import UNKNOWN, Quantity
from inventory_pipeline.core.stock import TOO_LARGE, Page
from inventory_pipeline_tests.connectors.feeding import only, read_bytes, read_text, zipped
from inventory_pipeline_tests.connectors.reading import Whole


def stock_of(whole: Whole) -> dict[str, object]:
    return {item_id: line.quantity.value for (item_id, _), line in whole.lines.items()}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_seen_in_the_heading_line(delimiter: str):
    whole = read_text(f'sku{delimiter}title{delimiter}stock\nA{delimiter}"one, two; three|four"{delimiter}5\n')
    assert stock_of(whole) == {"A": 5}


def test_the_delimiter_may_be_said():
    assert stock_of(read_text("sku:stock\nA:5\n", delimiter=":")) == {"A": 5}
    assert stock_of(read_text("sku,x;stock\nA;5\n", delimiter="semicolon", column__sku="sku,x")) == {"A": 5}


def test_a_heading_line_that_two_delimiters_split_alike_is_not_guessed():
    with pytest.raises(StoreMisconfigured, match="split by comma or semicolon; set delimiter="):
        read_text("sku,a;stock\nA,1;5\n")


def test_excels_own_line_naming_the_delimiter_is_obeyed():
    assert stock_of(read_text("sep=;\nsku;stock,total\nA;5\n", column__available="stock,total")) == {"A": 5}


def test_tsv_is_split_by_tabs_whatever_else_its_heading_holds():
    assert stock_of(read_text("sku\tstock, a, b\nA\t5\n", "stock.tsv", column__available="stock, a, b")) == {"A": 5}


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_break_ends_a_row(break_: str):
    assert stock_of(read_text(break_.join(["sku,stock", "A,5", "B,6", ""]))) == {"A": 5, "B": 6}


def test_quoted_cells_hold_delimiters_quotes_and_line_breaks():
    line = only(read_text('sku,"the\ntitle",stock\nA,"12"" pipe,\r\nblack",5\n', column__title="the\ntitle"))
    assert (line.title, line.quantity) == ('12" pipe,\r\nblack', Quantity.of(5))


def test_quotation_marks_may_be_ordinary_characters():
    line = only(read_text('sku\ttitle\tstock\nA\t12" pipe\t5\n', "stock.tsv", quoting="none"))
    assert line.title == '12" pipe'


@pytest.mark.parametrize("word", ["NA", "nan", "null", "None", "N/A", "-inf", "inf"])
def test_words_that_pandas_takes_for_missing_are_words_here(word: str):
    line = only(read_text(f"sku,title,stock\n{word},{word},5\n"))
    assert (line.item_id, line.sku, line.title) == (word, word, word)


def test_leading_zeros_and_long_digits_of_ids_stay():
    assert set(read_text("id,stock\n007,1\n12345678901234567890,2\n1.50,3\n").lines) == {
        ("007", "default"),
        ("12345678901234567890", "default"),
        ("1.50", "default"),
    }


def test_empty_is_never_zero():
    line = only(read_text("sku,stock,reserved,price,in stock\nA,,,,\n"))
    assert (line.quantity, line.committed, line.price, line.sellable) == (UNKNOWN, None, None, None)


def test_a_row_that_ends_early_has_empty_cells_as_excel_leaves_them_out():
    whole = read_text("sku,stock,reserved,ean\nA,5\nB,6,1,\nC,7,1,40\n")
    assert stock_of(whole) == {"A": 5, "B": 6, "C": 7}
    assert whole.lines["A", "default"].committed is None


def test_a_row_with_more_cells_than_headings_is_rejected_alone():
    whole = read_text("sku,title,stock\nA,Pipe, black,5\nB,Pipe,6\nC,x,7,\n")
    assert stock_of(whole) == {"B": 6, "C": 7}
    (rejected,) = whole.rejected
    assert (rejected.item_id, rejected.location_id) == ("A", "default")
    assert "more cells than there are headings" in rejected.reason
    assert "Pipe" in rejected.excerpt


def test_the_identity_of_a_shifted_row_is_not_believed_unless_it_stands_first():
    whole = read_text("title,sku,stock\nPipe, black,A,5\nx,B,6\n")
    assert [line.item_id for line in whole.rejected] == [None]
    assert stock_of(whole) == {"B": 6}


def test_empty_rows_are_excluded_and_blank_lines_nothing_at_all():
    whole = read_text("\n\nsku,stock\n\nA,5\n,\n  , \n\n")
    assert (stock_of(whole), dict(whole.excluded)) == ({"A": 5}, {"empty row": 2})


def test_a_delimiter_at_the_end_of_every_line_is_harmless():
    assert stock_of(read_text("sku,stock,\nA,5,\n")) == {"A": 5}
    assert stock_of(read_text("sku,stock\nA,5,\nB,6,\n")) == {"A": 5, "B": 6}


def test_a_heading_alone_is_an_empty_stock_list():
    whole = read_text("sku,stock\n")
    assert (whole.lines, whole.proof.read) == ({}, 0)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n", b"  \n", gzip.compress(b"", mtime=0)])
def test_a_file_without_even_a_heading_is_no_empty_stock_list(content: bytes):
    with pytest.raises(IncompleteRead, match=r"no heading line|stock.csv is empty"):
        read_bytes(content)


@pytest.mark.parametrize(
    "text", ["sku,stock", "sku,stock\nA,5\nB,1", "sku,stock\nA,5\nB", "sku,stock\nA,5\nB,", 'sku,stock\nA,5\n"B"']
)
def test_a_last_line_without_its_line_break_reads_as_cut_off(text: str):
    with pytest.raises(IncompleteRead, match="may be cut off; if its maker always writes it so, set final_newline=optional"):
        read_text(text)


def test_a_maker_who_never_ends_the_last_line_may_be_told():
    assert stock_of(read_text("sku,stock\nA,5\nB,12", final_newline="optional")) == {"A": 5, "B": 12}


def test_a_quotation_mark_that_is_never_closed_is_a_cut_off_file():
    with pytest.raises(IncompleteRead, match="cannot be read to its end"):
        read_text('sku,title,stock\nA,x,5\nB,"cut o\n')
    for rows in (1, 50_000):
        with pytest.raises(IncompleteRead, match="heading line cannot be split"):
            read_text('sku,"title,stock\n' + "A,x,5\n" * rows)


def test_gzip_is_seen_by_its_content_and_proves_its_own_end():
    assert stock_of(read_bytes(zipped("sku,stock\nA,5\nB,12"), "stock.csv.gz")) == {"A": 5, "B": 12}
    assert stock_of(read_bytes(zipped("sku,stock\nA,5\n"), "stock.csv")) == {"A": 5}


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 20, 60])
def test_a_gzip_file_that_breaks_off_anywhere_is_incomplete(cut: int):
    whole = zipped("sku,stock\n" + "".join(f"SKU-{number},{number * 7919 % 97}\n" for number in range(200)))
    with pytest.raises(IncompleteRead, match="truncated or damaged gzip"):
        read_bytes(whole[:-cut], "stock.csv.gz")


def test_a_gzip_file_with_a_flipped_bit_is_incomplete():
    whole = bytearray(zipped("sku,stock\nA,5\n"))
    whole[-6] ^= 1  # its checksum
    with pytest.raises(IncompleteRead, match="truncated or damaged gzip"):
        read_bytes(bytes(whole), "stock.csv.gz")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_or_utf_8_needs_no_setting(encoding: str):
    assert only(read_bytes("sku,title,stock\nÄ1,Grüße 🧦,5\n".encode(encoding))).title == "Grüße 🧦"


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1251", "shift_jis", "utf-16-le", "utf-16-be"])
def test_any_other_encoding_is_said_and_else_refused(encoding: str):
    title = "Дом" if encoding == "cp1251" else "家" if encoding == "shift_jis" else "Grüße"
    content = f"sku,title,stock\nA,{title},5\n".encode(encoding)
    assert only(read_bytes(content, encoding=encoding)).title == title
    with pytest.raises(StoreMisconfigured, match="set encoding="):
        read_bytes(content)


def test_a_byte_order_mark_outranks_the_setting():
    assert only(read_bytes("sku,title,stock\nA,Grüße,5\n".encode("utf-8-sig"), encoding="cp1252")).title == "Grüße"


def test_the_line_with_the_wrong_byte_is_named():
    with pytest.raises(StoreMisconfigured, match=r"stock.csv is not utf-8: byte 0xfc near line 3; .*bad_bytes=replace"):
        read_bytes(b"sku,stock\nA,5\nGr\xfcn,6\n")


def test_broken_bytes_are_shown_as_such_where_that_is_asked_for_and_identify_nothing():
    whole = read_bytes(b"sku,title,stock\nA,Gr\xfcn,5\nGr\xfcn,x,6\n", bad_bytes="replace")
    assert whole.lines["A", "default"].title == "Gr\ufffdn"
    assert [line.reason for line in whole.rejected] == ["sku 'Gr\ufffdn' holds characters that cannot be read"]


def test_a_file_cut_off_within_a_character_is_incomplete():
    with pytest.raises(IncompleteRead, match="cut off within a character"):
        read_bytes("sku,stock\nA,5\nGrü".encode()[:-1])
    with pytest.raises(IncompleteRead, match="cut off within a character"):
        read_bytes("sku,stock\nA,5\n".encode("utf-16")[:-1])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_nul_and_lone_surrogates_in_titles_cost_no_line_and_in_ids_only_theirs(encoding: str):
    text = "sku,title,stock\nA,n\0l,5\nB,s\ud800r,6\nC\0,x,7\nD\udfff,x,8\nE,fine,9\n"
    whole = read_bytes(text.encode(encoding, "surrogatepass"))
    assert {line.title for line in whole.lines.values()} == {"n\ufffdl", "s\ufffdr", "fine"}
    assert len(whole.rejected) == 2


def test_a_title_of_five_megabytes_is_read_like_any_other():
    whole = read_text(f'sku,title,stock\nA,"{"x" * 5_000_000}",5\nB,y,6\n')
    assert stock_of(whole) == {"A": 5, "B": 6}


def test_absurd_quantities_cost_their_line_only():
    whole = read_text("sku,stock\nC,5\nD,Infinity\nE,0.0000001\n")
    assert stock_of(whole) == {"C": 5}
    assert [line.item_id for line in whole.rejected] == ["D", "E"]


@pytest.mark.parametrize("much", ["2147483647", "99999999999", "9,999,999,999", "-5000000000", "1E+12"])
def test_a_quantity_as_programs_write_it_for_unlimited_is_a_line_with_an_unknown_one(much: str):
    whole = read_text(f'sku,stock\nA,"{much}"\nC,5\n')
    assert stock_of(whole) == {"A": None, "C": 5}
    assert whole.rejected == []
    (note,) = whole.notes
    assert (note.item_id, note.reason) == ("A", TOO_LARGE)


def test_equal_rows_count_once_and_with_a_note():
    whole = read_text("sku,stock\nA,5\nB,6\nA,5\nA,5.0\n")
    assert stock_of(whole) == {"A": 5, "B": 6}
    assert (whole.proof.repeats, whole.proof.read, whole.proof.expected) == (2, 2, None)
    assert "2 rows that say the same as another, counted once" in whole.proof.how


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "is a web page, not a feed"),
        (b"\xef\xbb\xbf \n<html>", "is a web page, not a feed"),
        (b'<?xml version="1.0"?><rows/>', "which elements of the XML document are its rows"),
        (b"PK\x03\x04abcd", "a truncated or damaged zip file"),
        (b"\xd0\xcf\x11\xe0abcd", "the workbook stock.csv cannot be read: .*; have it sent as CSV"),
        (b"%PDF-1.7 abc", "a PDF document"),
        (b"s\0k\0u\0,\0", "looks like UTF-16 without a byte-order mark; set encoding=utf-16-le"),
    ],
)
def test_what_is_no_table_is_called_what_it_is(content: bytes, what: str):
    with pytest.raises((StoreMisconfigured, IncompleteRead), match=what):
        read_bytes(content)


def test_memory_holds_a_batch_and_not_the_file():
    pages = read_text("sku,stock\n" + "".join(f"S{n},1\n" for n in range(2500))).items[:-1]
    sizes = [len(page.lines) for page in pages if isinstance(page, Page)]
    assert (sum(sizes), max(sizes)) == (2500, 1000)
