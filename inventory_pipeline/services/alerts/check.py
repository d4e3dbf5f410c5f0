"""The hourly check: thresholds × current levels, the state machine, and what is told of it. One transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.alert_machine import Step, step
from inventory_pipeline.core.alerts import Level, Standing
from inventory_pipeline.core.clock import Clock
from inventory_pipeline.db.alerts import alerts, findings, routes
from inventory_pipeline.db.alerts.alert_stores import AlertStore, alert_stores
from inventory_pipeline.db.alerts.collecting import collect
from inventory_pipeline.db.alerts.findings import Finding
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.interruptible import InterruptibleConnection
from inventory_pipeline.services.alerts.digests import Digests
from inventory_pipeline.services.alerts.facts import add_details, rule_of, told_of_end, told_of_stock
from inventory_pipeline.services.alerts.store_checks import check_stores

_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check did. `counts` has opened, worsened, resolved, still_open, suppressed; `live` counts by level.

    `notices` were put into the outbox; `stale` are the stores whose stock was not judged.
    """

    counts: Mapping[str, int]
    live: Mapping[Level, int]
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

        A signal handler's exception ends it at once, and nothing of it stays.
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
    """One check under way. State changes and notices are written as the findings stream by."""

    def __init__(self, connection: sa.Connection, now: datetime, interval: timedelta) -> None:
        self._connection, self._now, self._interval = connection, now, interval
        self._opening: list[dict[str, Any]] = []
        self._moves: list[tuple[int, Standing, Mapping[str, Any]]] = []
        self._counts: Counter[str] = Counter()

    def run(self) -> CheckResult:
        alerts.lock(self._connection)
        stores = alert_stores(self._connection, self._now, self._interval)
        judged = [store.key for store in stores if not store.stale]
        known = alerts.evaluated_stores(self._connection)
        self._first_look = tuple(key for key in judged if key not in known)
        self._digests = Digests(routes.list_routes(self._connection), self._first_look)
        self._check_stock(stores)
        for told, count in check_stores(self._connection, self._now, self._interval):
            self._counts[count] += 1
            if told is not None:
                self._digests.add(told)
        alerts.mark_evaluated(self._connection, self._first_look, self._now)
        add_details(self._connection, self._digests.listed(), stores, self._now)
        notices = self._digests.enqueue(self._connection, self._now, {store.key: store.reading.as_of for store in stores})
        stale = tuple(store.key for store in stores if store.stale)
        return CheckResult(*self._numbers(), notices, len(stores), stale, self._first_look)

    def _check_stock(self, stores: list[AlertStore]) -> None:
        stale = [store.key for store in stores if store.stale]
        collect(self._connection, stores, self._now)
        gone = findings.gone(self._connection, stale)
        for number, standing in gone:
            self._moves.append((number, step(standing, "gone", self._now).standing or standing, {"detail": "no longer judged"}))
            self._counts["resolved"] += 1
        for finding in findings.changes(self._connection, self._now):
            self._take(finding)
        self._open()
        alerts.set_standing(self._connection, self._moves, self._now)
        findings.refresh_numbers(self._connection)
        self._tell_gone([number for number, _ in gone])

    def _take(self, finding: Finding) -> None:
        taken = step(finding.standing, finding.verdict, self._now)
        if taken.standing is None:
            return
        self._counts[taken.count] += 1
        if finding.alert_id is None:
            self._opening.append(_row(finding, taken.standing, finding.store_key in self._first_look, self._now))
            if len(self._opening) >= _BATCH:
                self._open()
        else:
            columns = {"rule": rule_of(finding), "threshold": finding.threshold, "available": finding.available}
            self._moves.append((finding.alert_id, taken.standing, columns))
        self._tell(finding, taken)

    def _open(self) -> None:
        alerts.insert_alerts(self._connection, self._opening)
        self._opening.clear()

    def _tell(self, finding: Finding, taken: Step) -> None:
        if taken.event is not None and taken.standing is not None:
            baseline = finding.store_key in self._first_look
            self._digests.add(told_of_stock(taken.event, taken.standing.level, finding, baseline))

    def _tell_gone(self, numbers: Sequence[int]) -> None:
        if self._digests.wants("resolved"):
            for first in range(0, len(numbers), _BATCH):
                ended = numbers[first : first + _BATCH]
                for alert in alerts.list_alerts(self._connection, include_resolved=True, ids=ended, limit=_BATCH):
                    self._digests.add(told_of_end(alert))

    def _numbers(self) -> tuple[dict[str, int], dict[Level, int]]:
        """Each live alert is in exactly one of opened, worsened, still_open and suppressed."""
        live: Counter[Level] = Counter()
        quiet = awake = 0
        for (status, level), number in alerts.counts(self._connection).items():
            live[level] += number
            if status == "open":
                awake += number
            else:
                quiet += number
        opened, worsened = self._counts["opened"], self._counts["worsened"]
        counts = {"opened": opened, "worsened": worsened, "resolved": self._counts["resolved"]}
        return counts | {"still_open": awake - opened - worsened, "suppressed": quiet}, dict(live)


def _row(finding: Finding, standing: Standing, baseline: bool, now: datetime) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "group_name": finding.group,
        "store_key": finding.store_key,
        "subject": finding.subject,
        "location_id": finding.location_id,
        "item_id": finding.item_id,
        "sku": finding.sku,
        "title": finding.title,
        "status": standing.status,
        "level": standing.level,
        "worst": standing.worst,
        "available": finding.available,
        "at_least": finding.at_least,
        "ambiguous": finding.ambiguous,
        "threshold": finding.threshold,
        "rule": rule_of(finding),
        "detail": "",
        "baseline": baseline,
        "opened_at": now,
        "changed_at": now,
    }
