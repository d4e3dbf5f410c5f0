"""The hourly check: threshold rules against current stock, the state machine, and the notices. One transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.alerts import AlertState, Level, is_worse, transition
from inventory_pipeline.core.clock import Clock
from inventory_pipeline.db.alerts import comparison, notices, records
from inventory_pipeline.db.alerts.comparison import ChangedTarget
from inventory_pipeline.db.alerts.monitored_stores import MonitoredStore, monitored_stores
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.interruptible import InterruptibleConnection
from inventory_pipeline.services.alerts.digests import Digests
from inventory_pipeline.services.alerts.notice_entries import add_details, gone_entry, rule_of, stock_entry
from inventory_pipeline.services.alerts.store_alerts import check_stores

_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check did.

    `counts` has opened, worsened, resolved, still_open and suppressed; `live` counts unresolved alerts by level, `worse`
    those about stock that reached their level in this check, but for a store's first one.
    `notices` is how many were put into the outbox. `stores` is how many stores were looked at, `stale` are those of them
    whose stock was not evaluated, `first_look` those that were evaluated for the first time.
    """

    counts: Mapping[str, int]
    live: Mapping[Level, int]
    worse: Mapping[Level, int]
    notices: int
    stores: int
    stale: tuple[str, ...]
    first_look: tuple[str, ...]


class AlertCheck:
    """Evaluates all stores at once. `interval` is the sync schedule's, for stores without a freshness limit."""

    def __init__(self, *, database: Database, clock: Clock, interval: timedelta) -> None:
        self._database, self._clock, self._interval = database, clock, interval

    def run(self, *, dry_run: bool = False) -> CheckResult:
        """Runs one check. With `dry_run` everything is rolled back, and the result says what it would have done.

        An exception that a signal handler raises ends the check at once and rolls it back.
        """
        connection = InterruptibleConnection(self._database)
        try:
            return connection.run(partial(self._run, keep=not dry_run), "write")
        finally:
            connection.close()

    def _run(self, connection: sa.Connection, keep: bool) -> CheckResult:
        with connection.begin_nested() as savepoint:
            result = _Check(connection, self._clock(), self._interval).run()
            if not keep:
                savepoint.rollback()
            return result


class _Check:
    """One check. Alerts are opened in batches while the changed targets stream by, so that memory does not grow."""

    def __init__(self, connection: sa.Connection, now: datetime, interval: timedelta) -> None:
        self._connection, self._now, self._interval = connection, now, interval
        self._new_rows: list[dict[str, Any]] = []
        self._state_changes: list[tuple[int, AlertState, Mapping[str, Any]]] = []
        self._counts: Counter[str] = Counter()
        self._worse: Counter[Level] = Counter()

    def run(self) -> CheckResult:
        """Runs the check.

        1. The alerts are locked, the stores and the routes read.
        2. Stock: every changed target goes through the state machine, see `_check_stock`.
        3. Stores: their own alerts are brought up to date.
        4. The entries that notices will list get their details, and one notice per route goes into the outbox.
        """
        records.lock(self._connection)
        stores = monitored_stores(self._connection, self._now, self._interval)
        stale = tuple(store.key for store in stores if store.stale)
        evaluated_before = records.evaluated_stores(self._connection)
        self._first_look = tuple(store.key for store in stores if not store.stale and store.key not in evaluated_before)
        self._digests = Digests(notices.list_routes(self._connection), self._first_look)
        self._check_stock(stores, stale)
        for entry, count in check_stores(self._connection, self._now, self._interval):
            self._counts[count] += 1
            if entry is not None:
                self._digests.add(entry)
        records.mark_evaluated(self._connection, self._first_look, self._now)
        add_details(self._connection, self._digests.listed(), stores, self._now)
        as_of = {store.key: store.snapshots.last_started_at for store in stores}
        enqueued = self._digests.enqueue(self._connection, self._now, as_of)
        counts, unresolved = self._final_counts()
        return CheckResult(counts, unresolved, dict(self._worse), enqueued, len(stores), stale, self._first_look)

    def _check_stock(self, stores: list[MonitoredStore], stale: Sequence[str]) -> None:
        comparison.compare(self._connection, stores, self._now)
        gone = comparison.alerts_without_target(self._connection, stale)
        for alert_id, state in gone:
            resolved = transition(state, "gone", self._now).state or state
            self._state_changes.append((alert_id, resolved, {"detail": "no longer judged"}))
            self._counts["resolved"] += 1
        for target in comparison.changed_targets(self._connection, self._now):
            self._apply(target)
        self._insert_new()
        records.update_states(self._connection, self._state_changes, self._now)
        comparison.update_quantities(self._connection)
        self._add_gone_entries([alert_id for alert_id, _ in gone])

    def _apply(self, target: ChangedTarget) -> None:
        """Moves the target's alert on, or opens one, and adds the event to the digests."""
        result = transition(target.state, target.verdict, self._now)
        if result.state is None:
            return
        self._counts[result.count] += 1
        baseline = target.store_key in self._first_look
        if not baseline and (target.state is None or is_worse(result.state.level, target.state.level)):
            self._worse[result.state.level] += 1
        if target.alert_id is None:
            self._new_rows.append(_new_row(target, result.state, baseline, self._now))
            if len(self._new_rows) >= _BATCH:
                self._insert_new()
        else:
            columns = {"rule": rule_of(target), "threshold": target.threshold, "available": target.available}
            self._state_changes.append((target.alert_id, result.state, columns))
        if result.event is not None:
            self._digests.add(stock_entry(result.event, result.state.level, target, baseline=baseline))

    def _insert_new(self) -> None:
        records.insert_alerts(self._connection, self._new_rows)
        self._new_rows.clear()

    def _add_gone_entries(self, ids: Sequence[int]) -> None:
        if self._digests.wants("resolved"):
            for first in range(0, len(ids), _BATCH):
                batch = ids[first : first + _BATCH]
                for alert in records.list_alerts(self._connection, include_resolved=True, ids=batch, limit=_BATCH):
                    self._digests.add(gone_entry(alert))

    def _final_counts(self) -> tuple[dict[str, int], dict[Level, int]]:
        """The check's counts, and the unresolved alerts by level.

        Each unresolved alert is in exactly one of opened, worsened, still_open and suppressed.
        """
        by_level: Counter[Level] = Counter()
        open_alerts = suppressed = 0
        for (status, level), number in records.count_unresolved(self._connection).items():
            by_level[level] += number
            if status == "open":
                open_alerts += number
            else:
                suppressed += number
        opened, worsened, resolved = (self._counts[name] for name in ("opened", "worsened", "resolved"))
        counts = {
            "opened": opened,
            "worsened": worsened,
            "resolved": resolved,
            "still_open": open_alerts - opened - worsened,
            "suppressed": suppressed,
        }
        return counts, dict(by_level)


def _new_row(target: ChangedTarget, state: AlertState, baseline: bool, now: datetime) -> dict[str, Any]:
    return {
        "kind": target.kind,
        "group_name": target.group,
        "store_key": target.store_key,
        "subject": target.subject,
        "location_id": target.location_id,
        "item_id": target.item_id,
        "sku": target.sku,
        "title": target.title,
        "status": state.status,
        "level": state.level,
        "worst": state.worst,
        "available": target.available,
        "at_least": target.at_least,
        "up_to": target.up_to,
        "ambiguous": target.ambiguous,
        "threshold": target.threshold,
        "margin": target.margin,
        "was": target.available,
        "rule": rule_of(target),
        "detail": "",
        "baseline": baseline,
        "opened_at": now,
        "changed_at": now,
    }
