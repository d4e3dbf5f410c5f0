"""A staged read becomes the store's new snapshot: levels, changes, coverage and the rejected ledger, all or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from inventory_pipeline.core.errors import IncompleteRead
from inventory_pipeline.core.stock import ListCoverage
from inventory_pipeline.core.sync import Counts, LineChange, RejectedReason, StockTotals, SyncResult
from inventory_pipeline.db.integrations import audit
from inventory_pipeline.db.sync import diff, leases, snapshots, totals, writes
from inventory_pipeline.db.sync.snapshots import Snapshot
from inventory_pipeline.db.sync.stage import Measure, Stage
from inventory_pipeline.db.tables.stock import snapshots as _table


# What a snapshot keeps of its sync's result under the same names.
_TOLD = ("accepted_shrink", "accepted_unreadable", "modified", "gap_since", "warnings", "notes", "line_notes", "lists")


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """All that a snapshot's coverage says beside its counts.

    `unchanged`: the platform said "not modified", the stage is empty, the last snapshot holds. `unseen_go_missing` is
    False where a small gap stays: lines unseen in such a read stay present, unverified. Otherwise only those of the `hidden`
    items do.
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
    hidden: Sequence[str] = ()
    api_calls: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
    accepted_shrink: bool = False
    accepted_unreadable: bool = False
    modified: datetime | None = None
    warnings: Sequence[str] = ()
    notes: Sequence[str] = ()
    line_notes: Sequence[str] = ()
    lists: Sequence[ListCoverage] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishResult:
    snapshot_id: int
    counts: Counts
    totals: StockTotals
    largest_changes: Sequence[LineChange]
    rejections: Sequence[RejectedReason]
    gap_since: datetime | None


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
        if publication.hidden and publication.unseen_go_missing:
            kept = diff.count_actions(connection, publication.hidden)
            measure = measure._replace(
                missing_candidates=measure.missing_candidates - kept.get("missing", 0),
                missing_again=measure.missing_again - kept.get("deleted", 0),
            )
        counts = _counts(measure, publication.unseen_go_missing)
    gap_since = _gap_since(publication, last)
    snapshot_id = _insert_snapshot(connection, publication, counts, gap_since)
    snapshots.forget_quarantined(connection, key)
    if publication.unchanged:
        writes.carry_rejected(connection, key, snapshot_id)
    else:
        writes.keep_rejected(connection, key, snapshot_id)
        writes.mark_verified(connection, key)
    if not publication.unseen_go_missing:
        writes.keep_unseen(connection, key, snapshot_id)
    elif publication.hidden:
        writes.keep_unseen(connection, key, snapshot_id, publication.hidden)
    writes.write_changes(connection, key, snapshot_id)
    writes.write_levels(connection, key, snapshot_id)
    _audit(connection, publication, measure, snapshot_id)
    return PublishResult(
        snapshot_id=snapshot_id,
        counts=counts,
        totals=totals.stock_totals(connection, key),
        largest_changes=totals.largest_changes(connection, key, snapshot_id),
        rejections=totals.rejections(connection, totals.kept_rejections(key, snapshot_id)),
        gap_since=gap_since,
    )


def _audit(connection: sa.Connection, publication: Publication, measure: Measure, snapshot_id: int) -> None:
    gone = f"{measure.missing_candidates} of {measure.present_before} lines gone"
    if measure.emptied:
        gone += f", {measure.emptied} of {measure.stocked} out of stock"
    accepted = {
        "accept_shrink": (publication.accepted_shrink, gone),
        "accept_unreadable": (publication.accepted_unreadable, f"{measure.rejected} lines that could not be read"),
    }
    for action, (said, what) in accepted.items():
        if said:
            detail = f"snapshot {snapshot_id}: {what} accepted"
            audit.record(
                connection, publication.now, f"run {publication.run_id}", action, f"store {publication.store_key}", detail
            )


def _gap_since(publication: Publication, last: Snapshot | None) -> datetime | None:
    """When the read began since which the gap has been what it is."""
    if not publication.gap:
        return None
    same = last is not None and last.gap == publication.gap
    return last.gap_since or last.started_at if same and last is not None else publication.started_at


def published_by(connection: sa.Connection, store_key: str, run_id: str) -> SyncResult | None:
    """What a run has published, read back; None where it published nothing.

    The totals are of the store as it is now: they are the run's own where its snapshot is the store's newest.
    """
    mine = sa.select(sa.func.max(_table.c.id)).where(_table.c.store_key == store_key, _table.c.run_id == run_id)
    snapshot_id = connection.scalar(mine)
    if snapshot_id is None:
        return None
    snapshot = snapshots.get_snapshot(connection, snapshot_id)
    return SyncResult(
        store=store_key,
        run_id=run_id,
        snapshot_id=snapshot.id,
        started_at=snapshot.started_at,
        ended_at=snapshot.ended_at,
        published_at=snapshot.published_at,
        counts=snapshot.counts,
        totals=totals.stock_totals(connection, store_key),
        api_calls=snapshot.api_calls,
        gap=snapshot.gap,
        how=snapshot.how,
        excluded=snapshot.excluded,
        rejections=totals.rejections(connection, totals.kept_rejections(store_key, snapshot_id)),
        largest_changes=totals.largest_changes(connection, store_key, snapshot_id),
        **{name: getattr(snapshot, name) for name in _TOLD},
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


def _insert_snapshot(connection: sa.Connection, publication: Publication, counts: Counts, gap_since: datetime | None) -> int:
    row = {name: getattr(publication, name) for name in Publication.__slots__ if name in _table.columns}
    row |= {name: getattr(counts, name) for name in Counts.__slots__}
    row |= {"memo": dict(publication.memo), "excluded": dict(publication.excluded), "published_at": publication.now}
    row |= {name: list(getattr(publication, name)) for name in ("warnings", "notes", "line_notes")}
    row |= {"lists": [(one.name, one.expected, one.read) for one in publication.lists], "gap_since": gap_since}
    return connection.execute(_table.insert().values(row).returning(_table.c.id)).scalar_one()
