"""Runs whose process is gone: their end is written down by someone else."""

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.errors import LeaseHeld
from inventory_pipeline.defs.sync.endings import Ending, write_tags
from inventory_pipeline.defs.sync.sync_log import has_own_tags

if TYPE_CHECKING:
    from inventory_pipeline.db.sync.leases import Lease
    from inventory_pipeline.wiring import Services

# Who closes a run holds its lease meanwhile, under this name and the run's id: if that one dies too, the next goes on.
_CLOSER = "closing:"
_HOLD = timedelta(seconds=60)


def close_run(instance: dg.DagsterInstance, run_id: str, reason: str, platform: str | None = None) -> bool:
    """Ends a run that will not end itself: failed for `reason`, or canceled where that was asked of it.

    Its tags are written only where it has none of its own. False where the run is unknown or has ended.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return False
    canceling = run.status is dg.DagsterRunStatus.CANCELING
    if not has_own_tags(run):
        write_tags(instance, run, Ending("canceled") if canceling else Ending("failed", error=reason), platform)
    if canceling:
        instance.report_run_canceled(run, reason)
    else:
        instance.report_run_failed(run, reason)
    return True


def close_stale(instance: dg.DagsterInstance, services: "Services", lease: "Lease") -> bool:
    """Frees a store whose lease has expired and ends the run that held it; whether a run was ended."""
    from inventory_pipeline.db.integrations import stores
    from inventory_pipeline.db.sync import leases, snapshots

    run_id = lease.run_id.removeprefix(_CLOSER)
    closer = _CLOSER + run_id
    try:
        # Waits for a publishing transaction under way, and fails where the heart beats again.
        leases.acquire(services.database, lease.store_key, closer, services.clock(), _HOLD)
    except LeaseHeld:
        return False
    with services.database.connect() as connection:
        last = snapshots.last_published(connection, lease.store_key)
        store = stores.get_store(connection, lease.store_key)
    closed = False
    if last is None or last.run_id != run_id:  # else it has published and is about to end by itself
        reason = (
            f"the sync's process is gone: its last heartbeat was at {show_instant(lease.heartbeat_at)}"
            " (killed, out of memory, or its machine went down); the last good snapshot stays, the next sync takes over"
        )
        closed = close_run(instance, run_id, reason, store.platform if store else None)
    leases.release(services.database, lease.store_key, closer)
    return closed
