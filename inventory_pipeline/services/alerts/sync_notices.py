"""What the end of a sync tells: failures and quarantines as alerts of the store, completion for those who asked."""

from collections.abc import Mapping
from datetime import datetime

from inventory_pipeline.core.alerts import Level, Verdict
from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.sync import Outcome
from inventory_pipeline.db.alerts import alerts, routes
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.sync import snapshots
from inventory_pipeline.db.sync.snapshots import Snapshot
from inventory_pipeline.services.alerts.digests import Digests
from inventory_pipeline.services.alerts.facts import told_of_completion
from inventory_pipeline.services.alerts.store_checks import move

_COUNTS = ("seen", "created", "updated", "skipped", "rejected", "missing")
_TROUBLE: Mapping[Outcome, Level] = {"failed": "failed", "quarantined": "quarantined"}


class SyncNotices:
    """Told of each sync's end, once or more often: the same run is not told of twice."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def sync_ended(self, store_key: str, run_id: str, outcome: Outcome, error: str | None, ended_at: datetime | None) -> int:
        """Opens, worsens or resolves the store's sync alert; how many notices that put into the outbox.

        A store that fails every four hours is told of once. Refused and canceled syncs tell nothing, and neither does
        trouble that is over: whoever tells may be late, and the store may have been read whole since `ended_at`.
        """
        if outcome in ("refused", "canceled"):
            return 0
        now = self._clock()
        with self._database.begin() as connection:
            alerts.lock(connection)
            store = stores.get_store(connection, store_key)
            if store is None or store.purged_at is not None:
                return 0
            last = snapshots.last_published(connection, store_key)
            if outcome != "published" and last is not None and ended_at is not None and last.published_at > ended_at:
                return 0
            digests = Digests(routes.list_routes(connection))
            current = alerts.live_of_stores(connection).get(("sync", store_key))
            for told, _ in move(connection, store, "sync", _verdict(store, outcome), error or "", current, now):
                if told is not None:
                    digests.add(told)
            if outcome == "published":
                digests.add(told_of_completion(store, _published(run_id, last)))
            return digests.enqueue(connection, now, {store_key: last and last.started_at}, key=f"sync:{run_id}")


def _published(run_id: str, last: Snapshot | None) -> str:
    """With the counts, unless a newer snapshot has been published meanwhile."""
    if last is None or last.run_id != run_id:
        return f"run {run_id}"
    counts = ", ".join(f"{getattr(last.counts, name):,} {name}" for name in _COUNTS)
    return f"run {run_id}: {counts}"


def _verdict(store: StoreIntegration, outcome: Outcome) -> Verdict:
    if outcome == "published":
        return "fine"
    return "needs_reauthorization" if store.needs_reauthorization else _TROUBLE[outcome]
