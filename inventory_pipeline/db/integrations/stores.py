"""Rows of store integrations."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.tables import alerts, stock, stores

_table = stores.store_integrations
_credentials = stores.store_credentials

# The column of each field of StoreIntegration that can be changed.
_COLUMNS = {
    "platform": "platform",
    "url": "url",
    "name": "name",
    "group": "group_name",
    "settings": "settings",
    "is_active": "is_active",
    "auto_sync": "auto_sync",
    "allow_private": "allow_private",
    "needs_reauthorization": "needs_reauthorization",
    "freshness_limit": "freshness_limit_seconds",
}


def insert_store(connection: sa.Connection, store: StoreIntegration, now: datetime, *, reuse: bool = False) -> None:
    """Registers a store. Raises UsageError where its key is taken: by a purged store too, unless `reuse`."""
    row = _row({name: getattr(store, name) for name in _COLUMNS})
    row |= {"key": store.key, "created_at": store.created_at or now, "first_sync_at": store.first_sync_at}
    taken = connection.execute(sa.select(_table.c.purged_at).where(_table.c.key == store.key)).first()
    if taken is not None:
        if taken.purged_at is None:
            raise UsageError(f"store key {store.key!r} is taken: choose another")
        if not reuse:
            raise UsageError(
                f"store key {store.key!r} belonged to a purged store, and runs in Dagster's history carry it: choose another"
            )
        connection.execute(stock.snapshots.delete().where(stock.snapshots.c.store_key == store.key))
        connection.execute(_table.delete().where(_table.c.key == store.key))
    connection.execute(_table.insert().values(row))
    _write_credentials(connection, store.key, store.credentials)


def get_store(connection: sa.Connection, key: str) -> StoreIntegration | None:
    """The store, purged or not; None where the key was never registered."""
    return next(iter(_select(connection, _table.c.key == key)), None)


def list_stores(connection: sa.Connection, *, include_purged: bool = False) -> list[StoreIntegration]:
    """Stores by key."""
    return _select(connection, sa.true() if include_purged else _table.c.purged_at.is_(None))


def update_store(connection: sa.Connection, key: str, **changes: Any) -> None:
    """Sets fields of StoreIntegration by name; `credentials` replaces all of the store's references.

    Raises UsageError for an unknown or purged store, ValueError for a field that cannot be changed this way.
    """
    unknown = changes.keys() - {*_COLUMNS, "credentials"}
    if unknown:
        raise ValueError(f"cannot change {', '.join(sorted(unknown))} of a store")
    credentials = changes.pop("credentials", None)
    row = _row(changes) or {"key": key}
    found = connection.execute(_table.update().where(_table.c.key == key, _table.c.purged_at.is_(None)).values(row))
    if not found.rowcount:
        raise UsageError(f"no store {key!r} is registered; `inventory-pipeline stores list` shows them")
    if credentials is not None:
        connection.execute(_credentials.delete().where(_credentials.c.store_key == key))
        _write_credentials(connection, key, credentials)


def mark_first_sync(connection: sa.Connection, key: str, now: datetime) -> bool:
    """Notes that the store's first sync was started; False where it had been before."""
    first = _table.update().where(_table.c.key == key, _table.c.first_sync_at.is_(None)).values(first_sync_at=now)
    return connection.execute(first).rowcount == 1


def set_needs_reauthorization(connection: sa.Connection, key: str, reason: str | None) -> None:
    """Keeps why the platform refuses the credentials; None where it takes them again."""
    connection.execute(_table.update().where(_table.c.key == key).values(needs_reauthorization=reason))


def purge_store(connection: sa.Connection, key: str, now: datetime) -> None:
    """Removes the store's stock, history, alerts, thresholds and credentials. Its row stays, and holds the key.

    A sync under way loses its lease and cannot publish. Raises UsageError for an unknown or purged store.
    """
    # The lease first: it waits for a publishing transaction to end, and what that wrote is removed below.
    connection.execute(stores.sync_leases.delete().where(stores.sync_leases.c.store_key == key))
    update_store(connection, key, is_active=False, credentials={}, needs_reauthorization=None)
    for table in (
        stock.stock_levels,
        stock.stock_changes,
        stock.rejected_lines,
        stock.quarantined_reads,
        alerts.thresholds,
        alerts.alerts,
        alerts.alert_baselines,
    ):
        connection.execute(table.delete().where(table.c.store_key == key))
    connection.execute(_table.update().where(_table.c.key == key).values(purged_at=now))


def _row(fields: Mapping[str, Any]) -> dict[str, Any]:
    row = {_COLUMNS[name]: value for name, value in fields.items()}
    if "settings" in row:
        row["settings"] = dict(row["settings"])
    limit = row.get("freshness_limit_seconds")
    if limit is not None:
        row["freshness_limit_seconds"] = int(limit.total_seconds())
    return row


def _select(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[StoreIntegration]:
    rows = connection.execute(sa.select(_table).where(condition).order_by(_table.c.key)).all()
    references: dict[str, dict[str, str]] = {row.key: {} for row in rows}
    named = sa.select(_credentials).join(_table).where(condition).order_by(_credentials.c.name)
    for credential in connection.execute(named):
        references[credential.store_key][credential.name] = credential.reference
    return [_store(row, references[row.key]) for row in rows]


def _store(row: sa.Row[Any], credentials: Mapping[str, str]) -> StoreIntegration:
    limit = row.freshness_limit_seconds
    return StoreIntegration(
        key=row.key,
        platform=row.platform,
        url=row.url,
        name=row.name,
        group=row.group_name,
        settings=row.settings,
        credentials=credentials,
        is_active=row.is_active,
        auto_sync=row.auto_sync,
        allow_private=row.allow_private,
        needs_reauthorization=row.needs_reauthorization,
        freshness_limit=None if limit is None else timedelta(seconds=limit),
        created_at=row.created_at,
        first_sync_at=row.first_sync_at,
        purged_at=row.purged_at,
    )


def _write_credentials(connection: sa.Connection, key: str, credentials: Mapping[str, str]) -> None:
    rows: Sequence[dict[str, str]] = [
        {"store_key": key, "name": name, "reference": reference} for name, reference in credentials.items()
    ]
    if rows:
        connection.execute(_credentials.insert(), rows)
