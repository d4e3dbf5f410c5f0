"""Rows of alerts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.alerts import Alert, Kind, Level, Standing, Status
from inventory_pipeline.db.tables.alerts import LIVE, alert_baselines, alerts
from inventory_pipeline.db.tables.stock import snapshots
from inventory_pipeline.db.tables.stores import store_integrations

# What an alert is about: no two that are open agree in all of these.
SUBJECT = ("kind", "store_key", "subject", "location_id", "group_name")
Subject = tuple[Kind, str, str, str, str]


def lock(connection: sa.Connection) -> None:
    """One evaluation or decision at a time; SQLite's writers are alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE alerts IN SHARE ROW EXCLUSIVE MODE"))


def insert_alerts(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Opens alerts. Their numbers are not asked for: to tell which is whose costs more than all the rest."""
    if rows:
        connection.execute(alerts.insert(), [dict(row) for row in rows])


def live_number(connection: sa.Connection, subject: Sequence[str]) -> int:
    """The number of the open alert about this."""
    same = (alerts.c[name] == part for name, part in zip(SUBJECT, subject, strict=True))
    return connection.execute(sa.select(alerts.c.id).where(LIVE, *same)).scalar_one()


def set_standing(connection: sa.Connection, changes: Iterable[tuple[int, Standing, Mapping[str, Any]]], now: datetime) -> None:
    """Moves alerts on; each change may set further columns."""
    # One statement for all rows that set the same columns.
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for alert_id, standing, columns in changes:
        values = {name: getattr(standing, name) for name in Standing.__slots__} | dict(columns) | {"changed_at": now}
        if standing.status == "resolved":
            values["resolved_at"] = now
        alike.setdefault(tuple(values), []).append({"alert_id": alert_id} | {f"new_{name}": values[name] for name in values})
    for names, rows in alike.items():
        update = alerts.update().where(alerts.c.id == sa.bindparam("alert_id"))
        connection.execute(update.values({name: sa.bindparam(f"new_{name}") for name in names}), rows)


def get_standing(connection: sa.Connection, alert_id: int) -> Standing | None:
    """None where there is no such alert."""
    columns = (alerts.c.status, alerts.c.level, alerts.c.worst, alerts.c.snoozed_until)
    row = connection.execute(sa.select(*columns).where(alerts.c.id == alert_id)).first()
    return None if row is None else Standing(*row)


def list_alerts(
    connection: sa.Connection,
    *,
    include_resolved: bool = False,
    store_key: str | None = None,
    group: str | None = None,
    ids: Sequence[int] | None = None,
    limit: int = 1_000,
) -> list[Alert]:
    """Alerts, the gravest first, each with the time of the read behind it."""
    newest = sa.select(snapshots.c.started_at).where(snapshots.c.store_key == alerts.c.store_key)
    as_of = newest.order_by(snapshots.c.id.desc()).limit(1).scalar_subquery()
    platform = sa.select(store_integrations.c.platform).where(store_integrations.c.key == alerts.c.store_key).scalar_subquery()
    rows = sa.select(alerts, as_of.label("as_of"), sa.func.coalesce(platform, "").label("platform"))
    if not include_resolved:
        rows = rows.where(LIVE)
    if store_key is not None:
        rows = rows.where(alerts.c.store_key == store_key)
    if group is not None:
        rows = rows.where(alerts.c.group_name == group)
    if ids is not None:
        rows = rows.where(alerts.c.id.in_(ids))
    order = (sa.case((LIVE, 0), else_=1), _gravity().desc(), alerts.c.opened_at.desc(), alerts.c.id)
    return [_alert(row) for row in connection.execute(rows.order_by(*order).limit(limit))]


_GRAVEST: tuple[Level, ...] = (
    *("runs_out", "low", "failed", "backorder", "quarantined", "out", "needs_reauthorization", "stale", "oversold"),
)


def gravity(level: Level) -> int:
    """For sorting lists: the greater, the sooner a person should look."""
    return _GRAVEST.index(level)


def _gravity() -> sa.ColumnElement[int]:
    return sa.case({level: number for number, level in enumerate(_GRAVEST)}, value=alerts.c.level)


def live_of_stores(connection: sa.Connection) -> dict[tuple[str, str], tuple[int, Standing, datetime]]:
    """Open alerts about stores themselves, by (kind, store): id, standing and when it last changed."""
    columns = (alerts.c[name] for name in ("kind", "store_key", "id", "status", "level", "worst", "snoozed_until", "changed_at"))
    rows = connection.execute(sa.select(*columns).where(LIVE, alerts.c.kind.in_(("store", "sync"))))
    return {
        (row.kind, row.store_key): (row.id, Standing(row.status, row.level, row.worst, row.snoozed_until), row.changed_at)
        for row in rows
    }


def counts(connection: sa.Connection) -> dict[tuple[Status, Level], int]:
    """How many alerts are live, by (status, level)."""
    rows = sa.select(alerts.c.status, alerts.c.level, sa.func.count()).where(LIVE).group_by(alerts.c.status, alerts.c.level)
    return {(status, level): number for status, level, number in connection.execute(rows)}


def evaluated_stores(connection: sa.Connection) -> set[str]:
    return set(connection.scalars(sa.select(alert_baselines.c.store_key)))


def mark_evaluated(connection: sa.Connection, stores: Iterable[str], now: datetime) -> None:
    rows = [{"store_key": key, "evaluated_at": now} for key in stores]
    if rows:
        connection.execute(alert_baselines.insert(), rows)


def _alert(row: sa.Row[Any]) -> Alert:
    kept = {name: getattr(row, name) for name in Alert.__slots__ if name != "group"}
    return Alert(group=row.group_name, **kept)
