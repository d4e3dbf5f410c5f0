"""Whatever bytes and cells come: no crash, and never a number that a slow, plain reading of the same file does not give."""

import csv
import io
import re
from contextlib import suppress
from decimal import Decimal, InvalidOperation

from hypothesis import example, given, settings
from hypothesis import strategies as st

from inventory_pipeline.connectors.feed.numbers import Marks, NumberFormat, amount_of
from inventory_pipeline.core.errors import LineRejected, SyncError
from inventory_pipeline_tests.connectors.feeding import read_bytes, read_text
from inventory_pipeline_tests.connectors.reading import Whole

STARTS = (
    b"",
    b"sku,qty\n",
    b"sku;title;qty\r\n",
    b'[{"sku":',
    b'{"a":[',
    b"<r><i>",
    b"\x1f\x8b\x08\x00",
    b"PK\x03\x04",
    b"\xff\xfe",
)
NAMES = ("stock.csv", "stock.tsv", "stock.json", "stock.jsonl", "stock.xml", "stock")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(STARTS), st.binary(max_size=200), st.sampled_from(NAMES), st.booleans())
@example(b"", b"\xd0\xcf\x11\xe0", "stock.xls", False)
def test_any_bytes_are_read_or_refused_in_words(start: bytes, rest: bytes, name: str, ended: bool):
    with suppress(SyncError):
        assert read_bytes(start + rest + (b"\n" if ended else b""), name).proof.how


pieces = st.sampled_from(
    [
        *("", " ", "5", "-3", "(4)", "1.250", "2,5", "1,250.5", "10+", ">7", "2-5", "n/a", "in stock", "sold out", "0", "x"),
        *('"', '""', "Total", '="007"', "'-3", "\u200b", "12 pcs", "---", "#", "1E+3", "4,006E+12", ",", "\n", "EOF"),
        *("(2 rows)", "sku", "qty", "A", "B", "A1"),
    ]
)
cells = st.lists(pieces, max_size=3).map("".join)
tables = st.lists(st.lists(cells, min_size=0, max_size=4), max_size=8)


@settings(max_examples=400, deadline=None)
@given(tables, st.sampled_from(",;\t"), st.booleans())
def test_any_cells_give_no_number_that_does_not_stand_there(rows: list[list[str]], delimiter: str, quoted: bool):
    """Each tracked line's number must be what some row with its id says, in one of the ways that its cell can be read."""
    file = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows([["sku", "title", "qty"], *rows])
    try:
        whole = read_text(file.getvalue(), delimiter=delimiter)
    except SyncError:
        return
    for (item, _), line in whole.lines.items():
        if line.quantity.value is not None:
            said = [row[2] for row in rows if len(row) > 2 and item_of(row[0]) == item]
            assert any(Decimal(line.quantity.value) in readings(cell) for cell in said), (item, line.quantity, said)
    ids = [item_of(row[0]) for row in rows if len(row) > 2 and item_of(row[0])]
    assert {item for item, _ in whole.lines} <= set(ids)
    assert_nothing_is_lost(whole, rows)


def assert_nothing_is_lost(whole: Whole, rows: list[list[str]]) -> None:
    """Every row is a line, a repeat, rejected or left out."""
    counted = len(whole.lines) + len(whole.rejected) + whole.proof.repeats + whole.excluded.total()
    assert counted == sum(len(row) > 0 for row in rows)


def item_of(cell: str) -> str:
    """An id as a person sees it."""
    text = re.sub("[\u200b\u00ad]", "", cell).replace("\n", " ").strip()
    formula = re.fullmatch(r'="((?:[^"]|"")*)"', text)
    if formula:
        return formula[1].replace('""', '"').strip()
    return text[1:].strip() if re.match(r"'[0-9=+@-]", text) else text


def readings(cell: str) -> set[Decimal]:
    """All numbers that a cell could be, slowly: every way to take its marks, its signs and its words."""
    text = item_of(cell)
    if text.casefold() in ("sold out",):
        return {Decimal(0)}
    negative = text[:1] in ("-", "(", "\u2212") or text[-1:] in ("-", "\u2212")
    found: set[Decimal] = set()
    for plain in (
        text,
        text.replace(",", ""),
        text.replace(".", "").replace(",", "."),
        text.replace(",", "."),
        text.replace(".", ""),
    ):
        for number in (plain, *re.findall(r"[\d.]+(?:[eE][+-]?\d+)?", plain)):
            try:
                value = Decimal(number)
            except InvalidOperation:
                continue
            found.add(-abs(value) if negative else abs(value))
    return found


digits = st.integers(0, 10**7)
decimals = st.integers(0, 999).map(lambda number: f"{number:03d}".rstrip("0"))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(digits, decimals), min_size=1, max_size=12),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'")]),
)
def test_a_column_written_one_way_is_read_right_or_asked_about(numbers: list[tuple[int, str]], marks: tuple[str, str]):
    decimal, thousands = marks
    written = [f"{whole:,}".replace(",", thousands) + (f"{decimal}{part}" if part else "") for whole, part in numbers]
    right = [Decimal(f"{whole}.{part or 0}") for whole, part in numbers]
    seen = Marks()
    for line, text in enumerate(written, 2):
        seen.look(text, line)
    how = seen.decide(Marks())
    if how is None:
        assert "set thousands=" in seen.doubt("available") or "set decimal=" in seen.doubt("available")
        how = NumberFormat.of(decimal, "")
    assert [Decimal(amount_of(text, how, "available").number) for text in written] == right


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("0123456789.,+-()'  eE>pcs\u2212"), max_size=12))
def test_an_amount_is_read_exactly_or_refused(text: str):
    try:
        amount = amount_of(text.strip(), NumberFormat(), "available")
    except LineRejected:
        return
    assert Decimal(amount.number) in readings(re.sub("[' pcs]", "", text.strip()))
