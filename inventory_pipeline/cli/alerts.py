"""`inventory-pipeline alerts`: what is open, and what people decide about it."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inventory_pipeline.cli.options import Json, OnlyStore, read_instant
from inventory_pipeline.cli.output import print_documents
from inventory_pipeline.cli.session import Session, actor, alerting_of, session_of
from inventory_pipeline.cli.tables import Column, print_table
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.quantity import show_total, total_mark
from inventory_pipeline.core.text import short_with_cure

if TYPE_CHECKING:
    from inventory_pipeline.core.alerts import Alert

app = typer.Typer(help="See alerts, and say that you have seen them.", pretty_exceptions_enable=False)
Ids = Annotated[list[int], typer.Argument(metavar="ID…", help="As `alerts list` shows them.")]

_SPAN = re.compile(r"(\d{1,4})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@app.command("list")
def list_(
    context: typer.Context,
    store: OnlyStore = None,
    group: Annotated[str | None, typer.Option(metavar="G", help="Only this group.")] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Resolved ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 100,
    json: Json = False,
) -> None:
    """List alerts, the gravest first."""
    from inventory_pipeline.db.alerts.records import list_alerts

    with session_of(context).services.database.connect() as connection:
        found = list_alerts(connection, include_resolved=resolved, store_key=store, group=group, limit=limit)
    if json:
        print_documents(document(alert) for alert in found)
    else:
        _print(found, none="No alert is open." if store is None and group is None else "No alert is open there.")


@app.command()
def acknowledge(context: typer.Context, ids: Ids) -> None:
    """Say that you have seen them: silence until they get worse or are resolved."""
    _print(alerting_of(session_of(context)).decisions.acknowledge(ids, actor()))


@app.command()
def snooze(
    context: typer.Context,
    ids: Ids,
    until: Annotated[str, typer.Option(metavar="T", help="An instant (2026-11-23T16:00:00Z) or a span: 4h, 2d, 1w.")],
) -> None:
    """Hear nothing of them until then, even if they get worse."""
    session = session_of(context)
    _print(alerting_of(session).decisions.snooze(ids, read_until(until, session), actor()))


def read_until(text: str, session: Session) -> datetime:
    span = _SPAN.fullmatch(text.strip())
    if span:
        return session.services.clock() + int(span[1]) * _UNITS[span[2]]
    return read_instant("--until", text, session, ", nor a span such as 4h, 2d or 1w")


def document(alert: "Alert") -> dict[str, Any]:
    """The alert as JSON: every field under the name that notices give it, instants as ISO 8601."""
    names = {"id": "alert", "store_key": "store"}
    fields = {names.get(name, name): getattr(alert, name) for name in type(alert).__slots__} | {"severity": alert.severity}
    return {name: show_instant(value) if isinstance(value, datetime) else value for name, value in fields.items()}


def _print(found: "list[Alert]", none: str = "None.") -> None:
    columns = (
        *("id", "severity", "level", Column("status", spare=1), "store", "SKU", Column("title", below=True), "available"),
        *(Column("rule", below=True), Column("since", spare=2), Column("as of", spare=3)),
    )
    print_table(columns, (_cells(alert) for alert in found), none=none)


def _cells(alert: "Alert") -> list[object]:
    status = alert.status
    if alert.snoozed_until is not None:
        status = f"snoozed until {show_instant(alert.snoozed_until)}"
    elif alert.acknowledged_by is not None and status == "acknowledged":
        status = f"acknowledged by {alert.acknowledged_by}"
    available = show_total(alert.available, alert.up_to, at_least=alert.at_least)
    words = "; ".join(filter(None, (alert.words, total_mark(alert.up_to, ambiguous=alert.ambiguous))))
    where = alert.store_key or f"group {alert.group}"
    name = alert.sku or alert.item_id or None
    since, as_of = show_instant(alert.opened_at), alert.as_of and show_instant(alert.as_of)
    return [
        *(alert.id, alert.severity, alert.level, status, where, name, short_with_cure(words, 250), available),
        *(alert.because, since, as_of),
    ]
