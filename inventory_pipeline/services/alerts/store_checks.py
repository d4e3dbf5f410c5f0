"""Alerts about stores themselves: stale, in need of re-authorization, and syncs that failed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.alert_machine import step
from inventory_pipeline.core.alerts import Kind, Standing, Verdict
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.notices import Told
from inventory_pipeline.core.stores import StoreIntegration, freshness
from inventory_pipeline.core.text import one_line
from inventory_pipeline.db.alerts import alerts
from inventory_pipeline.db.alerts.alert_stores import Reading, read_stores
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.services.alerts.facts import RULE_OF_STORES, told_of_store

_DETAIL = 500


def check_stores(connection: sa.Connection, now: datetime, interval: timedelta) -> Iterator[tuple[Told | None, str]]:
    """Brings the stores' own alerts up to date; for each change what is to be told, and how it counts."""
    readings = read_stores(connection)
    live = alerts.live_of_stores(connection)
    for store in stores.list_stores(connection, include_purged=True):
        reading = readings.get(store.key)
        judged: list[tuple[Kind, tuple[Verdict, str]]] = [
            ("store", staleness(store, reading, now, interval)),
            ("sync", _authorization(store, reading, live.get(("sync", store.key)))),
        ]
        for kind, (verdict, detail) in judged:
            yield from move(connection, store, kind, verdict, detail, live.get((kind, store.key)), now)


def move(
    connection: sa.Connection,
    store: StoreIntegration,
    kind: Kind,
    verdict: Verdict,
    detail: str,
    current: "tuple[int, Standing, datetime] | None",
    now: datetime,
) -> Iterator[tuple[Told | None, str]]:
    """Takes one store's alert a step further."""
    taken = step(None if current is None else current[1], verdict, now)
    standing = taken.standing
    if standing is None or (current is not None and standing == current[1] and taken.event is None):
        return
    if current is None:
        alerts.insert_alerts(connection, [_row(store, kind, standing, detail, now)])
        number = alerts.live_number(connection, (kind, store.key, store.key, "", store.group))
    else:
        number = current[0]
        alerts.set_standing(connection, [(number, standing, {"detail": one_line(detail, _DETAIL)} if detail else {})], now)
    told = None
    if taken.event is not None:
        told = told_of_store(taken.event, standing.level, kind, store, number, detail)
    yield told, taken.count


def staleness(store: StoreIntegration, reading: Reading | None, now: datetime, interval: timedelta) -> tuple[Verdict, str]:
    """A store without any good sync counts from its creation."""
    if not store.is_active or store.purged_at is not None:
        return "gone", ""
    since = store.created_at if reading is None else reading.ended_at
    limit = freshness(store, interval)
    if since is None or since + limit >= now:
        return "fine", ""
    seen = "was never synced" if reading is None else f"was last read whole at {show_instant(reading.ended_at)}"
    return "stale", f"{seen}, more than {limit} ago; `inventory-pipeline sync-log --store {store.key}` says why"


def _authorization(
    store: StoreIntegration, reading: Reading | None, current: "tuple[int, Standing, datetime] | None"
) -> tuple[Verdict, str]:
    if not store.is_active or store.purged_at is not None:
        return "gone", ""
    if store.needs_reauthorization:
        return "needs_reauthorization", store.needs_reauthorization
    if current is None or current[1].level == "needs_reauthorization":
        return "fine", ""
    recovered = reading is not None and reading.ended_at > current[2]
    return ("fine" if recovered else "held"), ""


def _row(store: StoreIntegration, kind: Kind, standing: Standing, detail: str, now: datetime) -> dict[str, Any]:
    return {
        "kind": kind,
        "group_name": store.group,
        "store_key": store.key,
        "subject": store.key,
        "location_id": "",
        "item_id": "",
        "sku": None,
        "title": store.name,
        "status": standing.status,
        "level": standing.level,
        "worst": standing.worst,
        "available": None,
        "at_least": False,
        "ambiguous": False,
        "threshold": None,
        "rule": RULE_OF_STORES[kind],
        "detail": one_line(detail, _DETAIL),
        "baseline": False,
        "opened_at": now,
        "changed_at": now,
    }
