"""The sync core: one complete read of one store becomes its new snapshot, or the last good one stays.

stream → stage → completeness proof → one set-based diff → one publishing transaction, the same for every platform.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta

from inventory_pipeline.connectors.base import Connector
from inventory_pipeline.core.clock import Clock, show_instant, system_clock
from inventory_pipeline.core.errors import CredentialsRejected, IncompleteRead, Quarantined, StoreRefused
from inventory_pipeline.core.stock import Completeness
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.sync import StoreRead, SyncResult
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.sync import snapshots
from inventory_pipeline.db.sync.publish import Publication, publish
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline.services.cancel import run_cancellable
from inventory_pipeline.services.sync.guards import Figures, Verdict, judge
from inventory_pipeline.services.sync.held_lease import HeldLease
from inventory_pipeline.services.sync.lines import LineNotes, checked_page

logger = logging.getLogger(__name__)

# Builds a ready connector for a store, given the memo of its last published snapshot.
Connect = Callable[[StoreIntegration, Mapping[str, str]], Connector]

LEASE_TTL = timedelta(seconds=60)


@dataclass(slots=True)
class _Sync:
    """One sync under way."""

    store: StoreIntegration
    lease: HeldLease
    accept_shrink: bool
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

    def sync_all_products(self, store_key: str, *, run_id: str, accept_shrink: bool = False) -> SyncResult:
        """Reads all stock of one store and publishes it as the store's new snapshot.

        Raises StoreRefused (unknown, inactive, purged; LeaseHeld where another run syncs it), Quarantined where the
        read is not to be believed, and the other SyncErrors; the last good snapshot then stays as it was.
        """
        store = self._store_to_sync(store_key)
        with HeldLease(self._database, self._clock, self._lease_ttl, store_key, run_id) as lease:
            try:
                result = self._sync(self._start(store, lease, accept_shrink), run_id)
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

    def _start(self, store: StoreIntegration, lease: HeldLease, accept_shrink: bool) -> _Sync:
        with self._database.begin() as connection:
            if store.first_sync_at is None:
                stores.mark_first_sync(connection, store.key, self._clock())
            last = snapshots.last_published(connection, store.key)
        sync = _Sync(store, lease, accept_shrink)
        if last is not None:
            sync.memo, sync.accepted_gap = last.memo, last.gap
        return sync

    def _sync(self, sync: _Sync, run_id: str) -> SyncResult:
        with Stage(self._database, sync.store.key) as stage:
            read, verdict = self._publishable_read(sync, stage)
            sync.lease.renew()
            publication = Publication(
                store_key=sync.store.key,
                run_id=run_id,
                read=read,
                now=self._clock(),
                unseen_go_missing=verdict.unseen_go_missing,
                api_calls=sync.api_calls,
                accepted_shrink=sync.accept_shrink,
            )
            snapshot = publish(stage, publication)
        return SyncResult(
            store=sync.store.key,
            run_id=run_id,
            read=read,
            snapshot=snapshot,
            api_calls=sync.api_calls,
            warnings=verdict.warnings,
            accepted_shrink=sync.accept_shrink,
        )

    def _publishable_read(self, sync: _Sync, stage: Stage) -> tuple[StoreRead, Verdict]:
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
                accept_shrink=sync.accept_shrink,
            )
            if verdict.decision == "publish":
                for warning in (*verdict.warnings, *read.proof.notes, *read.line_notes):
                    logger.warning("%s", warning)
                return read, verdict
            if verdict.decision == "quarantine":
                raise Quarantined(f"quarantined: {'; '.join(verdict.reasons)}; {_KEPT}; {_accept(sync.store.key)}")
            logger.warning("The read is short (%s); reading the store once more", "; ".join(verdict.reasons))
            first_gap = read.proof.gap

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


def _accept(key: str) -> str:
    return (
        f"if the store is right, accept it with `inventory-pipeline sync-all-stores --store {key} --accept-shrink`"
        " or accept_shrink: true in the launchpad"
    )


def _figures(stage: Stage, proof: Completeness) -> Figures:
    measure = stage.measure()
    if proof.unchanged:
        return Figures(measure.present_before, 0, measure.present_before, 0)
    return Figures(measure.seen, measure.rejected, measure.present_before, measure.missing_candidates)
