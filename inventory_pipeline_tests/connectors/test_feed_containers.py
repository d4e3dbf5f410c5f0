"""Workbooks, zips and XML: seen by their first bytes, bounded, and read like any table."""

import gzip
import io
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from inventory_pipeline.connectors import feed
from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured
from inventory_pipeline_tests.connectors.feeding import check_file, read_bytes, read_text
from inventory_pipeline_tests.connectors.reading import Whole

ROWS = [["Stock list"], [], ["SKU", "Name", "Qty", "EAN"], ["TEA-1", "Tea", 12, 4006381333931], ["00123", "Cup", 2.5, None]]


def stock(whole: Whole) -> dict[str, object]:
    return {item: line.quantity.value for (item, _), line in whole.lines.items()}


WORKBOOK_CHILD = Path(feed.__file__).parent / "workbook_child.py"


def workbook(**sheets: Sequence[Sequence[object]]) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return file.getvalue()


def open_document(*rows: list[object]) -> bytes:
    def cell(value: object) -> str:
        kind = f'office:value-type="float" office:value="{value}"' if isinstance(value, int) else 'office:value-type="string"'
        return f"<table:table-cell {kind}><text:p>{value}</text:p></table:table-cell>"

    body = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text"))
    content = (
        f'<?xml version="1.0"?><office:document-content {spaces}><office:body><office:spreadsheet>'
        f'<table:table table:name="Stock">{body}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    manifest = b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    kind = b"application/vnd.oasis.opendocument.spreadsheet"
    return zipped(mimetype=kind, **{"META-INF/manifest.xml": manifest, "content.xml": content.encode()})


def test_a_workbook_is_read_whatever_its_name():
    content = workbook(Stock=ROWS)
    for name in ("stock.xlsx", "stock.csv", "export"):
        whole = read_bytes(content, name)
        assert stock(whole) == {"TEA-1": 12, "00123": 2.5}
        assert whole.lines["TEA-1", "default"].barcode == "4006381333931"


def test_an_open_document_is_read():
    assert stock(read_bytes(open_document(["SKU", "Qty"], ["TEA-1", 12], ["CUP-1", 0]), "stock.ods")) == {"TEA-1": 12, "CUP-1": 0}


def test_the_sheet_with_an_id_and_a_stock_is_taken_and_two_are_asked_about(tmp_path: Path):
    other = [["Contact"], ["Mrs. Miller"]]
    assert len(read_bytes(workbook(Cover=other, Stock=ROWS), "a.xlsx").lines) == 2
    two = workbook(North=ROWS, South=[["SKU", "Qty"], ["X", 1]])
    with pytest.raises(
        StoreMisconfigured, match="the sheets 'North', 'South' each name an id and a stock; set sheet=North or sheet=South"
    ):
        read_bytes(two, "a.xlsx")
    assert stock(read_bytes(two, "a.xlsx", sheet="South")) == stock(read_bytes(two, "a.xlsx", sheet="2")) == {"X": 1}
    with pytest.raises(StoreMisconfigured, match="no such sheet; its sheets are 'North', 'South'"):
        read_bytes(two, "a.xlsx", sheet="West")
    (tmp_path / "a.xlsx").write_bytes(two)
    assert "XLSX, sheet 'North'" in check_file(tmp_path / "a.xlsx", {"sheet": "North"})["version"].detail


def test_a_number_that_a_workbook_cut_short_is_no_sku_and_a_date_no_quantity():
    import datetime

    rows = [["SKU", "Qty"], [4006381333931000123, 3], ["A", datetime.date(2026, 1, 3)], ["B", 4]]
    whole = read_bytes(workbook(Stock=rows), "a.xlsx")
    assert stock(whole) == {"B": 4}
    assert [line.reason.split(";")[0][:40] for line in whole.rejected] != []
    assert len(whole.rejected) == 2


def test_a_workbook_larger_than_the_setting_allows_is_refused_before_it_is_opened():
    content = workbook(Stock=[["SKU", "Qty"], *([f"S{number}", number] for number in range(20_000))])
    with pytest.raises(StoreMisconfigured, match=r"unpacks to .* MiB, more than 1; have it sent as CSV, or set max_workbook="):
        read_bytes(content, "a.xlsx", max_workbook="1")


def test_a_workbook_that_is_cut_off_or_none_is_incomplete():
    with pytest.raises(IncompleteRead):
        read_bytes(workbook(Stock=ROWS)[:-200], "a.xlsx")
    with pytest.raises(IncompleteRead, match="cannot be read"):
        read_bytes(zipped(**{"xl/workbook.xml": b"<x/>"}), "a.xlsx")


def test_a_zip_with_one_file_is_that_file():
    csv = b"sku,qty\nA,5\nB,6"
    assert stock(read_bytes(zipped(stock__csv=csv), "a.zip")) == {"A": 5, "B": 6}
    assert stock(read_bytes(gzip.compress(zipped(stock__csv=csv)), "a.zip.gz")) == {"A": 5, "B": 6}
    assert stock(read_bytes(zipped(stock__xlsx=workbook(Stock=ROWS)), "a.zip")) == {"TEA-1": 12, "00123": 2.5}
    assert stock(read_bytes(zipped(**{"__MACOSX/._stock.csv": b"x", "stock.csv": csv}), "a.zip")) == {"A": 5, "B": 6}


def test_a_zip_with_several_files_is_asked_about():
    content = zipped(a__csv=b"sku,qty\nA,5\n", b__csv=b"sku,qty\nB,6\n")
    with pytest.raises(StoreMisconfigured, match=r"a zip that holds 'a.csv', 'b.csv'; set inside=a.csv or inside=b.csv"):
        read_bytes(content, "a.zip")
    assert stock(read_bytes(content, "a.zip", inside="b.csv")) == {"B": 6}
    with pytest.raises(StoreMisconfigured, match="holds nothing; set inside="):
        read_bytes(zipped(), "a.zip")


def test_a_damaged_zip_is_incomplete():
    content = bytearray(zipped(stock__csv=b"sku,qty\n" + b"".join(b"S%d,%d\n" % (n, n) for n in range(500))))
    content[60] ^= 0xFF
    with pytest.raises(IncompleteRead, match="damaged"):
        read_bytes(bytes(content), "a.zip")


def test_a_zip_that_lies_about_its_size_is_incomplete():
    """Its directory says 20 bytes; more is packed in it."""
    content = bytearray(zipped(stock__csv=b"sku,qty\n" + b"".join(b"S%d,%d\n" % (n, n) for n in range(500))))
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (20).to_bytes(4, "little")  # the unpacked size (APPNOTE 4.3.12)
    with pytest.raises(IncompleteRead, match="damaged"):
        read_bytes(bytes(content), "a.zip")


def test_the_workbooks_child_ends_where_its_memory_does():
    rows = [[f"S{n}", n] for n in range(20_000)]
    book = workbook(Stock=[["sku", "qty"], *rows])
    ended: dict[int, bool] = {}
    for memory in (2 << 30, 1 << 20):
        command = [sys.executable, "-I", str(WORKBOOK_CHILD), str(memory), "rows", "Stock"]
        child = subprocess.run(command, input=book, capture_output=True, check=False)
        ended[memory] = b'{"end": true}' in child.stdout
    assert ended == {2 << 30: True, 1 << 20: False}


XML = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!-- a comment --><shop name="x"><products>
<product id="1"><title>Gr\u00fcn</title>
<variants><variant sku="A"><qty>4</qty></variant><variant sku="B"><qty>0</qty></variant></variants></product>
<product id="2"><title>Cap</title>
<variants><variant sku="C"><qty>9</qty></variant></variants></product></products></shop>"""


def test_the_elements_that_name_an_id_and_a_stock_are_the_rows():
    whole = read_bytes(XML.encode("latin-1"), "stock.xml")
    assert stock(whole) == {"A": 4, "B": 0, "C": 9}
    assert [line.title for line in whole.lines.values()] == ["Gr\u00fcn", "Gr\u00fcn", "Cap"]
    assert read_bytes(XML.encode("latin-1"), "s.xml", items="products.product.variants.variant").lines == whole.lines


def test_elements_that_could_both_be_rows_are_asked_about():
    text = "<r><a><sku>A</sku><qty>1</qty></a><b><sku>B</sku><qty>2</qty></b></r>"
    with pytest.raises(StoreMisconfigured, match=r"set items=a or items=b"):
        read_text(text, "stock.xml")
    assert stock(read_text(text, "stock.xml", items="b")) == {"B": 2}


@pytest.mark.parametrize("cut", [1, 10, 100, 300])
def test_an_xml_document_that_breaks_off_is_incomplete(cut: int):
    with pytest.raises(IncompleteRead, match="cut off or malformed"):
        read_bytes(XML.encode("latin-1")[:-cut], "stock.xml")


def test_entities_are_not_expanded_and_no_file_is_read(tmp_path: Path):
    (tmp_path / "secret").write_text("5")
    text = f"""<!DOCTYPE r [<!ENTITY n "7"><!ENTITY f SYSTEM "file://{tmp_path}/secret">]>
<r><i><sku>A</sku><qty>&n;</qty></i><i><sku>B</sku><qty>&f;</qty></i><i><sku>C</sku><qty>3</qty></i></r>"""
    assert set(stock(read_text(text, "stock.xml")).values()) <= {3, None}
    bomb = '<!DOCTYPE r [<!ENTITY a "' + "x" * 1000 + '">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    ) + "]><r><i><sku>A</sku><qty>&j;</qty></i><i><sku>B</sku><qty>3</qty></i></r>"  # fmt: skip
    with pytest.raises(IncompleteRead, match="amplification"):
        read_text(bomb, "stock.xml")
