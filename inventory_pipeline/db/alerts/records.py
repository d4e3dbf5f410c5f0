"""Rows of alerts: opened, moved on by the state machine, listed and counted. "Unresolved" is every status but `resolved`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.alerts import SEVERITY, Alert, AlertState, Kind, Level, Severity, Status
from inventory_pipeline.db.tables.alerts import UNRESOLVED, alert_baselines, alerts
from inventory_pipeline.db.tables.stock import snapshots
from inventory_pipeline.db.tables.stores import store_integrations

# The columns that say which target an alert is about: no two unresolved alerts agree in all of them.
IDENTITY = ("kind", "store_key", "subject", "location_id", "group_name")
AlertIdentity = tuple[Kind, str, str, str, str]
# The unresolved alerts about stores themselves, by (kind, store key): id, state, and when it last changed.
StoreAlerts = dict[tuple[str, str], tuple[int, AlertState, datetime]]

# The order in which alerts are listed, the least urgent first.
_LEAST_URGENT_FIRST: tuple[Level, ...] = (
    "runs_out",
    "low",
    "failed",
    "backorder",
    "quarantined",
    "out",
    "needs_reauthorization",
    "stale",
    "oversold",
)


def lock(connection: sa.Connection) -> None:
    """Lets one evaluation or decision at a time change alerts, until the transaction ends.

    PostgreSQL only: SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE alerts IN SHARE ROW EXCLUSIVE MODE"))


def insert_alerts(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Opens alerts; each row maps the columns of `alerts`.

    Returns no ids: matching the ids to the rows would cost more than all the rest. `unresolved_id` looks one up.
    """
    if rows:
        connection.execute(alerts.insert(), [dict(row) for row in rows])


def unresolved_id(connection: sa.Connection, identity: Sequence[str]) -> int:
    """The id of the unresolved alert with this identity, which must exist."""
    same = (alerts.c[name] == part for name, part in zip(IDENTITY, identity, strict=True))
    return connection.execute(sa.select(alerts.c.id).where(UNRESOLVED, *same)).scalar_one()


def update_states(connection: sa.Connection, changes: Iterable[tuple[int, AlertState, Mapping[str, Any]]], now: datetime) -> None:
    """Gives alerts new states. Each change is an alert's id, its new state, and values for further columns."""
    # One statement for all alerts that set the same columns.
    rows_by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for alert_id, state, columns in changes:
        values = {
            "status": state.status,
            "level": state.level,
            "worst": state.worst,
            "snoozed_until": state.snoozed_until,
            **columns,
            "changed_at": now,
        }
        if state.status == "resolved":
            values["resolved_at"] = now
        row = {"alert_id": alert_id} | {f"new_{name}": value for name, value in values.items()}
        rows_by_columns.setdefault(tuple(values), []).append(row)
    for names, rows in rows_by_columns.items():
        update = alerts.update().where(alerts.c.id == sa.bindparam("alert_id"))
        connection.execute(update.values({name: sa.bindparam(f"new_{name}") for name in names}), rows)


def get_state(connection: sa.Connection, alert_id: int) -> AlertState | None:
    """The alert's state; None where there is no such alert."""
    columns = (alerts.c.status, alerts.c.level, alerts.c.worst, alerts.c.snoozed_until)
    row = connection.execute(sa.select(*columns).where(alerts.c.id == alert_id)).first()
    return None if row is None else AlertState(*row)


def list_alerts(
    connection: sa.Connection,
    *,
    include_resolved: bool = False,
    store_key: str | None = None,
    group: str | None = None,
    groups: Sequence[str] | None = None,
    status: Status | None = None,
    severity: Severity | None = None,
    ids: Sequence[int] | None = None,
    limit: int = 1_000,
    offset: int = 0,
) -> list[Alert]:
    """At most `limit` alerts: unresolved ones first, then the most urgent, then the newest. `offset` of them are left out."""
    last_read = sa.select(snapshots.c.started_at).where(snapshots.c.store_key == alerts.c.store_key)
    as_of = last_read.order_by(snapshots.c.id.desc()).limit(1).scalar_subquery()
    platform = sa.select(store_integrations.c.platform).where(store_integrations.c.key == alerts.c.store_key).scalar_subquery()
    rows = sa.select(alerts, as_of.label("as_of"), sa.func.coalesce(platform, "").label("platform"))
    if not include_resolved:
        rows = rows.where(UNRESOLVED)
    if store_key is not None:
        rows = rows.where(alerts.c.store_key == store_key)
    if group is not None:
        rows = rows.where(alerts.c.group_name == group)
    if groups is not None:
        rows = rows.where(alerts.c.group_name.in_(groups))
    if status is not None:
        rows = rows.where(alerts.c.status == status)
    if severity is not None:
        rows = rows.where(alerts.c.level.in_([level for level, its in SEVERITY.items() if its == severity]))
    if ids is not None:
        rows = rows.where(alerts.c.id.in_(ids))
    by_urgency = sa.case({level: urgency(level) for level in _LEAST_URGENT_FIRST}, value=alerts.c.level).desc()
    order = (sa.case((UNRESOLVED, 0), else_=1), by_urgency, alerts.c.opened_at.desc(), alerts.c.id)
    return [_alert(row) for row in connection.execute(rows.order_by(*order).limit(limit).offset(offset))]


def urgency(level: Level) -> int:
    """For sorting: the greater, the sooner a person should look."""
    return _LEAST_URGENT_FIRST.index(level)


def unresolved_of_stores(connection: sa.Connection) -> StoreAlerts:
    """The unresolved alerts about stores themselves."""
    rows = connection.execute(sa.select(alerts).where(UNRESOLVED, alerts.c.kind.in_(("store", "sync"))))
    return {
        (row.kind, row.store_key): (row.id, AlertState(row.status, row.level, row.worst, row.snoozed_until), row.changed_at)
        for row in rows
    }


def trouble_at(connection: sa.Connection, store_key: str, since: datetime, until: datetime) -> Level | None:
    """The level of the store's alert about its syncs that opened after `since` and was unresolved at `until`; None without."""
    mine = alerts.c.kind == "sync", alerts.c.store_key == store_key
    lasted = alerts.c.opened_at > since, alerts.c.opened_at <= until
    unresolved = sa.or_(alerts.c.resolved_at.is_(None), alerts.c.resolved_at >= until)
    rows = sa.select(alerts.c.level).where(*mine, *lasted, unresolved).order_by(alerts.c.id.desc()).limit(1)
    return connection.scalar(rows)


def low_by_store(connection: sa.Connection) -> Counter[str]:
    """How many unresolved alerts of each store say that something is low or about to run out."""
    low = alerts.c.level.in_(("low", "runs_out"))
    rows = sa.select(alerts.c.store_key, sa.func.count()).where(UNRESOLVED, low).group_by(alerts.c.store_key)
    return Counter(dict(connection.execute(rows).all()))


def count_unresolved_levels(connection: sa.Connection, groups: Sequence[str] | None) -> dict[Level, int]:
    """How many alerts of these groups (None: of all) are unresolved, by level."""
    rows = sa.select(alerts.c.level, sa.func.count()).where(UNRESOLVED).group_by(alerts.c.level)
    if groups is not None:
        rows = rows.where(alerts.c.group_name.in_(groups))
    return dict(connection.execute(rows).all())


def count_unresolved(connection: sa.Connection) -> dict[tuple[Status, Level], int]:
    """How many alerts are unresolved, by (status, level)."""
    rows = sa.select(alerts.c.status, alerts.c.level, sa.func.count()).where(UNRESOLVED).group_by(alerts.c.status, alerts.c.level)
    return {(status, level): number for status, level, number in connection.execute(rows)}


def evaluated_stores(connection: sa.Connection) -> set[str]:
    """The keys of the stores that have been evaluated at least once."""
    return set(connection.scalars(sa.select(alert_baselines.c.store_key)))


def mark_evaluated(connection: sa.Connection, stores: Iterable[str], now: datetime) -> None:
    """Notes the first evaluation of these stores."""
    rows = [{"store_key": key, "evaluated_at": now} for key in stores]
    if rows:
        connection.execute(alert_baselines.insert(), rows)


def _alert(row: sa.Row[Any]) -> Alert:
    return Alert(
        id=row.id,
        kind=row.kind,
        store_key=row.store_key,
        group=row.group_name,
        platform=row.platform,
        item_id=row.item_id,
        location_id=row.location_id,
        sku=row.sku,
        title=row.title,
        status=row.status,
        level=row.level,
        available=row.available,
        at_least=row.at_least,
        up_to=row.up_to,
        ambiguous=row.ambiguous,
        threshold=row.threshold,
        margin=row.margin,
        was=row.was,
        rule=row.rule,
        detail=row.detail,
        baseline=row.baseline,
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        acknowledged_by=row.acknowledged_by,
        snoozed_until=row.snoozed_until,
        resolved_at=row.resolved_at,
        as_of=row.as_of,
    )
