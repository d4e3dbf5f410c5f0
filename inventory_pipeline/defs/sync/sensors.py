"""The schedule of syncs, and the sensors that see to runs which did not end as they should."""

import re

import dagster as dg

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import short_with_cure
from inventory_pipeline.defs import names
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.private_dagster import JobFailureData, StepFailureData
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.assets import sync_inventory
from inventory_pipeline.defs.sync.interval import checked_cron
from inventory_pipeline.defs.sync.outcome import SyncOutcome, observation, write_tags
from inventory_pipeline.defs.sync.stuck_runs import StuckRunWatch
from inventory_pipeline.defs.sync.sync_log import has_own_tags, is_sync
from inventory_pipeline.environment import load_environment

_FROM_OUTSIDE = "This run has been marked as failed from outside the execution context."

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
    return [dg.RunRequest(run_key=f"{store.key}:{tick}", partition_key=store.key) for store in active]


@dg.sensor(
    name="stuck_sync_sensor",
    minimum_interval_seconds=max(int(2 * _environment.run_heartbeat.total_seconds()), 1),
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
        return dg.SkipReason(f"Closed: {'; '.join(stuck.description for stuck in closed)}.")
    return dg.SkipReason("No run is stuck.")


@dg.run_failure_sensor(
    name="sync_failure_sensor",
    # Runs of the asset CLI and of `job execute` belong to no code location.
    monitor_all_code_locations=True,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes the error tag of syncs whose process ended before it could do so.",
)
def sync_failure_sensor(context: dg.RunFailureSensorContext, inventory: dg.ResourceParam[Inventory]) -> None:
    run = context.dagster_run
    if is_sync(run) and not has_own_tags(run):
        outcome = SyncOutcome("failed", error=_reason(context))
        write_tags(context.instance, run, outcome, _platform(inventory, run))
        if names.PARTITION_TAG in run.tags:
            context.instance.report_runless_asset_event(observation(run.tags[names.PARTITION_TAG], outcome))


def _platform(inventory: Inventory, run: dg.DagsterRun) -> str | None:
    from inventory_pipeline.db.integrations import stores

    with inventory.open() as services, services.database.connect() as connection:
        store = stores.get_store(connection, run.tags.get(names.PARTITION_TAG, ""))
    return None if store is None else store.platform


def _reason(context: dg.RunFailureSensorContext) -> str:
    """The innermost cause; Dagster's own message of a failed run is only "Steps failed"."""
    errors = [event.event_specific_data for event in context.get_step_failure_events()]
    errors.append(context.failure_event.event_specific_data)
    for data in errors:
        error = data.error if isinstance(data, StepFailureData | JobFailureData) else None
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            # "some.module.SomeError: text": the module says nothing to a reader of the log.
            return _shown(re.sub(r"^(?:\w+\.)+(?=\w+:)", "", error.message))
    message = context.failure_event.message or _FROM_OUTSIDE
    return _shown(_what_came_before(context) or message if message == _FROM_OUTSIDE else message)


def _what_came_before(context: dg.RunFailureSensorContext) -> str | None:
    """For a process that was killed: the code server says so in an event of its own, just before it fails the run."""
    kinds = {dg.DagsterEventType.ENGINE_EVENT, dg.DagsterEventType.RUN_FAILURE}
    before: str | None = None
    for record in context.instance.get_records_for_run(context.dagster_run.run_id, of_type=kinds).records:
        event = record.event_log_entry.get_dagster_event()
        if event.is_failure:
            return before
        before = event.message
    return None


def _shown(text: str) -> str:
    return short_with_cure(redact(text), 2_000)
