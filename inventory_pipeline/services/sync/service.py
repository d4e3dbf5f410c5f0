"""The sync core: one complete read of one store becomes its new snapshot, or the last good one stays.

stream → stage → completeness proof → one set-based diff → one publishing transaction, the same for every platform.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import sqlalchemy as sa

from inventory_pipeline.connectors.base import Connector
from inventory_pipeline.connectors.store_settings import number, whole_number
from inventory_pipeline.core.clock import Clock, show_instant, system_clock
from inventory_pipeline.core.errors import CredentialsRejected, IncompleteRead, Quarantined, StoreRefused
from inventory_pipeline.core.stock import Completeness
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.sync import RejectedReason, StoreRead, SyncResult
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.sync import snapshots, totals
from inventory_pipeline.db.sync.diff import lost_lines
from inventory_pipeline.db.sync.publish import Publication, publish
from inventory_pipeline.db.sync.snapshots import QuarantinedRead, Snapshot
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline.db.sync.writes import staged_rejections
from inventory_pipeline.services.cancel import run_cancellable
from inventory_pipeline.services.sync.guards import Acceptance, FallBounds, Figures, Verdict, judge
from inventory_pipeline.services.sync.held_lease import HeldLease
from inventory_pipeline.services.sync.lines import LineNotes, checked_page

logger = logging.getLogger(__name__)

# Builds a ready connector for a store, given the memo of its last published snapshot.
Connect = Callable[[StoreIntegration, Mapping[str, str]], Connector]

LEASE_TTL = timedelta(seconds=60)
# How many rejected lines of a read that was not believed are kept for looking at.
REJECTED_KEPT = 500
# And how many of the lines that it would take away.
LOST_KEPT = 200


@dataclass(slots=True)
class _Sync:
    """One sync under way."""

    store: StoreIntegration
    lease: HeldLease
    accepted: tuple[Acceptance, ...]
    last: Snapshot | None = None
    memo: Mapping[str, str] = field(default_factory=dict)
    accepted_gap: int = 0
    api_calls: int = 0


class InventorySyncService:
    """Syncs stores. Holds no state between syncs, so one instance may serve a process for life."""

    def __init__(
        self,
        *,
        database: Database,
        connect: Connect,
        clock: Clock = system_clock,
        lease_ttl: timedelta = LEASE_TTL,
    ) -> None:
        self._database = database
        self._connect = connect
        self._clock = clock
        self._lease_ttl = lease_ttl

    def sync_all_products(
        self, store_key: str, *, run_id: str, accept_shrink: bool = False, accept_unreadable: bool = False
    ) -> SyncResult:
        """Reads all stock of one store and publishes it as the store's new snapshot.

        `accept_shrink` publishes although much of the stock is gone or out of stock, `accept_unreadable` although much of it
        would be unknown.

        Raises StoreRefused (unknown, inactive, purged; LeaseHeld where another run syncs it), Quarantined where the
        read is not to be believed, and the other SyncErrors; the last good snapshot then stays as it was.
        """
        store = self._store_to_sync(store_key)
        said: dict[Acceptance, bool] = {"accept_shrink": accept_shrink, "accept_unreadable": accept_unreadable}
        accepted: tuple[Acceptance, ...] = tuple(name for name, is_said in said.items() if is_said)
        with HeldLease(self._database, self._clock, self._lease_ttl, store_key, run_id) as lease:
            try:
                result = self._sync(self._start(store, lease, accepted), run_id)
            except CredentialsRejected as error:
                self._note_authorization(store, str(error))
                raise
            if store.needs_reauthorization:
                self._note_authorization(store, None)
        return result

    def _store_to_sync(self, store_key: str) -> StoreIntegration:
        with self._database.connect() as connection:
            store = stores.get_store(connection, store_key)
        if store is None:
            raise StoreRefused(
                f"no store {store_key!r} is registered; `inventory-pipeline stores list` shows them, the job"
                " register_store_integration connects one"
            )
        if store.purged_at is not None:
            raise StoreRefused(f"store {store_key!r} was purged on {show_instant(store.purged_at)}; `stores add` makes another")
        if not store.is_active:
            raise StoreRefused(
                f"store {store_key!r} is inactive; the job manage_store_integration or"
                f" `inventory-pipeline stores activate {store_key}` turns it on"
            )
        return store

    def _start(self, store: StoreIntegration, lease: HeldLease, accepted: tuple[Acceptance, ...]) -> _Sync:
        with self._database.begin() as connection:
            if store.first_sync_at is None:
                stores.mark_first_sync(connection, store.key, self._clock())
            last = snapshots.last_published(connection, store.key)
        sync = _Sync(store, lease, accepted, last=last)
        if last is not None:
            sync.memo, sync.accepted_gap = last.memo, last.gap
        return sync

    def _sync(self, sync: _Sync, run_id: str) -> SyncResult:
        with Stage(self._database, sync.store.key) as stage:
            read, verdict = self._publishable_read(sync, stage, run_id)
            sync.lease.renew()
            if read.proof.unchanged and sync.last is not None:
                # "Not modified": what the last read had to say of the lines still holds.
                read = replace(read, excluded=sync.last.excluded, line_notes=sync.last.line_notes)
            publication = Publication(
                store_key=sync.store.key,
                run_id=run_id,
                read=read,
                now=self._clock(),
                unseen_go_missing=verdict.unseen_go_missing,
                api_calls=sync.api_calls,
                warnings=verdict.warnings,
                accepted=sync.accepted,
            )
            snapshot = publish(stage, publication)
        return SyncResult(
            store=sync.store.key,
            run_id=run_id,
            read=read,
            snapshot=snapshot,
            api_calls=sync.api_calls,
            warnings=verdict.warnings,
            accepted=sync.accepted,
        )

    def _publishable_read(self, sync: _Sync, stage: Stage, run_id: str) -> tuple[StoreRead, Verdict]:
        """A read that may be published, after one fresh re-read where the first was not whole. Raises Quarantined."""
        first_gap: int | None = None
        while True:
            try:
                read = run_cancellable(self._read(sync, stage))
            except IncompleteRead as error:
                if first_gap is not None:
                    raise Quarantined(f"quarantined: not provably complete in two reads: {error}; {_KEPT}") from error
                logger.warning("The read broke off (%s); reading the store once more", error)
                first_gap = -1
                continue
            verdict = judge(
                _figures(stage, read.proof),
                read.proof,
                first_gap=first_gap,
                accepted_gap=sync.accepted_gap,
                accepted=sync.accepted,
                bounds=fall_bounds(sync.store),
            )
            if verdict.decision == "publish":
                for warning in (*verdict.warnings, *read.proof.notes, *read.line_notes):
                    logger.warning("%s", warning)
                return read, verdict
            if verdict.decision == "quarantine":
                raise self._quarantined(sync, stage, read, verdict, run_id)
            logger.warning("The read is short (%s); reading the store once more", verdict.doubts[0].reason)
            first_gap = read.proof.gap

    def _quarantined(self, sync: _Sync, stage: Stage, read: StoreRead, verdict: Verdict, run_id: str) -> Quarantined:
        """The error, and what was read is kept for looking at until the store is published."""
        doubts = verdict.doubts
        key, why = sync.store.key, "; ".join(doubt.reason for doubt in doubts)
        lines, rejected = stage.run(_some_rejected, "stage"), stage.measure().rejected
        needed = tuple(dict.fromkeys(name for doubt in doubts for name in doubt.acceptances))
        does = ", ".join(dict.fromkeys(doubt.consequence for doubt in doubts))
        losing = partial(
            lost_lines,
            store_key=key,
            limit=LOST_KEPT,
            unseen_go_missing=verdict.unseen_go_missing,
            hidden=read.proof.hidden,
        )
        lost, some_lost = stage.run(losing, "stage")
        sync.lease.renew()
        with self._database.begin() as connection:
            snapshots.keep_quarantined(
                connection,
                QuarantinedRead(
                    store_key=key,
                    run_id=run_id,
                    started_at=read.started_at,
                    ended_at=read.ended_at,
                    why=why,
                    rejected=rejected,
                    rejected_lines=lines,
                    accepts=needed,
                    does=does,
                    lost=lost,
                    lost_lines=some_lost,
                ),
            )
        listed = [what for what, some in (("what it would take away", lost), ("what could not be read", rejected)) if some]
        shown = f"`inventory-pipeline stores show {key}` lists {' and '.join(listed)}; " if listed else ""
        return Quarantined(f"quarantined: {why}; {_KEPT}; {shown}{_accept(key, does, needed)}", needed)

    async def _read(self, sync: _Sync, stage: Stage) -> StoreRead:
        stage.clear()
        started_at = self._clock()
        proof: Completeness | None = None
        excluded: Counter[str] = Counter()
        notes = LineNotes()
        connector = self._connect(sync.store, sync.memo)
        try:
            async with sync.lease.kept_alive(), aclosing(connector.read()) as items:
                async for item in items:
                    if proof is not None:
                        raise IncompleteRead("the connector went on after its proof of completeness")
                    if isinstance(item, Completeness):
                        proof = item
                        continue
                    page = checked_page(item)
                    stage.add(page.lines, page.rejected)
                    excluded.update(page.excluded)
                    notes.add(page.notes)
        finally:
            sync.api_calls += connector.api_calls
        if proof is None:
            raise IncompleteRead("the connector ended without its proof of completeness")
        return StoreRead(
            started_at=started_at, ended_at=self._clock(), proof=proof, excluded=excluded, line_notes=notes.sentences()
        )

    def _note_authorization(self, store: StoreIntegration, reason: str | None) -> None:
        with self._database.begin() as connection:
            stores.set_needs_reauthorization(connection, store.key, reason)


_KEPT = "the last good snapshot stays"


def _accept(key: str, does: str, needed: Sequence[str]) -> str:
    flags = " ".join(f"--{name.replace('_', '-')}" for name in needed)
    launchpad = " and ".join(f"{name}: true" for name in needed)
    return (
        f"if the store is right, accept it with `inventory-pipeline sync-all-stores --store {key} {flags}`"
        f" or {launchpad} in the launchpad: {does}"
    )


def _some_rejected(connection: sa.Connection) -> list[dict[str, str | None]]:
    names = ("item_id", "location_id", "reason", "excerpt")
    rows = connection.execute(staged_rejections().limit(REJECTED_KEPT)).mappings()
    return [{name: row[name] for name in names} for row in rows]


def fall_bounds(store: StoreIntegration) -> FallBounds:
    """How much of the store's stock may be gone at once, as its settings say."""
    percent = number(store.settings, "fall_percent", FallBounds().share * 100, 1, 100)
    return FallBounds(percent / 100, whole_number(store.settings, "fall_lines", FallBounds().lines, 0, 1_000_000))


def _figures(stage: Stage, proof: Completeness) -> Figures:
    measure = stage.measure()
    if proof.unchanged:
        return Figures(measure.present_before, 0, measure.present_before, 0)
    return Figures(
        seen=measure.seen,
        rejected=measure.rejected,
        present_before=measure.present_before,
        vanished=measure.missing_candidates,
        stocked=measure.stocked,
        emptied=measure.emptied,
        unreadable=measure.unreadable,
        becoming_unknown=measure.becoming_unknown,
        rejections=stage.run(_reasons, "stage") if measure.rejected else (),
    )


def _reasons(connection: sa.Connection) -> list[RejectedReason]:
    return totals.rejections(connection, staged_rejections())
