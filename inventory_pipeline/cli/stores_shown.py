"""What `stores list`, `stores show` and `stores check` print."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from inventory_pipeline.cli.options import Json, StoreKey
from inventory_pipeline.cli.output import print_document, print_documents, print_table, show
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.stores import StoreIntegration, freshness

if TYPE_CHECKING:
    from inventory_pipeline.db.sync.snapshots import Snapshot


def list_(context: typer.Context, json: Json = False) -> None:
    """List the stores, and how old the stock is that is known of each."""
    from inventory_pipeline.db.sync.snapshots import last_reads
    from inventory_pipeline.defs.sync.interval import sync_interval

    session = session_of(context)
    stores, interval, now = session.integrations.list(), sync_interval(session.environment), session.services.clock()
    with session.services.database.connect() as connection:
        read = last_reads(connection)
    stale = {store.key: store.key not in read or now - read[store.key] > freshness(store, interval) for store in stores}
    if json:
        ages = ({"last_read_at": _instant(read.get(store.key)), "stale": stale[store.key]} for store in stores)
        print_documents({**_store(store), **age} for store, age in zip(stores, ages, strict=True))
        return
    columns = ("key", "name", "group", "platform", "address", "active", "auto-sync", "last read", "needs re-authorization")
    rows = (
        (
            *(store.key, store.name, store.group, store.platform, store.url, store.is_active, store.auto_sync),
            _age(read.get(store.key), stale[store.key]),
            store.needs_reauthorization,
        )
        for store in stores
    )
    print_table(columns, rows, none="No store yet: `inventory-pipeline stores add` registers one.")


def _age(read: datetime | None, stale: bool) -> str:
    return "never" if read is None else show_instant(read) + (" STALE" if stale else "")


def show_(context: typer.Context, key: StoreKey, json: Json = False) -> None:
    """Show all that is known of a store, its last good snapshot included. Credentials are shown as references."""
    from inventory_pipeline.db.sync.snapshots import last_published

    session = session_of(context)
    store = session.integrations.get(key)
    with session.services.database.connect() as connection:
        last = last_published(connection, key)
    document = {**_store(store), "last_snapshot": last and _snapshot(last)}
    if json:
        print_document(document)
        return
    for name, value in document.items():
        nested = value if isinstance(value, dict) else {}
        typer.echo(f"{name.replace('_', ' ')}:" + ("" if nested else f" {show(None if value in ({}, '') else value)}"))
        for inner, its_value in nested.items():
            typer.echo(f"  {inner}: {show(its_value)}")


def check(context: typer.Context, key: StoreKey, json: Json = False) -> None:
    """Ask the store whether address, credentials, permissions and version are right. Exit status 1 where one is not."""
    items = session_of(context).integrations.check(key)
    if json:
        print_documents(asdict(item) for item in items)
    else:
        rows = ((item.check, "ok" if item.ok else "NO", item.detail, item.cure) for item in items)
        print_table(("check", "", "", "what to do"), rows)
    if not all(item.ok for item in items):
        raise typer.Exit(1)


def _instant(instant: datetime | None) -> str | None:
    return instant and show_instant(instant)


def _store(store: StoreIntegration) -> dict[str, Any]:
    """Instants as ISO 8601, the freshness limit in hours (null: the usual one), credentials as references."""
    limit = store.freshness_limit
    return {
        "key": store.key,
        "name": store.name,
        "group": store.group,
        "platform": store.platform,
        "url": store.url,
        "settings": dict(store.settings),
        "credentials": dict(store.credentials),
        "is_active": store.is_active,
        "auto_sync": store.auto_sync,
        "needs_reauthorization": store.needs_reauthorization,
        "fresh_hours": limit and limit.total_seconds() / 3600,
        "created_at": _instant(store.created_at),
        "first_sync_at": _instant(store.first_sync_at),
        "purged_at": _instant(store.purged_at),
    }


def _snapshot(snapshot: "Snapshot") -> dict[str, Any]:
    """What a person asks of a snapshot: when, how complete, how much changed."""
    return {
        "run_id": snapshot.run_id,
        "started_at": show_instant(snapshot.started_at),
        "ended_at": show_instant(snapshot.ended_at),
        "how": snapshot.how,
        "gap": snapshot.gap,
        "api_calls": snapshot.api_calls,
        **asdict(snapshot.counts),
        "excluded": dict(snapshot.excluded),
    }
