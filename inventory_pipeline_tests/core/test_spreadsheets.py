"""CSV: nothing in it is a formula, and it is read back exactly."""

import csv
import re
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.spreadsheets import guard, read_csv, unguard, write_csv

# What a spreadsheet would begin a formula with, and what it passes over before it looks: here by what they are, not by
# the code's own lists.
DANGEROUS = tuple("=+-@＝＋－＠")
BEFORE = ["", " ", "\t", "\r", "\n", "'", "''", '"', "\u00a0", "\u3000", "\ufeff", "\x00", "\x0b", "\u200b"]
NASTY = st.lists(
    st.sampled_from([*DANGEROUS, *BEFORE, ";", ",", "a", "1", "cmd|' /C calc'!A0", "HYPERLINK(1)", "\r\n"]), max_size=9
).map("".join)
TEXTS = NASTY | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
PASSED_OVER = re.compile('[\\s\x00-\x1f\x7f-\xa0\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"]*')


def written(*texts: object, raw: bool = False) -> str:
    target = StringIO()
    columns = [f"c{number}" for number in range(len(texts))]
    write_csv(target, columns, [dict(zip(columns, texts, strict=True))], raw=raw)
    return target.getvalue()


def looks_like_a_formula(cell: str) -> bool:
    return cell.startswith(("\t", "\r")) or PASSED_OVER.sub("", cell, count=1).startswith(DANGEROUS)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-5", "'-5"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\t=1", "'\t=1"),
        (" =1", "' =1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("''=1", "'''=1"),
        ("'tis", "'tis"),
        ("Tee, -20 %", "Tee, -20 %"),
        ("x;=1+1", "x;'=1+1"),
        ('x; "=1+1', "x;' \"=1+1"),
        ("x\r=1+1", "x\r'=1+1"),
        ("\r=1", "'\r'=1"),
        ("a\r\tb", "a\r'\tb"),
        ("a\r\nb", "a\r\nb"),
        ("a=b; c-d", "a=b; c-d"),
        ("", ""),
    ],
)
def test_what_a_spreadsheet_would_execute_is_marked_as_text(text: str, shown: str) -> None:
    assert guard(text) == shown
    assert unguard(shown) == text


@given(TEXTS)
def test_guarding_is_undone_exactly(text: str) -> None:
    assert unguard(guard(text)) == text


@given(st.lists(TEXTS, min_size=2, max_size=4))
def test_rows_come_back_exactly(texts: list[str]) -> None:
    for raw in (False, True):
        header, row = read_csv(StringIO(written(*texts, raw=raw), newline=""), raw=raw)
        assert row[1] == texts
        assert header[1] == [f"c{number}" for number in range(len(texts))]


@given(st.lists(TEXTS, min_size=2, max_size=4), st.sampled_from(",;"))
def test_no_cell_is_a_formula_whichever_separator_the_machine_has(texts: list[str], separator: str) -> None:
    """Half of Europe's Excel takes semicolons for the ends of cells, and a comma for a part of one."""
    for row in csv.reader(StringIO(written(*texts), newline=""), delimiter=separator):
        assert not any(looks_like_a_formula(cell) for cell in row), row


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_numbers_stay_numbers(number: int | Decimal) -> None:
    (_, (shown, empty, yes)) = list(read_csv(StringIO(written(number, None, True), newline="")))[1]
    assert (Decimal(shown), empty, yes) == (Decimal(number), "", "true")
    assert written(number, 1).splitlines()[1] == f"{number},1"


def test_what_is_no_csv_names_its_line() -> None:
    with pytest.raises(UsageError, match="line 2: "):
        list(read_csv(StringIO('a,b\n1,"2"3\n')))
