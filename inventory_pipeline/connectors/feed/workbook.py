"""xlsx, xls and ods through python-calamine, in a child process: its library takes some 450 MB for a million rows, and a workbook
made to hurt must not take the sync with it."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import msgspec

from inventory_pipeline.connectors.feed.columns import cures, is_heading_row
from inventory_pipeline.connectors.feed.rows import HEAD, Row, Table
from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.text import Content
from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured

_EXPORT = "have it sent as CSV"
_CHILD = Path(__file__).with_name("workbook_child.py")
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def workbook_rows(content: Content, settings: FeedSettings) -> Table:
    """The rows of the sheet that is meant. Raises StoreMisconfigured where it is too large or no sheet can be told."""
    _check_size(content, settings)
    sheet = _chosen_sheet(content, settings)
    name = f"{content.kind.upper()}{f', {content.packing}' if content.packing else ''}, sheet {sheet!r:.60}"
    return Table(_rows(content, settings, sheet), name, settings)


def _check_size(content: Content, settings: FeedSettings) -> None:
    """What the zip's own list says that it unpacks to. One that lies meets the child's limit of memory."""
    if content.kind == "xls":
        content.file.seek(0, 2)
        size = content.file.tell()
    else:
        try:
            size = sum(entry.file_size for entry in zipfile.ZipFile(content.file).infolist())
        except zipfile.BadZipFile as error:
            raise IncompleteRead(f"{content.name} is a truncated or damaged workbook: {error}") from None
    content.file.seek(0)
    if size > settings.max_workbook:
        raise StoreMisconfigured(
            f"the workbook {content.name} unpacks to {size >> 20:,} MiB, more than {settings.max_workbook >> 20:,};"
            f" {_EXPORT}, or set max_workbook="
        )


def _chosen_sheet(content: Content, settings: FeedSettings) -> str:
    """The sheet that the setting names, by name or number, else the only one whose rows name an id and a stock."""
    heads: dict[str, list[list[Any]]] = {}
    for entry in _child(content, settings, "heads", str(HEAD)):
        heads[entry["sheet"]] = entry["rows"]
    names = list(heads)
    if not names:
        raise StoreMisconfigured(f"the workbook {content.name} has no sheet with cells; {_EXPORT}")
    if wanted := settings.sheet:
        if wanted in heads:
            return wanted
        if wanted.isdecimal() and 0 < int(wanted) <= len(names):
            return names[int(wanted) - 1]
        raise StoreMisconfigured(f"setting sheet={wanted!r:.60}: the workbook has no such sheet; its sheets are {_listed(names)}")
    scores = {name: max((is_heading_row(row, settings) for row in rows), default=0) for name, rows in heads.items()}
    likely = [name for name in names if scores[name] > 1]
    if len(likely) > 1:
        raise StoreMisconfigured(f"the sheets {_listed(likely)} each name an id and a stock; set {cures('sheet', likely)}")
    return likely[0] if likely else names[0]


def _listed(names: list[str]) -> str:
    return ", ".join(f"{name!r:.60}" for name in names[:20])


def _rows(content: Content, settings: FeedSettings, sheet: str) -> Iterator[Row]:
    for number, cells in enumerate(_child(content, settings, "rows", sheet), 1):
        yield Row(number, cells)


def _child(content: Content, settings: FeedSettings, *arguments: str) -> Iterator[Any]:
    """What the child prints, an object a line. It is ended where nobody reads on."""
    content.file.seek(0)
    memory = 2 * settings.max_workbook + (768 << 20)
    command = [sys.executable, "-I", str(_CHILD), str(memory), *arguments]
    with subprocess.Popen(command, stdin=_real_file(content.file), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        ended = False
        try:
            for line in child.stdout:
                value = _decode(line)
                if isinstance(value, dict) and "error" in value:
                    raise IncompleteRead(f"the workbook {content.name} cannot be read: {value['error']:.200}; {_EXPORT}")
                if isinstance(value, dict) and "end" in value:
                    ended = True
                    break
                yield value
        finally:
            child.kill()
        if not ended:
            raise StoreMisconfigured(
                f"the workbook {content.name} needs more than {memory >> 20:,} MiB of memory; {_EXPORT}, or set max_workbook="
            )


def _real_file(file: IO[bytes]) -> int:
    number = file.fileno()  # moves what is still in memory to disk
    file.flush() if file.writable() else None
    file.seek(0)
    return number
