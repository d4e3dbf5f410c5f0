"""A staged read becomes the store's new snapshot: levels, changes, coverage and the rejected ledger, all or nothing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from inventory_pipeline.core.errors import IncompleteRead
from inventory_pipeline.core.stock import Completeness
from inventory_pipeline.core.sync import Counts, PublishedSnapshot, StoreRead, SyncResult
from inventory_pipeline.db.integrations import audit
from inventory_pipeline.db.sync import diff, leases, snapshots, totals, writes
from inventory_pipeline.db.sync.snapshots import Snapshot
from inventory_pipeline.db.sync.stage import Measure, Stage
from inventory_pipeline.db.tables.stock import snapshots as _table


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A staged read that is to become the store's snapshot.

    `unseen_go_missing` is False where a small gap stays: lines unseen in such a read stay present, unverified. Otherwise
    only those of the proof's `hidden` items do. `api_calls` are the requests of the whole sync. `accepted` names what a
    person accepts: `accept_shrink`, `accept_unreadable`.
    """

    store_key: str
    run_id: str
    read: StoreRead
    now: datetime
    unseen_go_missing: bool = True
    api_calls: int = 0
    warnings: Sequence[str] = ()
    accepted: Sequence[str] = ()


def publish(stage: Stage, publication: Publication) -> PublishedSnapshot:
    """Publishes in one transaction; whatever ends it early, a signal too, leaves the last snapshot as it was.

    Raises LeaseLost where the lease is no longer this run's, IncompleteRead for "not modified" with nothing to hold to.
    """
    measure = stage.measure()
    return stage.run(lambda connection: _publish(connection, publication, measure), "write")


def _publish(connection: sa.Connection, publication: Publication, measure: Measure) -> PublishedSnapshot:
    key, proof = publication.store_key, publication.read.proof
    leases.hold(connection, key, publication.run_id)
    last = snapshots.last_published(connection, key)
    if proof.unchanged:
        diff.compare_unchanged(connection, key)
        counts = _unchanged_counts(connection, last, key)
    else:
        if proof.hidden and publication.unseen_go_missing:
            kept = diff.count_actions(connection, proof.hidden)
            measure = measure._replace(
                missing_candidates=measure.missing_candidates - kept.get("missing", 0),
                missing_again=measure.missing_again - kept.get("deleted", 0),
            )
        counts = _counts(measure, publication.unseen_go_missing)
    gap_since = _gap_since(publication.read, last)
    snapshot_id = _insert_snapshot(connection, publication, counts, gap_since)
    snapshots.forget_quarantined(connection, key)
    if proof.unchanged:
        writes.carry_rejected(connection, key, snapshot_id)
    else:
        writes.keep_rejected(connection, key, snapshot_id)
        writes.mark_verified(connection, key)
    if not publication.unseen_go_missing:
        writes.keep_unseen(connection, key, snapshot_id)
    elif proof.hidden:
        writes.keep_unseen(connection, key, snapshot_id, proof.hidden)
    writes.write_changes(connection, key, snapshot_id)
    writes.write_levels(connection, key, snapshot_id)
    for action, what in _accepted(measure).items():
        if action in publication.accepted:
            detail = f"snapshot {snapshot_id}: {what} accepted"
            audit.record(connection, publication.now, f"run {publication.run_id}", action, f"store {key}", detail)
    return PublishedSnapshot(
        id=snapshot_id,
        published_at=publication.now,
        counts=counts,
        totals=totals.stock_totals(connection, key),
        largest_changes=totals.largest_changes(connection, key, snapshot_id),
        rejections=totals.rejections(connection, totals.kept_rejections(key, snapshot_id)),
        gap_since=gap_since,
    )


def published_by(connection: sa.Connection, store_key: str, run_id: str) -> SyncResult | None:
    """What a run has published, read back from the database; None where it published nothing.

    The totals are of the store as it is now: they are the run's own where its snapshot is the store's newest.
    """
    mine = sa.select(sa.func.max(_table.c.id)).where(_table.c.store_key == store_key, _table.c.run_id == run_id)
    snapshot_id = connection.scalar(mine)
    if snapshot_id is None:
        return None
    row = snapshots.get_snapshot(connection, snapshot_id)
    proof = Completeness(
        row.expected,
        row.read,
        row.how,
        unchanged=row.unchanged,
        memo=row.memo,
        lists=tuple(row.lists),
        notes=tuple(row.notes),
        modified=row.modified,
    )
    read = StoreRead(
        started_at=row.started_at, ended_at=row.ended_at, proof=proof, excluded=row.excluded, line_notes=row.line_notes
    )
    return SyncResult(
        store=store_key,
        run_id=run_id,
        read=read,
        snapshot=PublishedSnapshot(
            id=row.id,
            published_at=row.published_at,
            counts=row.counts,
            totals=totals.stock_totals(connection, store_key),
            largest_changes=totals.largest_changes(connection, store_key, snapshot_id),
            rejections=totals.rejections(connection, totals.kept_rejections(store_key, snapshot_id)),
            gap_since=row.gap_since,
        ),
        api_calls=row.api_calls,
        warnings=row.warnings,
        accepted=row.accepted,
    )


def _accepted(measure: Measure) -> dict[str, str]:
    """What a person who accepts a read has accepted, for the audit."""
    gone = f"{measure.missing_candidates} of {measure.present_before} lines gone"
    if measure.emptied:
        gone += f", {measure.emptied} of {measure.stocked} out of stock"
    return {"accept_shrink": gone, "accept_unreadable": f"{measure.becoming_unknown} lines becoming unknown"}


def _gap_since(read: StoreRead, last: Snapshot | None) -> datetime | None:
    """When the read began since which the gap has been what it is; None without a gap."""
    if not read.proof.gap:
        return None
    if last is not None and last.gap == read.proof.gap:
        return last.gap_since or last.started_at
    return read.started_at


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
    """The counts of an unchanged read: as many lines seen and rejected as last time, all others skipped."""
    if last is None:
        raise IncompleteRead(f"the platform says that nothing changed, but nothing of store {key!r} was ever published")
    deleted = diff.count_actions(connection).get("deleted", 0)
    seen, rejected = last.counts.seen, last.counts.rejected
    return Counts(seen=seen, created=0, updated=0, skipped=seen - rejected, rejected=rejected, deleted=deleted)


def _insert_snapshot(connection: sa.Connection, publication: Publication, counts: Counts, gap_since: datetime | None) -> int:
    read, proof = publication.read, publication.read.proof
    row = {
        "store_key": publication.store_key,
        "run_id": publication.run_id,
        "started_at": read.started_at,
        "ended_at": read.ended_at,
        "published_at": publication.now,
        "expected": proof.expected,
        "read": proof.read,
        "gap": proof.gap,
        "how": proof.how,
        "memo": dict(proof.memo),
        "unchanged": proof.unchanged,
        "accepted_shrink": "accept_shrink" in publication.accepted,
        "accepted_unreadable": "accept_unreadable" in publication.accepted,
        "api_calls": publication.api_calls,
        "excluded": dict(read.excluded),
        "modified": proof.modified,
        "gap_since": gap_since,
        "warnings": list(publication.warnings),
        "notes": list(proof.notes),
        "line_notes": list(read.line_notes),
        "lists": [(one.name, one.expected, one.read) for one in proof.lists],
        **asdict(counts),
    }
    return connection.execute(_table.insert().values(row).returning(_table.c.id)).scalar_one()
