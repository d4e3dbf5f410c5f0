"""What `stores list`, `stores show` and `stores check` print."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from inventory_pipeline.cli.options import Json, StoreKey
from inventory_pipeline.cli.output import print_document, print_documents, print_table, show
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.stores import StoreIntegration

if TYPE_CHECKING:
    from inventory_pipeline.db.snapshots import Snapshot


def list_(context: typer.Context, json: Json = False) -> None:
    """List the stores."""
    stores = session_of(context).integrations.list()
    if json:
        print_documents(_store(store) for store in stores)
        return
    columns = ("key", "name", "group", "platform", "address", "active", "auto-sync", "needs re-authorization")
    fields = ("key", "name", "group", "platform", "url", "is_active", "auto_sync", "needs_reauthorization")
    rows = ([getattr(store, field) for field in fields] for store in stores)
    print_table(columns, rows, none="No store yet: `inventory-pipeline stores add` registers one.")


def show_(context: typer.Context, key: StoreKey, json: Json = False) -> None:
    """Show all that is known of a store, its last good snapshot included. Credentials are shown as references."""
    from inventory_pipeline.db.snapshots import last_published

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
        "created_at": store.created_at and show_instant(store.created_at),
        "first_sync_at": store.first_sync_at and show_instant(store.first_sync_at),
        "purged_at": store.purged_at and show_instant(store.purged_at),
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
