"""What `stores list`, `stores show` and `stores check` print."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from inventory_pipeline.cli.options import Json, StoreKey
from inventory_pipeline.cli.output import print_document, print_documents
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.cli.tables import Column, print_table, show
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.stores import StoreIntegration, is_outdated, is_stale, not_renewed

if TYPE_CHECKING:
    from inventory_pipeline.core.sync import RejectedReason
    from inventory_pipeline.db.sync.snapshots import QuarantinedRead, Snapshot

# How many entries of a list are shown to a person.
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
        *("key", Column("name", spare=1), Column("group", spare=2), "platform", Column("address", below=True), "active"),
        *(Column("auto-sync", spare=3), "last read", Column("needs re-authorization", below=True)),
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
    document = {
        **_store(store),
        "last_snapshot": last and _snapshot(last, rejected),
        "quarantined_read": quarantined and _quarantined(quarantined),
    }
    if json:
        print_document(document)
        return
    for line in _lines(document):
        typer.echo(line)


def _lines(document: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Names with their values; what is nested stands below its name, a list with a dash before each entry."""
    for name, value in document.items():
        shown = name.replace("_", " ") if not indent else name
        if isinstance(value, dict) and value:
            yield f"{indent}{shown}:"
            yield from _lines(value, indent + "  ")
        elif isinstance(value, list) and value:
            yield f"{indent}{shown}:"
            yield from (f"{indent}  - {show(_entry(each))}" for each in value[:_SHOWN])
            if len(value) > _SHOWN:
                yield f"{indent}  … {len(value) - _SHOWN:,} more: --json shows them"
        else:
            yield f"{indent}{shown}: {show(None if value in ({}, [], '') else value)}"


def _entry(each: Any) -> object:
    """One entry of a list: a sentence, a reason with its count, one of the platform's lists, or a rejected line."""
    if not isinstance(each, dict):
        return each
    if "name" in each:
        return (
            f"{each['name']}: {each['read']:,} read, {'no total' if each['expected'] is None else format(each['expected'], ',')}"
        )
    if "count" in each:
        examples = f" ({'; '.join(each['examples'])})" if each["examples"] else ""
        return f"{each['count']:,} × {each['reason']}{examples}"
    item = f"item {each['item_id']}" if each["item_id"] else "no id"
    return f"{item}: {each['reason']}: {each['excerpt']}"


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
