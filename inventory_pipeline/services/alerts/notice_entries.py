"""What a notice says of one alert: a `NoticeEntry` for each kind of event."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.alerts import SEVERITY, Alert, Event, Kind, Level
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.cover import days_of_cover
from inventory_pipeline.core.notices import NoticeEntry
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.thresholds import describe
from inventory_pipeline.db.alerts import records
from inventory_pipeline.db.alerts.comparison import ChangedTarget
from inventory_pipeline.db.alerts.evaluation import consumption_of
from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore
from inventory_pipeline.db.alerts.targets import pool_members
from inventory_pipeline.services.alerts.blind_spells import BlindSpell

# What stands in the place of a rule in alerts about stores.
RULE_OF_STORES: Mapping[Kind, str] = {"sync": "every store's syncs", "store": "every store's freshness limit"}


def rule_of(target: ChangedTarget) -> str:
    """The rule that fired, for a person: what it is about, and its figures."""
    about = describe(target.scope, target.store_key, target.rule_item, target.location_id, target.group, target.subject)
    days = f", or used up within {target.cover_days} days" if target.cover_days else ""
    return f"{about}: {target.threshold} or fewer{days}"


def stock_entry(event: Event, level: Level, target: ChangedTarget, *, baseline: bool) -> NoticeEntry:
    """An event of an alert about stock. The id of an alert that opens now is added by `add_details`."""
    facts = {"alert": target.alert_id, "rule": rule_of(target), "baseline": baseline, "detail": ""}
    return _stock_entry(event, level, target, facts, target.alert_identity if target.alert_id is None else None)


def gone_entry(alert: Alert) -> NoticeEntry:
    """The end of an alert about stock that is no longer evaluated."""
    facts = {"alert": alert.id, "rule": alert.rule, "baseline": alert.baseline, "detail": alert.detail}
    return _stock_entry("resolved", alert.level, alert, facts)


def _stock_entry(
    event: Event,
    level: Level,
    about: ChangedTarget | Alert,
    facts: dict[str, Any],
    alert_identity: tuple[str, ...] | None = None,
) -> NoticeEntry:
    sku = about.sku and about.sku.strip()
    return NoticeEntry(
        event=event,
        severity=SEVERITY[level],
        urgency=_urgency(event, level),
        group=about.group,
        store=about.store_key,
        platform=about.platform,
        sku=sku or "",
        facts={
            "event": event,
            "level": level,
            "severity": SEVERITY[level],
            "kind": about.kind,
            "group": about.group,
            "store": about.store_key,
            "platform": about.platform,
            "item_id": about.item_id,
            "location_id": about.location_id,
            "sku": sku,
            "title": about.title,
            "available": json_number(about.available),
            "at_least": about.at_least,
            "up_to": json_number(about.up_to),
            "ambiguous": about.ambiguous,
            "threshold": json_number(about.threshold),
            "variants": [],
            "cover": "",
            **facts,
        },
        alert_identity=alert_identity,
    )


def store_entry(event: Event, level: Level, kind: Kind, store: StoreIntegration, alert_id: int, detail: str) -> NoticeEntry:
    """An event of an alert about a store itself: of kind `store` or `sync`."""
    facts = {"level": level, "severity": SEVERITY[level], "kind": kind, "alert": alert_id, "detail": detail}
    return NoticeEntry(
        event=event,
        severity=SEVERITY[level],
        urgency=_urgency(event, level),
        group=store.group,
        store=store.key,
        platform=store.platform,
        sku="",
        facts=_store_facts(event, kind, store) | facts,
    )


def completed_sync_entry(store: StoreIntegration, detail: str) -> NoticeEntry:
    """A published sync: for routes that ask for `sync_completed`, without any alert."""
    facts = {"level": "completed", "severity": "info", "kind": "sync", "alert": None, "detail": detail}
    return NoticeEntry(
        event="sync_completed",
        severity="info",
        urgency=-1,
        group=store.group,
        store=store.key,
        platform=store.platform,
        sku="",
        facts=_store_facts("sync_completed", "sync", store) | facts,
    )


def caught_up_entry(store: StoreIntegration, spell: BlindSpell) -> NoticeEntry:
    """What happened while the store could not be seen."""
    facts = {"level": "caught_up", "severity": "warning", "kind": "sync", "alert": None, "detail": "\n".join(spell.lines())}
    return NoticeEntry(
        event="caught_up",
        severity="warning",
        urgency=0,
        group=store.group,
        store=store.key,
        platform=store.platform,
        sku="",
        facts=_store_facts("caught_up", "sync", store) | facts,
    )


def _store_facts(event: Event, kind: Kind, store: StoreIntegration) -> dict[str, Any]:
    """The facts that every entry about a store has; those about stock are empty."""
    return {
        "event": event,
        "group": store.group,
        "store": store.key,
        "platform": store.platform,
        "item_id": "",
        "location_id": "",
        "sku": None,
        "title": "",
        "available": None,
        "at_least": False,
        "up_to": None,
        "ambiguous": False,
        "threshold": None,
        "variants": [],
        "cover": "",
        "rule": RULE_OF_STORES[kind],
        "baseline": False,
    }


def _urgency(event: Event, level: Level) -> int:
    """Resolved alerts are listed last."""
    return -1 if event == "resolved" else records.urgency(level)


def add_details(
    connection: sa.Connection, listed: Sequence[NoticeEntry], stores: Sequence[MonitoredStore], now: datetime
) -> None:
    """Adds to the facts of the entries that notices will list what costs a query.

    1. The ids of alerts that were just opened.
    2. For SKUs, `as_of`: when the oldest of the reads began that their total may stand on.
    3. For variants and pools, the variants of the pool, and how long the stock lasts.
    """
    for entry in listed:
        if entry.alert_identity is not None:
            entry.facts["alert"] = records.unresolved_id(connection, entry.alert_identity)
    for facts in (entry.facts for entry in listed if entry.facts["kind"] == "sku"):
        reads = [each.snapshots.last_started_at for each in stores if each.store.group == facts["group"] and not each.stale]
        facts["as_of"] = show_instant(min(reads)) if reads else None
    by_key = {store.key: store for store in stores}
    for key in sorted({entry.store for entry in listed if entry.store in by_key}):
        of_store = [entry.facts for entry in listed if entry.store == key and entry.facts["kind"] in ("variant", "pool")]
        consumption = consumption_of(connection, key, sorted({facts["item_id"] for facts in of_store}), now)
        members = pool_members(connection, key, [facts["item_id"] for facts in of_store if facts["kind"] == "pool"])
        for facts in of_store:
            item, available = facts["item_id"], facts["available"]
            facts["variants"] = members.get(item, [])
            if available is not None and available > 0:
                facts["cover"] = days_of_cover(available, consumption.get(item), by_key[key].observed_days).text


def json_number(value: Number | None) -> int | float | None:
    """The quantity as a JSON number. Only a notice's payload has it as a float; the database keeps it exactly."""
    return float(value) if isinstance(value, Decimal) else value
