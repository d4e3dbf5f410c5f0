"""Syncs that failed without a word of their own: the reason is brought into the sync log."""

import re

import dagster as dg

from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import short_with_cure
from inventory_pipeline.defs.names import PARTITION_TAG
from inventory_pipeline.defs.private_dagster import JobFailureData, StepFailureData
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.endings import Ending, write_tags
from inventory_pipeline.defs.sync.sync_log import has_own_tags, is_sync

_FROM_OUTSIDE = "This run has been marked as failed from outside the execution context."


@dg.run_failure_sensor(
    name="sync_failure_sensor",
    # Runs of the asset CLI and of `job execute` belong to no code location.
    monitor_all_code_locations=True,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes inventory/error for syncs whose process ended before it could do so.",
)
def sync_failure_sensor(context: dg.RunFailureSensorContext, inventory: dg.ResourceParam[Inventory]) -> None:
    run = context.dagster_run
    if is_sync(run) and not has_own_tags(run):
        write_tags(context.instance, run, Ending("failed", error=_reason(context)), _platform(inventory, run))


def _platform(inventory: Inventory, run: dg.DagsterRun) -> str | None:
    from inventory_pipeline.db.integrations import stores

    with inventory.open() as services, services.database.connect() as connection:
        store = stores.get_store(connection, run.tags.get(PARTITION_TAG, ""))
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
