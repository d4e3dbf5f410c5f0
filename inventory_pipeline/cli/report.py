"""`inventory-pipeline report`: one page for people without this program."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from inventory_pipeline.cli.session import session_of
from inventory_pipeline.core.errors import UsageError


def report(
    context: typer.Context,
    html: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it; an existing file is replaced.")],
    sku: Annotated[list[str] | None, typer.Option(metavar="SKU", help="Chart this SKU too; may be repeated.")] = None,
) -> None:
    """Write one HTML file with open alerts and stock charts, to be opened offline."""
    from inventory_pipeline.defs.sync.interval import sync_interval
    from inventory_pipeline.services.stock.report import html_report

    session = session_of(context)
    now, interval = session.services.clock(), sync_interval(session.environment)
    try:
        # Whole or not at all: a reader never finds half a page.
        descriptor, draft = tempfile.mkstemp(dir=html.parent, prefix=f".{html.name}.", suffix=".part")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file, session.services.database.connect() as connection:
                file.writelines(html_report(connection, now, interval, sku or ()))
            Path(draft).chmod(0o644)
            Path(draft).replace(html)
        finally:
            Path(draft).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{html} cannot be written: {error.strerror}") from None
    typer.echo(f"{html} is written")
