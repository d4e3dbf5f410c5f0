"""Alerts about stores themselves: stale ones, rejected credentials, and syncs that failed or were quarantined."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.alerts import AlertState, Kind, Level, Verdict, transition
from inventory_pipeline.core.clock import Clock, show_instant
from inventory_pipeline.core.notices import NoticeEntry
from inventory_pipeline.core.stores import StoreIntegration, freshness, is_outdated, max_file_age, not_renewed
from inventory_pipeline.core.sync import Outcome
from inventory_pipeline.core.text import short_with_cure
from inventory_pipeline.db.alerts import notices, records
from inventory_pipeline.db.alerts.monitored_stores import SnapshotRange, snapshot_ranges
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.sync import snapshots
from inventory_pipeline.db.sync.snapshots import Snapshot
from inventory_pipeline.services.alerts.blind_spells import BlindSpell, blind_spell
from inventory_pipeline.services.alerts.digests import Digests
from inventory_pipeline.services.alerts.notice_entries import RULE_OF_STORES, caught_up_entry, completed_sync_entry, store_entry

# The id and state of a store's unresolved alert, and when it last changed.
CurrentAlert = tuple[int, AlertState, datetime]

_DETAIL_LENGTH = 500
_COUNTS_SHOWN = ("seen", "created", "updated", "skipped", "rejected", "missing")
_LEVEL_OF_OUTCOME: Mapping[Outcome, Level] = {"failed": "failed", "quarantined": "quarantined"}


def check_stores(connection: sa.Connection, now: datetime, interval: timedelta) -> Iterator[tuple[NoticeEntry | None, str]]:
    """Brings the alerts about every store up to date. `interval` is the sync schedule's.

    Yields for each changed alert its notice entry, None where people get none, and how it counts.
    """
    ranges = snapshot_ranges(connection)
    unresolved = records.unresolved_of_stores(connection)
    for store in stores.list_stores(connection, include_purged=True):
        snapshot_range = ranges.get(store.key)
        sync_alert = unresolved.get(("sync", store.key))
        stale = staleness(store, snapshot_range, now, interval)
        if store.needs_reauthorization and stale[0] == "stale" and ("store", store.key) not in unresolved:
            # What refused credentials lead to within hours is told by their own alert already.
            stale = "held", ""
        verdicts: list[tuple[Kind, tuple[Verdict, str]]] = [
            ("store", stale),
            ("sync", _authorization(store, snapshot_range, sync_alert)),
        ]
        for kind, (verdict, detail) in verdicts:
            yield from _apply(connection, store, kind, verdict, detail, unresolved.get((kind, store.key)), now)


def staleness(
    store: StoreIntegration, snapshot_range: SnapshotRange | None, now: datetime, interval: timedelta
) -> tuple[Verdict, str]:
    """Whether the store is `stale`, `fine`, or `gone` (inactive or purged), and why it is stale.

    Its age counts from the end of its last published read, without any from its creation; a file's also from its own time.
    """
    if not store.is_active or store.purged_at is not None:
        return "gone", ""
    since = store.created_at if snapshot_range is None else snapshot_range.last_ended_at
    limit = freshness(store, interval)
    if snapshot_range is not None and since is not None and since + limit >= now:
        modified = snapshot_range.last_modified
        if modified is None or not is_outdated(store, modified, now):
            return "fine", ""
        days = max_file_age(store) / timedelta(days=1)
        cure = f"have its maker renew it, or set max_file_age if it is made more seldom than every {days:g} days"
        return "stale", f"its file is {not_renewed(modified)}, more than {days:g} days ago; {cure}"
    if since is None or since + limit >= now:
        return "fine", ""
    if snapshot_range is None:
        seen = "was never synced"
    else:
        seen = f"was last read whole at {show_instant(snapshot_range.last_ended_at)}"
    return "stale", f"{seen}, more than {limit} ago; `inventory-pipeline sync-log --store {store.key}` says why"


def _authorization(
    store: StoreIntegration, snapshot_range: SnapshotRange | None, current: CurrentAlert | None
) -> tuple[Verdict, str]:
    """The verdict for the store's sync alert, as far as it shows without a sync: `SyncNotices` gives the others."""
    if not store.is_active or store.purged_at is not None:
        return "gone", ""
    if store.needs_reauthorization:
        return "needs_reauthorization", store.needs_reauthorization
    if current is None:
        return "fine", ""
    _, state, changed_at = current
    if state.level == "needs_reauthorization":
        return "fine", ""
    recovered = snapshot_range is not None and snapshot_range.last_ended_at > changed_at
    return ("fine" if recovered else "held"), ""


def _apply(
    connection: sa.Connection,
    store: StoreIntegration,
    kind: Kind,
    verdict: Verdict,
    detail: str,
    current: CurrentAlert | None,
    now: datetime,
) -> Iterator[tuple[NoticeEntry | None, str]]:
    """Applies one verdict to the store's alert of this kind; yields as `check_stores` does, nothing where nothing changed."""
    before = None if current is None else current[1]
    result = transition(before, verdict, now)
    if result.state is None or (result.state == before and result.event is None):
        return
    if current is None:
        records.insert_alerts(connection, [_new_row(store, kind, result.state, detail, now)])
        alert_id = records.unresolved_id(connection, (kind, store.key, store.key, "", store.group))
    else:
        alert_id = current[0]
        columns = {"detail": short_with_cure(detail, _DETAIL_LENGTH)} if detail else {}
        records.update_states(connection, [(alert_id, result.state, columns)], now)
    entry = None
    if result.event is not None:
        entry = store_entry(result.event, result.state.level, kind, store, alert_id, detail)
    yield entry, result.count


def _new_row(store: StoreIntegration, kind: Kind, state: AlertState, detail: str, now: datetime) -> dict[str, Any]:
    return {
        "kind": kind,
        "group_name": store.group,
        "store_key": store.key,
        "subject": store.key,
        "location_id": "",
        "item_id": "",
        "sku": None,
        "title": store.name,
        "status": state.status,
        "level": state.level,
        "worst": state.worst,
        "available": None,
        "at_least": False,
        "up_to": None,
        "ambiguous": False,
        "threshold": None,
        "rule": RULE_OF_STORES[kind],
        "detail": short_with_cure(detail, _DETAIL_LENGTH),
        "baseline": False,
        "opened_at": now,
        "changed_at": now,
    }


class SyncNotices:
    """Takes the end of each sync, once or more often: a run that is reported twice gives one notice.

    `interval` is the sync schedule's.
    """

    def __init__(self, *, database: Database, clock: Clock, interval: timedelta) -> None:
        self._database, self._clock, self._interval = database, clock, interval

    def sync_ended(self, store_key: str, run_id: str, outcome: Outcome, error: str | None, ended_at: datetime | None) -> int:
        """Opens, worsens or resolves the store's sync alert, and returns how many notices went into the outbox.

        A store that fails every four hours gives one notice. Refused and canceled syncs, and those of inactive stores, change
        nothing. Neither does a failure that is over: reports come late, and the store may have been published since
        `ended_at`.
        """
        if outcome in ("refused", "inactive", "canceled"):
            return 0
        now = self._clock()
        with self._database.begin() as connection:
            records.lock(connection)
            store = stores.get_store(connection, store_key)
            if store is None or store.purged_at is not None:
                return 0
            last = snapshots.last_published(connection, store_key)
            if outcome != "published" and last is not None and ended_at is not None and last.published_at > ended_at:
                return 0
            digests = Digests(notices.list_routes(connection))
            current = records.unresolved_of_stores(connection).get(("sync", store_key))
            for entry, _ in _apply(connection, store, "sync", _verdict(store, outcome), error or "", current, now):
                if entry is not None:
                    digests.add(entry)
            if outcome == "published":
                digests.add(completed_sync_entry(store, _published_detail(run_id, last)))
                if last is not None and last.run_id == run_id:
                    spell = blind_spell(connection, store_key, last.id, now, self._interval)
                    if spell is not None:
                        digests.add(caught_up_entry(store, spell))
            return digests.enqueue(connection, now, {store_key: last and last.started_at}, key=f"sync:{run_id}")

    def blind_spell(self, store_key: str, snapshot_id: int) -> BlindSpell | None:
        """What happened while the store could not be seen, where this snapshot is the first after such a time."""
        with self._database.connect() as connection:
            return blind_spell(connection, store_key, snapshot_id, self._clock(), self._interval)


def _published_detail(run_id: str, last: Snapshot | None) -> str:
    """The run with its counts, or without them where a newer snapshot has been published meanwhile."""
    if last is None or last.run_id != run_id:
        return f"run {run_id}"
    counts = ", ".join(f"{getattr(last.counts, name):,} {name}" for name in _COUNTS_SHOWN)
    return f"run {run_id}: {counts}"


def _verdict(store: StoreIntegration, outcome: Outcome) -> Verdict:
    if outcome == "published":
        return "fine"
    return "needs_reauthorization" if store.needs_reauthorization else _LEVEL_OF_OUTCOME[outcome]
