"""What `stores list`, `stores show` and `stores check` print."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from inventory_pipeline.cli.options import Json, StoreKey
from inventory_pipeline.cli.output import print_document, print_documents
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.cli.tables import Column, Fact, print_facts, print_table
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.stock import DEFAULT_LOCATION
from inventory_pipeline.core.stores import StoreIntegration, is_outdated, is_stale, not_renewed

if TYPE_CHECKING:
    from inventory_pipeline.core.sync import RejectedReason
    from inventory_pipeline.db.sync.snapshots import QuarantinedRead, Snapshot

# How many lines of a read that was not believed are shown to a person.
_SHOWN = 20


def list_(context: typer.Context, json: Json = False) -> None:
    """List the stores, and how old the stock is that is known of each."""
    from inventory_pipeline.db.integrations.stores import list_stores
    from inventory_pipeline.db.sync.snapshots import last_of_each
    from inventory_pipeline.defs.sync.interval import sync_interval

    session = session_of(context)
    interval, now = sync_interval(session.environment), session.services.clock()
    with session.services.database.connect() as connection:
        stores, last = list_stores(connection), last_of_each(connection)

    def stale(store: StoreIntegration) -> bool:
        read = last.get(store.key)
        return read is None or is_stale(store, read.ended_at, read.modified, now, interval)

    if json:
        print_documents({**_store(store), **_last_read(last.get(store.key)), "stale": stale(store)} for store in stores)
        return
    columns = (
        *("key", Column("name", below=True), Column("group", spare=1), "platform", Column("address", below=True), "active"),
        *(Column("auto-sync", spare=2), "last read", Column("needs re-authorization", below=True)),
        Column("note", below=True),
    )
    rows = (
        (
            *(store.key, store.name, store.group, store.platform, store.url, store.is_active, store.auto_sync),
            _age(last.get(store.key), stale(store)),
            store.needs_reauthorization,
            "; ".join(_notes(store, last.get(store.key), now)),
        )
        for store in stores
    )
    print_table(columns, rows, none="No store yet: `inventory-pipeline stores add` registers one.")


def _age(last: "Snapshot | None", stale: bool) -> str:
    return "never" if last is None else show_instant(last.ended_at) + (" STALE" if stale else "")


def _last_read(last: "Snapshot | None") -> dict[str, Any]:
    return {
        "last_read_at": last and show_instant(last.ended_at),
        "file_written_at": last and _instant(last.modified),
        "gap": last and last.gap,
        "gap_since": last and _instant(last.gap_since),
    }


def _notes(store: StoreIntegration, last: "Snapshot | None", now: datetime) -> Iterator[str]:
    """What a person should know of the store's last read, in short; `stores show` says more."""
    if last is None:
        return
    if last.modified is not None:
        yield f"file {not_renewed(last.modified)}" if is_outdated(store, last.modified, now) else _written(last.modified)
    if last.gap:
        yield last.gap_told
    yield from (note.partition(";")[0] for note in last.notes)


def _written(modified: datetime) -> str:
    return f"file of {show_instant(modified)}"


def show_(context: typer.Context, key: StoreKey, json: Json = False) -> None:
    """Show all that is known of a store, its last good snapshot included. Credentials are shown as references."""
    from inventory_pipeline.db.sync.snapshots import last_published, last_quarantined
    from inventory_pipeline.db.sync.totals import kept_rejections, rejections

    session = session_of(context)
    store = session.integrations.get(key)
    with session.services.database.connect() as connection:
        last, quarantined = last_published(connection, key), last_quarantined(connection, key)
        rejected = rejections(connection, kept_rejections(key, last.id)) if last else []
    if json:
        parts = {
            "last_snapshot": last and _snapshot(last, rejected),
            "quarantined_read": quarantined and _quarantined(quarantined),
        }
        print_document({**_store(store), **parts})
        return
    now = session.services.clock()
    print_facts([*_facts(store, last, rejected, now), *_quarantined_facts(quarantined)])


def _quarantined_facts(read: "QuarantinedRead | None") -> Iterator[Fact]:
    if read is None:
        return
    yield Fact("not believed", f"the read of {show_instant(read.started_at)}, run {read.run_id}: {read.why}")
    if read.does:
        yield Fact("to accept it means", read.does)
    lost = [_lost(line) for line in read.lost_lines[:_SHOWN]]
    if read.lost > len(lost):
        lost.append(f"… of {read.lost:,}; --json shows the first {len(read.lost_lines):,}")
    if lost:
        yield Fact("lines it takes away", lost)
    lines = [f"{_item(line['item_id'])}: {line['reason']}: {line['excerpt']}" for line in read.rejected_lines[:_SHOWN]]
    if read.rejected > len(lines):
        lines.append(f"… of {read.rejected:,}; --json shows the first {len(read.rejected_lines):,}")
    if lines:
        yield Fact("its unread lines", lines)


def _lost(line: Mapping[str, str | None]) -> str:
    where = line["location"] or (line["location_id"] if line["location_id"] != DEFAULT_LOCATION else "")
    named = ", ".join(filter(None, (line["sku"] or _item(line["item_id"]), line["title"], where)))
    return f"{named}: {line['was']}, would be {line['becomes']}"


def _item(item_id: str | None) -> str:
    return f"item {item_id}" if item_id else "no id"


def _facts(
    store: StoreIntegration, last: "Snapshot | None", rejected: "Sequence[RejectedReason]", now: datetime
) -> Iterator[Fact]:
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
    if last.modified is not None:
        old = is_outdated(store, last.modified, now)
        yield Fact("file", not_renewed(last.modified) + ": STALE" if old else f"of {show_instant(last.modified)}")
    if last.gap:
        yield Fact("not seen", last.gap_told)
    if last.excluded:
        yield Fact("left out", [f"{number:,} {reason}" for reason, number in last.excluded.items()])
    if rejected:
        yield Fact("could not be read", [str(each) for each in rejected])
    if last.warnings:
        yield Fact("warnings", last.warnings)
    if last.notes or last.line_notes:
        yield Fact("notes", [*last.notes, *last.line_notes])


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


def _quarantined(read: "QuarantinedRead") -> dict[str, Any]:
    """The last read that was not believed: why, and the lines that could not be read."""
    return {
        "run_id": read.run_id,
        "started_at": show_instant(read.started_at),
        "ended_at": show_instant(read.ended_at),
        "why": read.why,
        "rejected": read.rejected,
        "rejected_lines": [dict(line) for line in read.rejected_lines],
        "accepts": list(read.accepts),
        "does": read.does,
        "lost": read.lost,
        "lost_lines": [dict(line) for line in read.lost_lines],
    }


def _snapshot(snapshot: "Snapshot", rejected: "Sequence[RejectedReason]") -> dict[str, Any]:
    """What a person asks of a snapshot: when, how complete, how much changed, what it had to say."""
    return {
        "run_id": snapshot.run_id,
        "started_at": show_instant(snapshot.started_at),
        "ended_at": show_instant(snapshot.ended_at),
        "file_written_at": _instant(snapshot.modified),
        "how": snapshot.how,
        "gap": snapshot.gap,
        "gap_since": _instant(snapshot.gap_since),
        "accepted": list(snapshot.accepted),
        "api_calls": snapshot.api_calls,
        **asdict(snapshot.counts),
        "excluded": dict(snapshot.excluded),
        "lists": [{"name": one.name, "expected": one.expected, "read": one.read} for one in snapshot.lists],
        "rejected_reasons": [{**asdict(each), "examples": list(each.examples)} for each in rejected],
        "warnings": list(snapshot.warnings),
        "notes": list(snapshot.notes),
        "line_notes": list(snapshot.line_notes),
    }
