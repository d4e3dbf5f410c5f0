"""Any table, written in any format and encoding, gives the same lines back."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_pipeline.connectors.feed.words import undisguised, visible
from inventory_pipeline.core.quantity import PLACES, UNKNOWN, Number, Quantity
from inventory_pipeline.core.stock import StockLine
from inventory_pipeline_tests.connectors.feeding import read_bytes

COLUMNS = ("id", "sku", "title", "available", "incoming", "location")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252")

# What cp1252 has too, with everything that a table must quote.
characters = st.sampled_from(" ,;\t|\"'\r\n.=+-#ÄéßABCabc019€§")
words = st.text(characters, max_size=12).map(lambda text: text.replace("\r", "\n")).map(str.strip)
# What a spreadsheet or a person would write as an id; the rest is in the table of what files are.
identities = st.text(st.sampled_from(' ,;\t|"ÄéßABCabc019€§'), max_size=12).map(
    lambda text: f"1{text}".replace("\t", " ").strip()
)
places = words.map(visible).filter(lambda text: text[:1] not in "'=")
numbers = st.one_of(
    st.integers(-(10**9), 10**9), st.decimals(-(10**9), 10**9, places=PLACES).map(lambda number: number.normalize() + 0)
)
quantities = st.one_of(st.none(), numbers)
rows = st.lists(
    st.tuples(identities, words, words, quantities, quantities, places),
    max_size=12,
    unique_by=lambda row: (row[0], row[5] or "default"),
)
Row = tuple[str, str, str, Number | None, Number | None, str]


def as_line(row: Row, format_: str) -> StockLine:
    item_id, sku, title, available, incoming, location = row
    return StockLine(
        item_id,
        location or "default",
        sku=(visible(undisguised(visible(sku))) if format_ in ("csv", "tsv") else visible(sku)) or None,
        title=title,
        quantity=UNKNOWN if available is None else Quantity.of(available),
        incoming=incoming,
    )


def as_text(value: object, decimal: str) -> str:
    return "" if value is None else f"{value:f}".replace(".", decimal) if isinstance(value, Decimal) else str(value)


def written(table: Sequence[Row], format_: str, dialect: Mapping[str, str]) -> str:
    if format_ in ("csv", "tsv"):
        text = io.StringIO(newline="")
        delimiter = "\t" if format_ == "tsv" else dialect["delimiter"]
        quoting = csv.QUOTE_ALL if dialect["quoting"] == "all" else csv.QUOTE_MINIMAL
        writer = csv.writer(text, delimiter=delimiter, lineterminator=dialect["break"], quoting=quoting)
        writer.writerow(COLUMNS)
        writer.writerows([as_text(value, dialect["decimal"]) for value in row] for row in table)
        return text.getvalue()
    objects = [
        dict(zip(COLUMNS, [float(value) if isinstance(value, Decimal) else value for value in row], strict=True)) for row in table
    ]
    ascii_ = dialect["quoting"] == "all"
    if format_ == "json":
        return json.dumps(objects, ensure_ascii=ascii_, indent=1 if dialect["break"] == "\n" else None)
    return "".join(json.dumps(row, ensure_ascii=ascii_) + dialect["break"] for row in objects)


@settings(max_examples=150, deadline=None)
@given(
    table=rows,
    format_=st.sampled_from(["csv", "tsv", "json", "jsonl"]),
    encoding=st.sampled_from(ENCODINGS),
    dialect=st.fixed_dictionaries(
        {
            "delimiter": st.sampled_from(",;|\t"),
            "break": st.sampled_from(["\n", "\r\n"]),
            "quoting": st.sampled_from(["minimal", "all"]),
            "decimal": st.sampled_from(".,"),
        }
    ),
    packed=st.booleans(),
)
def test_any_table_comes_back_as_it_was(
    table: list[Row], format_: str, encoding: str, dialect: dict[str, str], packed: bool
) -> None:
    # A file of no bytes at all is no feed, hence the line break.
    content = (written(table, format_, dialect) or dialect["break"]).encode(encoding)
    settings = {} if encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32") else {"encoding": encoding}
    if format_ in ("csv", "tsv"):
        settings |= {"decimal": dialect["decimal"], "quoting": "multiline"}
    name = f"stock.{format_}{'.gz' if packed else ''}"
    whole = read_bytes(gzip.compress(content) if packed else content, name, **settings)
    expected = {(line.item_id, line.location_id): line for line in (as_line(row, format_) for row in table)}
    assert whole.rejected == []
    assert whole.lines == expected
    assert (whole.proof.read, whole.proof.repeats) == (len(expected), len(table) - len(expected))
