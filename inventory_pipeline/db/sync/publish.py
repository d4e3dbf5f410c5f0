"""A staged read becomes the store's new snapshot: levels, changes, coverage and the rejected ledger, all or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from inventory_pipeline.core.errors import IncompleteRead
from inventory_pipeline.core.sync import Counts, LineChange, StockTotals
from inventory_pipeline.db.integrations import audit
from inventory_pipeline.db.sync import diff, leases, snapshots, totals, writes
from inventory_pipeline.db.sync.snapshots import Snapshot
from inventory_pipeline.db.sync.stage import Measure, Stage
from inventory_pipeline.db.tables.stock import snapshots as _table


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """All that a snapshot's coverage says beside its counts.

    `unchanged`: the platform said "not modified", the stage is empty, the last snapshot holds. `unseen_go_missing` is
    False where a small gap stays: lines unseen in such a read stay present, unverified.
    """

    store_key: str
    run_id: str
    started_at: datetime
    ended_at: datetime
    now: datetime
    expected: int | None
    read: int
    gap: int = 0
    how: str
    memo: Mapping[str, str] = field(default_factory=dict)
    unchanged: bool = False
    unseen_go_missing: bool = True
    api_calls: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
    accepted_shrink: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishResult:
    snapshot_id: int
    counts: Counts
    totals: StockTotals
    largest_changes: Sequence[LineChange]
    rejected_reasons: Mapping[str, int]


def publish(stage: Stage, publication: Publication) -> PublishResult:
    """Publishes in one transaction; whatever ends it early, a signal too, leaves the last snapshot as it was.

    Raises LeaseLost where the lease is no longer this run's, IncompleteRead for "not modified" with nothing to hold to.
    """
    measure = stage.measure()
    return stage.run(lambda connection: _publish(connection, publication, measure), "write")


def _publish(connection: sa.Connection, publication: Publication, measure: Measure) -> PublishResult:
    key = publication.store_key
    leases.hold(connection, key, publication.run_id)
    last = snapshots.last_published(connection, key)
    if publication.unchanged:
        diff.compare_unchanged(connection, key)
        counts = _unchanged_counts(connection, last, key)
    else:
        counts = _counts(measure, publication.unseen_go_missing)
    snapshot_id = _insert_snapshot(connection, publication, counts)
    if publication.unchanged:
        writes.carry_rejected(connection, key, snapshot_id)
    else:
        writes.keep_rejected(connection, key, snapshot_id)
        writes.mark_verified(connection, key)
    if not publication.unseen_go_missing:
        writes.keep_unseen(connection, key, snapshot_id)
    writes.write_changes(connection, key, snapshot_id)
    writes.write_levels(connection, key, snapshot_id)
    if publication.accepted_shrink:
        detail = f"snapshot {snapshot_id}: {measure.missing_candidates} of {measure.present_before} lines gone accepted"
        audit.record(connection, publication.now, f"run {publication.run_id}", "accept_shrink", f"store {key}", detail)
    return PublishResult(
        snapshot_id=snapshot_id,
        counts=counts,
        totals=totals.stock_totals(connection, key),
        largest_changes=totals.largest_changes(connection, key, snapshot_id),
        rejected_reasons=totals.rejected_reasons(connection, key, snapshot_id),
    )


def _counts(measure: Measure, unseen_go_missing: bool) -> Counts:
    return Counts(
        seen=measure.seen,
        created=measure.created,
        updated=measure.updated,
        skipped=measure.skipped,
        rejected=measure.rejected,
        missing=measure.missing_candidates if unseen_go_missing else 0,
        deleted=measure.missing_again if unseen_go_missing else 0,
        repeats=measure.repeats,
    )


def _unchanged_counts(connection: sa.Connection, last: Snapshot | None, key: str) -> Counts:
    """What the last read saw is seen again, its rejected lines too; all else is skipped."""
    if last is None:
        raise IncompleteRead(f"the platform says that nothing changed, but nothing of store {key!r} was ever published")
    deleted = diff.count_actions(connection).get("deleted", 0)
    seen, rejected = last.counts.seen, last.counts.rejected
    return Counts(seen=seen, created=0, updated=0, skipped=seen - rejected, rejected=rejected, deleted=deleted)


def _insert_snapshot(connection: sa.Connection, publication: Publication, counts: Counts) -> int:
    row = {name: getattr(publication, name) for name in Publication.__slots__ if name in _table.columns}
    row |= {name: getattr(counts, name) for name in Counts.__slots__}
    row |= {"memo": dict(publication.memo), "excluded": dict(publication.excluded), "published_at": publication.now}
    return connection.execute(_table.insert().values(row).returning(_table.c.id)).scalar_one()
