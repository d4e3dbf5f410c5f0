"""Metrics for Prometheus: how old each store's stock is, the unresolved alerts, the undelivered notices."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from inventory_pipeline.core.alerts import SEVERITY
from inventory_pipeline.db.alerts import notices, records
from inventory_pipeline.db.alerts.monitored_stores import snapshot_ranges
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.services.alerts.delivery import SHOWN_FOR
from inventory_pipeline.services.alerts.store_alerts import staleness

_MEANINGS = {
    "inventory_store_last_good_read_timestamp_seconds": "When the read of the store's last published snapshot ended.",
    "inventory_store_stale": "1 where the last good read, or without any the store, is older than the freshness limit,"
    " or a file older than its maximum age.",
    "inventory_store_file_written_timestamp_seconds": "The own time of the file that was read last.",
    "inventory_store_hidden_entries": "Entries that the platform counts and does not show.",
    "inventory_store_needs_reauthorization": "1 where the platform refuses the store's credentials.",
    "inventory_alerts": "Alerts that are not resolved.",
    "inventory_notices_undelivered": "Notices that wait after a failed attempt, or were given up within a week.",
}
Sample = tuple[str, dict[str, str], float]


def prometheus_text(connection: sa.Connection, now: datetime, interval: timedelta) -> Iterator[str]:
    """The lines of the text exposition format, version 0.0.4, for active stores. `interval` is the sync schedule's.

    The number of queries does not grow with stock or stores.

    Format: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    samples = [*_stores(connection, now, interval), *_alerts(connection), _notices(connection, now)]
    for name, meaning in _MEANINGS.items():
        yield f"# HELP {name} {meaning}"
        yield f"# TYPE {name} gauge"
        for _, labels, value in (sample for sample in samples if sample[0] == name):
            shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
            yield f"{name}{{{shown}}} {value:.15g}" if shown else f"{name} {value:.15g}"


def _stores(connection: sa.Connection, now: datetime, interval: timedelta) -> Iterator[Sample]:
    ranges = snapshot_ranges(connection)
    for store in stores.list_stores(connection):
        if not store.is_active:
            continue
        labels = {"store": store.key, "group": store.group, "platform": store.platform}
        snapshot_range = ranges.get(store.key)
        if snapshot_range is not None:
            yield "inventory_store_last_good_read_timestamp_seconds", labels, snapshot_range.last_ended_at.timestamp()
            if snapshot_range.last_modified is not None:
                yield "inventory_store_file_written_timestamp_seconds", labels, snapshot_range.last_modified.timestamp()
            yield "inventory_store_hidden_entries", labels, snapshot_range.last_gap
        verdict, _ = staleness(store, snapshot_range, now, interval)
        yield "inventory_store_stale", labels, verdict == "stale"
        yield "inventory_store_needs_reauthorization", labels, store.needs_reauthorization is not None


def _alerts(connection: sa.Connection) -> Iterator[Sample]:
    for (status, level), number in sorted(records.count_unresolved(connection).items()):
        yield "inventory_alerts", {"severity": SEVERITY[level], "level": level, "status": status}, number


def _notices(connection: sa.Connection, now: datetime) -> Sample:
    return "inventory_notices_undelivered", {}, len(notices.undelivered(connection, now - SHOWN_FOR, limit=10_000))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
