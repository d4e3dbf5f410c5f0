"""The reaper: closes runs whose process is gone, so that none looks alive for ever and no store stays locked."""

import dagster as dg

from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.stuck_runs import StuckRunWatch
from inventory_pipeline.environment import load_environment


@dg.sensor(
    name="stuck_sync_sensor",
    minimum_interval_seconds=max(int(2 * load_environment().run_heartbeat.total_seconds()), 1),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose process is gone (killed, out of memory, machine down) and frees their stores.",
)
def stuck_sync_sensor(context: dg.SensorEvaluationContext, inventory: dg.ResourceParam[Inventory]) -> dg.SkipReason:
    with inventory.open() as services:
        watch = StuckRunWatch(context.instance, services, context.cursor)
        closed = watch.look()
        watch.forget_old()
    context.update_cursor(watch.remembered)
    if closed:
        return dg.SkipReason(f"Closed: {'; '.join(stuck.told for stuck in closed)}.")
    return dg.SkipReason("No run is stuck.")
