"""What a feed of a thousand and of a million rows takes: `python -m benchmarks.feeds [ROWS]`, each in a process of its own.

Memory must not grow with the rows, but for workbooks, whose library holds the sheet (in a further process, told apart).
"""

import asyncio
import io
import json
import resource
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

from benchmarks.measure import machine, measure, report_peak
from inventory_pipeline.connectors.base import ConnectorContext
from inventory_pipeline.connectors.feed import Feed
from inventory_pipeline.core.stock import Page
from inventory_pipeline.core.stores import StoreIntegration

SMALL, LARGE = 1_000, 1_000_000
LIMIT_MB = 64  # more than the small file may the large one take


def rows(count: int) -> Iterator[tuple[str, str, int, str]]:
    return ((f"SKU-{number:07d}", f"Title of item {number}", number * 7919 % 97, "9.90") for number in range(count))


def write_csv(path: Path, count: int) -> None:
    with path.open("w") as file:
        file.write("sku;title;stock;price\n")
        file.writelines(f"{';'.join(map(str, row))}\n" for row in rows(count))


def write_json(path: Path, count: int) -> None:
    with path.open("w") as file:
        file.write("[")
        for number, (sku, title, stock, price) in enumerate(rows(count)):
            file.write((", " if number else "") + json.dumps({"sku": sku, "title": title, "stock": stock, "price": price}))
        file.write("]")


def write_xml(path: Path, count: int) -> None:
    with path.open("w") as file:
        file.write("<shop>")
        file.writelines(
            f"<item><sku>{row[0]}</sku><title>{row[1]}</title><stock>{row[2]}</stock></item>\n" for row in rows(count)
        )
        file.write("</shop>")


def write_twice(path: Path, count: int) -> None:
    """Every item on two equal rows: the most that is held back."""
    with path.open("w") as file:
        file.write("sku;stock\n")
        file.writelines(f"SKU-{number % (count // 2):07d};5\n" for number in range(count))


def write_xlsx(path: Path, count: int) -> None:
    """A workbook without the library that writes them, which takes minutes for a million rows."""
    names = ("sku", "title", "stock", "price")
    kinds = "http://schemas.openxmlformats.org"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{kinds}/package/2006/content-types"/>')
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{kinds}/package/2006/relationships"><Relationship Id="r1" Type="{kinds}/officeDocument/2006/'
            'relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{kinds}/package/2006/relationships"><Relationship Id="r1" Type="{kinds}/officeDocument/2006/'
            'relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{kinds}/spreadsheetml/2006/main" xmlns:r="{kinds}/officeDocument/2006/relationships">'
            '<sheets><sheet name="Stock" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        with io.TextIOWrapper(archive.open("xl/worksheets/sheet1.xml", "w")) as sheet:
            sheet.write(f'<worksheet xmlns="{kinds}/spreadsheetml/2006/main"><sheetData>')
            for number, row in enumerate([names, *rows(count)], 1):
                cells = "".join(
                    f'<c r="{column}{number}"><v>{value}</v></c>'
                    if isinstance(value, int)
                    else f'<c r="{column}{number}" t="inlineStr"><is><t>{value}</t></is></c>'
                    for column, value in zip("ABCD", row, strict=True)
                )
                sheet.write(f'<row r="{number}">{cells}</row>')
            sheet.write("</sheetData></worksheet>")


FILES: dict[str, Callable[[Path, int], None]] = {
    "stock.csv": write_csv,
    "twice.csv": write_twice,
    "stock.json": write_json,
    "stock.xml": write_xml,
    "stock.xlsx": write_xlsx,
}


async def read(path: Path, expected: int) -> None:
    store = StoreIntegration(key="feed", platform="feed", url=path.name, settings={"max_workbook": "2048", "settle_seconds": "0"})
    lines = 0
    async with aclosing(Feed(ConnectorContext(store=store, feed_dir=path.parent)).read()) as items:
        async for item in items:
            lines += len(item.lines) if isinstance(item, Page) else 0
    assert lines == expected, f"{lines:,} lines of {expected:,}"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else LARGE
    sys.stdout.write(f"{machine()}\n{'file':<12}{'rows':>10}{'CPU s':>8}{'MB':>8}\n")
    for name, write in FILES.items():
        peaks: list[float] = []
        for size in (SMALL, count):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / name
                write(path, size)
                cost = measure("benchmarks.feeds", str(path), str(size // 2 if name == "twice.csv" else size))
            peaks.append(cost.peak_mb)
            sys.stdout.write(f"{name:<12}{size:>10,}{cost.cpu:>8.1f}{cost.peak_mb:>8.0f}\n")
            sys.stdout.flush()
        if peaks[1] - peaks[0] > LIMIT_MB and name != "twice.csv":
            sys.stdout.write(f"  grew by {peaks[1] - peaks[0]:.0f} MB, more than {LIMIT_MB}\n")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        asyncio.run(read(Path(sys.argv[1]), int(sys.argv[2])))
        child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        if child:
            sys.stderr.write(f"the workbook's own process took {child} MB\n")
        report_peak()
    else:
        main()
