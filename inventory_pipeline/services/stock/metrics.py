"""Figures for a monitor, as Prometheus reads them: how old each store's stock is, what is wrong, whether it was told."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from inventory_pipeline.core.alerts import SEVERITY
from inventory_pipeline.db.alerts import alerts, outbox
from inventory_pipeline.db.alerts.alert_stores import read_stores
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.services.alerts.delivery import SHOWN_FOR
from inventory_pipeline.services.alerts.store_checks import staleness

_MEANINGS = {
    "inventory_store_last_good_read_timestamp_seconds": "When the read of the store's last published snapshot ended.",
    "inventory_store_stale": "1 where the last good read, or without any the store, is older than the freshness limit.",
    "inventory_store_needs_reauthorization": "1 where the platform refuses the store's credentials.",
    "inventory_alerts": "Alerts that are not resolved.",
    "inventory_notices_undelivered": "Notices that wait after a failed attempt, or were given up within a week.",
}
Sample = tuple[str, dict[str, str], float]


def prometheus_text(connection: sa.Connection, now: datetime, interval: timedelta) -> Iterator[str]:
    """Lines in the text exposition format, version 0.0.4. Of active stores; a handful of queries, however much stock.

    Format: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    samples = [*_stores(connection, now, interval), *_alerts(connection), _notices(connection, now)]
    for name, meaning in _MEANINGS.items():
        yield f"# HELP {name} {meaning}"
        yield f"# TYPE {name} gauge"
        for _, labels, value in (sample for sample in samples if sample[0] == name):
            told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
            yield f"{name}{{{told}}} {value:.15g}" if told else f"{name} {value:.15g}"


def _stores(connection: sa.Connection, now: datetime, interval: timedelta) -> Iterator[Sample]:
    readings = read_stores(connection)
    for store in stores.list_stores(connection):
        if not store.is_active:
            continue
        labels = {"store": store.key, "group": store.group, "platform": store.platform}
        reading = readings.get(store.key)
        if reading is not None:
            yield "inventory_store_last_good_read_timestamp_seconds", labels, reading.ended_at.timestamp()
        verdict, _ = staleness(store, reading, now, interval)
        yield "inventory_store_stale", labels, verdict == "stale"
        yield "inventory_store_needs_reauthorization", labels, store.needs_reauthorization is not None


def _alerts(connection: sa.Connection) -> Iterator[Sample]:
    for (status, level), number in sorted(alerts.counts(connection).items()):
        yield "inventory_alerts", {"severity": SEVERITY[level], "level": level, "status": status}, number


def _notices(connection: sa.Connection, now: datetime) -> Sample:
    return "inventory_notices_undelivered", {}, len(outbox.undelivered(connection, now - SHOWN_FOR, limit=10_000))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
