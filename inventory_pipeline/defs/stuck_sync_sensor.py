"""The reaper: closes syncs whose process is gone, so that no run looks alive for ever and no store stays locked."""

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.errors import LeaseHeld
from inventory_pipeline.defs.closing import close_run
from inventory_pipeline.defs.resources import Inventory

if TYPE_CHECKING:
    from inventory_pipeline.db.leases import Lease
    from inventory_pipeline.wiring import Services

# The reaper holds a lease under this name and the dead run's id, so that one that dies at work is taken up again.
_HOLDER = "reaper:"
_HOLD = timedelta(seconds=60)


@dg.sensor(
    name="stuck_sync_sensor",
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose heartbeat has stopped (killed, out of memory, machine gone) and frees their stores.",
)
def stuck_sync_sensor(context: dg.SensorEvaluationContext, inventory: dg.ResourceParam[Inventory]) -> dg.SkipReason:
    from inventory_pipeline.db import leases

    with inventory.open() as services:
        stale = leases.stale(services.database, services.clock())
        closed = [lease.store_key for lease in stale if _close(context.instance, services, lease)]
    if closed:
        return dg.SkipReason(f"Closed the syncs of {', '.join(closed)}: their heartbeat had stopped.")
    return dg.SkipReason("No sync is stuck.")


def _close(instance: dg.DagsterInstance, services: "Services", lease: "Lease") -> bool:
    from inventory_pipeline.db import leases, snapshots, stores

    run_id = lease.run_id.removeprefix(_HOLDER)
    holder = _HOLDER + run_id
    try:
        # Waits for a publishing transaction under way, and fails where the heart beats again.
        leases.acquire(services.database, lease.store_key, holder, services.clock(), _HOLD)
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
    leases.release(services.database, lease.store_key, holder)
    return closed
