"""How commands print for programs: one JSON document, or CSV. Data goes to standard output only. (For people: `tables`.)"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import typer

from inventory_pipeline.core.spreadsheets import write_csv

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
