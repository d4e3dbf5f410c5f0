"""The schedule: every active store, each four hours unless INVENTORY_SYNC_CRON says otherwise."""

from datetime import UTC, datetime

import dagster as dg

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.defs import names
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.private_dagster import is_valid_cron_string, schedule_execution_time_iterator
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.jobs import sync_inventory
from inventory_pipeline.environment import load_environment


def checked_cron(cron: str, timezone: str) -> str:
    """The cron line, or UsageError naming the variable that cannot be used and showing one that can."""
    if not is_valid_cron_string(cron) or not _ever_ticks(cron, timezone):
        raise UsageError(
            f"INVENTORY_SYNC_CRON={cron!r:.60} is not a cron line of five fields that ever ticks, such as '0 */2 * * *'"
        )
    return cron


def _ever_ticks(cron: str, timezone: str) -> bool:
    """31 April is valid to the letter, and would stop Dagster's scheduler with an error at each tick."""
    try:
        next(iter(schedule_execution_time_iterator(datetime.now(UTC).timestamp(), cron, timezone)))
    except ValueError:
        return False
    return True


_environment = load_environment()


@dg.schedule(
    name="inventory_sync_schedule",
    job=sync_inventory,
    cron_schedule=checked_cron(_environment.sync_cron, _environment.timezone),
    execution_timezone=_environment.timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Syncs every active store. INVENTORY_SYNC_CRON and INVENTORY_TIMEZONE set when.",
)
def inventory_sync_schedule(
    context: dg.ScheduleEvaluationContext, inventory: dg.ResourceParam[Inventory]
) -> list[dg.RunRequest] | dg.SkipReason:
    from inventory_pipeline.db.integrations import stores

    with inventory.open() as services, services.database.connect() as connection:
        active = [store for store in stores.list_stores(connection) if store.is_active]
    if not active:
        return dg.SkipReason(
            "No store is active: `inventory-pipeline stores add` or the job register_store_integration adds one."
        )
    # A request for a key that Dagster does not know would fail the whole tick.
    add_partitions(context.instance, [store.key for store in active])
    tick = show_instant(context.scheduled_execution_time)
    return [
        dg.RunRequest(run_key=f"{store.key}:{tick}", partition_key=store.key, tags={names.PLATFORM_TAG: store.platform})
        for store in active
    ]
