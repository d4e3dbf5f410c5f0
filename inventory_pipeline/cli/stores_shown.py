"""What `stores list`, `stores show` and `stores check` print."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from inventory_pipeline.cli.options import Json, StoreKey
from inventory_pipeline.cli.output import print_document, print_documents
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.cli.tables import Column, Fact, print_facts, print_table
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.stores import StoreIntegration, freshness

if TYPE_CHECKING:
    from inventory_pipeline.db.sync.snapshots import Snapshot


def list_(context: typer.Context, json: Json = False) -> None:
    """List the stores, and how old the stock is that is known of each."""
    from inventory_pipeline.db.integrations.stores import list_stores
    from inventory_pipeline.db.sync.snapshots import last_reads
    from inventory_pipeline.defs.sync.interval import sync_interval

    session = session_of(context)
    interval, now = sync_interval(session.environment), session.services.clock()
    with session.services.database.connect() as connection:
        stores, read = list_stores(connection), last_reads(connection)
    stale = {store.key: store.key not in read or now - read[store.key] > freshness(store, interval) for store in stores}
    if json:
        ages = ({"last_read_at": _instant(read.get(store.key)), "stale": stale[store.key]} for store in stores)
        print_documents({**_store(store), **age} for store, age in zip(stores, ages, strict=True))
        return
    columns = (
        *("key", Column("name", below=True), Column("group", spare=1), "platform", Column("address", below=True), "active"),
        *(Column("auto-sync", spare=2), "last read", Column("needs re-authorization", below=True)),
    )
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
    print_facts(_facts(store, last))


def _facts(store: StoreIntegration, last: "Snapshot | None") -> Iterator[Fact]:
    yield Fact("key", store.key)
    yield Fact("name", store.name)
    yield Fact("group", store.group)
    yield Fact("platform", store.platform)
    yield Fact("address", store.url + (" (may be private or without TLS)" if store.allow_private else ""))
    yield Fact("credentials", [f"{name}: {reference}" for name, reference in store.credentials.items()] or "none")
    yield Fact("settings", [f"{name}: {value}" for name, value in store.settings.items()] or "none")
    yield Fact("state", _state(store))
    yield Fact("auto-sync", store.auto_sync)
    hours = store.freshness_limit and f"{store.freshness_limit.total_seconds() / 3600:g} h"
    yield Fact("believed for", hours or "1.25 intervals of the schedule")
    yield Fact("registered", store.created_at and show_instant(store.created_at))
    yield Fact("first sync", store.first_sync_at and show_instant(store.first_sync_at))
    if last is None:
        yield Fact("last good read", "none yet")
        return
    counts = last.counts
    yield Fact("last good read", f"{show_instant(last.started_at)} to {show_instant(last.ended_at)}, {last.api_calls:,} requests")
    yield Fact("its run", last.run_id)
    yield Fact("proved by", last.how)
    yield Fact(
        "lines",
        [
            f"{counts.seen:,} seen: {counts.created:,} created, {counts.updated:,} updated, {counts.skipped:,} unchanged,"
            f" {counts.rejected:,} rejected",
            f"{counts.missing:,} missing, {counts.deleted:,} deleted, {counts.repeats:,} repeated",
        ],
    )
    if "connections" in last.memo:
        yield Fact("connections", f"{last.memo['connections']} at once, since it failed under more; one more is tried each time")
    if last.gap:
        yield Fact("not seen", f"{last.gap:,} that the platform counts and did not show")
    if last.excluded:
        yield Fact("left out", [f"{number:,} {reason}" for reason, number in last.excluded.items()])


def _state(store: StoreIntegration) -> str:
    if store.purged_at is not None:
        return f"purged on {show_instant(store.purged_at)}"
    state = "active" if store.is_active else "inactive: nothing syncs it"
    return f"{state}; NEEDS RE-AUTHORIZATION: {store.needs_reauthorization}" if store.needs_reauthorization else state


def check(context: typer.Context, key: StoreKey, json: Json = False) -> None:
    """Ask the store whether address, credentials, permissions and version are right. Exit status 1 where one is not."""
    items = session_of(context).integrations.check(key)
    if json:
        print_documents(asdict(item) for item in items)
    else:
        rows = ((item.check, "ok" if item.ok else "NO", item.detail, item.cure) for item in items)
        print_table(("check", "", Column("", below=True), Column("what to do", below=True)), rows)
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
        "allow_private": store.allow_private,
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
