"""What a notice says of one alert."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.alerts import SEVERITY, Alert, Event, Kind, Level
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.notices import Told
from inventory_pipeline.core.quantity import Number
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.thresholds import describe
from inventory_pipeline.db.alerts.alert_stores import AlertStore
from inventory_pipeline.db.alerts.alerts import gravity, live_number
from inventory_pipeline.db.alerts.consumption import used_by
from inventory_pipeline.db.alerts.findings import Finding
from inventory_pipeline.db.alerts.pool_members import pool_members
from inventory_pipeline.services.alerts.cover import days_of_cover

_SAME = ("kind", "group", "platform", "item_id", "location_id", "title", "at_least", "ambiguous")
RULE_OF_STORES: Mapping[Kind, str] = {"sync": "every store's syncs", "store": "every store's freshness limit"}


def rule_of(finding: Finding) -> str:
    """The rule that fired, for a person: what it is about, and its figures."""
    store = finding.store_key
    about = describe(finding.scope, store, finding.rule_item, finding.location_id, finding.group, finding.subject)
    days = f", or used up within {finding.cover_days} days" if finding.cover_days else ""
    return f"{about}: {finding.threshold} or fewer{days}"


def told_of_stock(event: Event, level: Level, finding: Finding, baseline: bool) -> Told:
    """The number of an alert that is opened now comes with `add_details`."""
    known = {"alert": finding.alert_id, "rule": rule_of(finding), "baseline": baseline, "detail": ""}
    return _told_of_stock(event, level, finding, known, finding.about if finding.alert_id is None else None)


def told_of_end(alert: Alert) -> Told:
    """An alert that ended because nothing is judged any more."""
    known = {"alert": alert.id, "rule": alert.rule, "baseline": alert.baseline, "detail": alert.detail}
    return _told_of_stock("resolved", alert.level, alert, known)


def _told_of_stock(
    event: Event, level: Level, it: Finding | Alert, known: dict[str, Any], about: tuple[str, ...] | None = None
) -> Told:
    sku = it.sku and it.sku.strip()
    facts = {name: getattr(it, name) for name in _SAME} | {
        "event": event,
        "level": level,
        "severity": SEVERITY[level],
        "store": it.store_key,
        "sku": sku,
        "available": json_number(it.available),
        "threshold": json_number(it.threshold),
        "variants": [],
        "cover": "",
    }
    return Told(
        event=event,
        severity=SEVERITY[level],
        gravity=_weight(event, level),
        group=it.group,
        store=it.store_key,
        platform=it.platform,
        sku=sku or "",
        facts=facts | known,
        about=about,
    )


def told_of_store(event: Event, level: Level, kind: Kind, store: StoreIntegration, alert_id: int | None, detail: str) -> Told:
    facts = _about_store(store, event, kind, detail) | {"alert": alert_id, "level": level, "severity": SEVERITY[level]}
    told = {"group": store.group, "store": store.key, "platform": store.platform, "facts": facts}
    return Told(event=event, severity=SEVERITY[level], gravity=_weight(event, level), sku="", **told)


def told_of_completion(store: StoreIntegration, detail: str) -> Told:
    """A good sync: no alert at all, for routes that ask for it."""
    facts = _about_store(store, "sync_completed", "sync", detail) | {"alert": None, "level": "completed", "severity": "info"}
    told = {"group": store.group, "store": store.key, "platform": store.platform, "facts": facts}
    return Told(event="sync_completed", severity="info", gravity=-1, sku="", **told)


def _about_store(store: StoreIntegration, event: Event, kind: Kind, detail: str) -> dict[str, Any]:
    facts: dict[str, Any] = dict.fromkeys(("item_id", "location_id", "title", "cover"), "")
    facts |= {"rule": RULE_OF_STORES[kind]}
    facts |= {"event": event, "kind": kind, "store": store.key, "group": store.group, "platform": store.platform}
    facts |= {"sku": None, "available": None, "threshold": None, "detail": detail, "variants": []}
    return facts | dict.fromkeys(("at_least", "ambiguous", "baseline"), False)


def _weight(event: Event, level: Level) -> int:
    """What has ended is listed last."""
    return -1 if event == "resolved" else gravity(level)


def add_details(connection: sa.Connection, listed: Sequence[Told], stores: Sequence[AlertStore], now: datetime) -> None:
    """Looks up, for the alerts that notices will list, their numbers, the variants of a pool and how long the stock lasts.

    A SKU's total is as old as the oldest read that it may stand on.
    """
    for told in listed:
        if told.about is not None:
            told.facts["alert"] = live_number(connection, told.about)
    known = {store.key: store for store in stores}
    for fact in (told.facts for told in listed if told.facts["kind"] == "sku"):
        reads = [store.reading.as_of for store in stores if store.store.group == fact["group"] and not store.stale]
        fact["as_of"] = show_instant(min(reads)) if reads else None
    for key in sorted({told.store for told in listed if told.store in known}):
        facts = [told.facts for told in listed if told.store == key and told.facts["kind"] in ("variant", "pool")]
        used = used_by(connection, key, sorted({fact["item_id"] for fact in facts}), now)
        members = pool_members(connection, key, [fact["item_id"] for fact in facts if fact["kind"] == "pool"])
        for fact in facts:
            fact["variants"] = members.get(fact["item_id"], [])
            if fact["available"] is not None and fact["available"] > 0:
                fact["cover"] = days_of_cover(fact["available"], used.get(fact["item_id"]), known[key].observed_days).text


def json_number(value: Number | None) -> int | float | None:
    """For notices: a fraction becomes a JSON number with its decimals. The database keeps it exactly."""
    return float(value) if isinstance(value, Decimal) else value
