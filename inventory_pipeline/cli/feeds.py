"""`inventory-pipeline feeds`: files, looked at before they are connected."""

import asyncio
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inventory_pipeline.cli.options import Json
from inventory_pipeline.cli.output import print_document
from inventory_pipeline.cli.pairs import read_pairs
from inventory_pipeline.cli.secret_input import FROM_INPUT, read_secret
from inventory_pipeline.cli.session import Session, session_of
from inventory_pipeline.cli.tables import Column, print_table
from inventory_pipeline.cli.terminal import say
from inventory_pipeline.core.stock import StockLine
from inventory_pipeline.core.stores import StoreIntegration

if TYPE_CHECKING:
    from inventory_pipeline.connectors.feed.findings import Examples
    from inventory_pipeline.connectors.feed.preview import Preview

app = typer.Typer(help="Look at a supplier's file before it is connected.", pretty_exceptions_enable=False)


@app.callback()
def feeds() -> None:
    """Look at a supplier's file before it is connected."""


@app.command()
def preview(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="FILE-OR-ADDRESS", help="Any file of yours, or a feed's address.")],
    setting: Annotated[list[str] | None, typer.Option("--setting", metavar="NAME=VALUE", help="As for `stores add`.")] = None,
    credential: Annotated[
        list[str] | None,
        typer.Option("--credential", metavar="NAME=secret:S|env:V|-", help="A reference; `-` asks for it and keeps nothing."),
    ] = None,
    json: Json = False,
) -> None:
    """Show what a file is taken for, what would be read of it, and the line that connects it. Changes nothing.

    Exit status 1 where a sync of it would fail or reject rows.
    """
    from inventory_pipeline.connectors.feed.preview import preview as look
    from inventory_pipeline.services.integrations.store_input import checked_url

    session = session_of(context)
    settings = read_pairs("--setting", setting or ())
    references = read_pairs("--credential", credential or ())
    if "://" in address:
        address = checked_url(address)
    shown = asyncio.run(look(address, settings, _values(session, address, settings, references)))
    connect = _connect_lines(session, address, shown, references)
    if json:
        print_document({**_document(shown), "connect": connect})
    else:
        _print(address, shown, connect)
    if shown.error or shown.found.rejected:
        raise typer.Exit(1)


def _values(session: Session, address: str, settings: dict[str, str], references: dict[str, str]) -> dict[str, str]:
    """The credentials' values; one that is asked for is kept nowhere, and a kept one goes to the hosts that it is bound to."""
    from inventory_pipeline.core.redaction import redact

    asked = {name: read_secret(name) for name, reference in references.items() if reference == FROM_INPUT}
    redact.add(*asked.values())
    known = {name: reference for name, reference in references.items() if reference != FROM_INPUT}
    if not known:
        return asked
    from inventory_pipeline.services.integrations.credentials import resolve

    store = StoreIntegration(key="preview", platform="feed", url=address, settings=settings, credentials=known)
    with session.services.database.connect() as connection:
        return asked | resolve(connection, session.services.vault, store)


def _connect_lines(session: Session, address: str, shown: "Preview", references: dict[str, str]) -> list[str]:
    """What to type so that the feed becomes a store: where the file must lie, and `stores add` with what it takes.

    Where a sync would fail or reject rows as it stands, a line for each setting that mends it.
    """
    from inventory_pipeline.connectors.feed.sources import kind_of

    lines: list[str] = []
    url = address
    if kind_of(address) == "file":
        path, folder = Path(address.removeprefix("file://")).expanduser().absolute(), session.environment.feed_dir.absolute()
        if folder in path.parents:
            url = str(path.relative_to(folder))
        else:
            url = path.name
            lines.append(f"mkdir -p {shlex.quote(str(folder))} && cp {shlex.quote(str(path))} {shlex.quote(str(folder))}/")
    name = re.sub(r"[?#].*", "", url).rstrip("/").rpartition("/")[2].partition(".")[0]
    key = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "supplier"
    said = [f"{name}={value}" for name, value in shown.settings.items()]
    mends = [[*said, other.setting] for other in shown.otherwise if not other.error and not other.rejected]
    ways = mends if mends and (shown.error or shown.found.rejected) else [said]
    for way in ways:
        more = [f"--setting {shlex.quote(setting)}" for setting in way]
        more += [f"--credential {shlex.quote(f'{name}={reference}')}" for name, reference in references.items()]
        lines.append(" ".join([f"inventory-pipeline stores add {key} --platform feed --url {shlex.quote(url)}", *more]))
    return lines


def _print(address: str, shown: "Preview", connect: list[str]) -> None:
    found = shown.found
    say(f"{address}: {found.described or 'not understood'}")
    if found.preset:
        say(f"Known as: {found.preset.title} (preset={found.preset.name}; preset=none takes it for any table)")
    if found.heading_line > 1:
        say(f"Headings in line {found.heading_line:,}")
    if shown.modified:
        say(f"Written: {shown.modified:%Y-%m-%d %H:%M} UTC")
    if found.columns:
        typer.echo("\nColumns")
        rows = [
            (name, column.shown, column.why, ", ".join(column.others) or None)
            for name, column in [*found.columns.fields.items(), *(("a location", column) for column in found.columns.locations)]
        ]
        columns = ("field", "heading", Column("found by", below=True), Column("could also be", below=True))
        print_table(columns, rows)
        if shown.unused:
            say(f"not read: {', '.join(shown.unused)}")
    elif found.present:
        typer.echo()
        say(f"Headings: {', '.join(heading.shown for heading in found.present)}")
    for name, numbers in found.formats.items():
        say(f"Numbers in {name}: {numbers}")
    if found.first:
        typer.echo("\nFirst lines as understood")
        columns = ("row", "item", Column("location", spare=1), Column("sku", spare=3), Column("title", below=True))
        columns += (Column("status", spare=2), "stock", Column("sellable", spare=4))
        print_table(columns, ((number, *_line_row(line)) for number, line in found.first))
    states = ", ".join(f"{count:,} {state}" for state, count in found.states.items())
    typer.echo()
    say(f"{found.lines:,} lines{f' ({states})' if states else ''}, {found.units:,} units")
    for note, count in found.notes.items():
        say(f"{count:,} {note}")
    for title, reasons in (("Left out", found.left_out), ("Excluded", found.excluded), ("Rejected", found.rejected)):
        _print_reasons(title, reasons)
    if shown.error:
        typer.echo()
        say(f"A sync would fail: {shown.error}")
    for other in shown.otherwise:
        told = other.error or f"{other.lines:,} lines, {other.units:,} units, {other.rejected:,} rejected"
        say(f"with --setting {shlex.quote(other.setting)}: {told}", "  ")
    several = sum("stores add" in line for line in connect) > 1
    typer.echo(f"\nTo connect it{', one of' if several else ''}:")
    for line in connect:  # uncut, to be pasted
        typer.echo(f"  {line}")


def _print_reasons(title: str, reasons: "dict[str, Examples]") -> None:
    if reasons:
        typer.echo(f"{title}:")
        for reason, examples in list(reasons.items())[:20]:
            say(reason, f"  {examples.count:,}: ")
            for row in examples.rows:
                say(str(row), "       ")


def _line_row(line: StockLine) -> tuple[object, ...]:
    stock = line.quantity.state if line.quantity.value is None else line.quantity.value
    return line.item_id, line.location_id, line.sku, line.title[:60], line.status, stock, line.sellable


def _document(shown: "Preview") -> dict[str, Any]:
    found = shown.found
    return {
        "taken_for": found.described,
        "preset": found.preset and found.preset.name,
        "heading_line": found.heading_line,
        "headings": [heading.text for heading in found.present],
        "columns": {
            name: {"heading": column.shown, "found_by": column.why, "could_also_be": list(column.others)}
            for name, column in (found.columns.fields.items() if found.columns else ())
        },
        "locations": [column.shown for column in found.columns.locations] if found.columns else [],
        "numbers": {name: str(numbers) for name, numbers in found.formats.items()},
        "lines": found.lines,
        "units": found.units,
        "states": dict(found.states),
        "first": [
            {"row": number, "item_id": line.item_id, "location_id": line.location_id, "sku": line.sku, "title": line.title,
             "status": line.status, "state": line.quantity.state, "available": line.quantity.value, "sellable": line.sellable}
            for number, line in found.first
        ],
        "notes": dict(found.notes),
        **{
            name: [{"reason": reason, "count": examples.count, "rows": examples.rows} for reason, examples in reasons.items()]
            for name, reasons in (("left_out", found.left_out), ("excluded", found.excluded), ("rejected", found.rejected))
        },
        "error": shown.error or None,
        "otherwise": [
            {"setting": other.setting, "lines": other.lines, "units": other.units, "rejected": other.rejected,
             "error": other.error or None}
            for other in shown.otherwise
        ],
        "written_at": shown.modified and shown.modified.isoformat(),
    }  # fmt: skip
