"""The reaper: closes syncs whose process is gone, so that no run looks alive for ever and no store stays locked."""

import dagster as dg

from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.closing import close_stale


@dg.sensor(
    name="stuck_sync_sensor",
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose heartbeat has stopped (killed, out of memory, machine gone) and frees their stores.",
)
def stuck_sync_sensor(context: dg.SensorEvaluationContext, inventory: dg.ResourceParam[Inventory]) -> dg.SkipReason:
    from inventory_pipeline.db.sync import leases

    with inventory.open() as services:
        stale = leases.stale(services.database, services.clock())
        closed = [lease.store_key for lease in stale if close_stale(context.instance, services, lease)]
    if closed:
        return dg.SkipReason(f"Closed the syncs of {', '.join(closed)}: their heartbeat had stopped.")
    return dg.SkipReason("No sync is stuck.")
