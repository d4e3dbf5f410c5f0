"""How commands print: tables for people, one JSON document or CSV for programs. Data goes to standard output only."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from inventory_pipeline.core.spreadsheets import write_csv
from inventory_pipeline.core.text import one_line

# Wide enough for any row: a table that is piped or kept in a file is never cut to a screen's width.
UNCUT = 10_000

_json = msgspec.json.Encoder(decimal_format="number")


def print_document(document: Mapping[str, Any]) -> None:
    """One JSON object; decimals stay exact numbers."""
    typer.echo(msgspec.json.format(_json.encode(document), indent=2).decode())


def print_documents(rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON list, an object a line, written as the rows come: memory does not grow with their number."""
    lead = "[\n"
    for row in rows:
        typer.echo(lead + _json.encode(row).decode(), nl=False)
        lead = ",\n"
    typer.echo("[]" if lead == "[\n" else "\n]")


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, raw: bool) -> None:
    """CSV with a header row; what is unknown or does not apply is an empty field. Unless `raw`, no text is a formula."""
    write_csv(sys.stdout, columns, rows, raw=raw)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, none: str = "None.") -> None:
    """A table, or `none` where there are no rows. Numbers stand to the right.

    Texts from stores are shown as they are, without markup or control codes.
    """
    shown = [list(row) for row in rows]
    if not shown:
        typer.echo(none)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], int | float | Decimal) and not isinstance(row[index], bool) for row in shown)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in shown:
        table.add_row(*(cell if isinstance(cell, Text) else Text(show(cell)) for cell in row))
    screen = console()
    if screen.is_terminal:
        screen.print(table)
        return
    with screen.capture() as captured:
        screen.print(table)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def show(value: object) -> str:
    """A value for a person: `–` where there is none, yes and no for booleans, one line of printable text."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return one_line(value, 1_000)


def console(*, stderr: bool = False) -> Console:
    """Standard output as it is at this moment; a terminal's width, or none when piped."""
    screen = Console(stderr=stderr, highlight=False)
    return screen if screen.is_terminal else Console(stderr=stderr, highlight=False, width=UNCUT)
