"""Syncs that failed without a word of their own: the reason is brought into the sync log."""

import re

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData

from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.defs.endings import Ending, write_tags
from inventory_pipeline.defs.names import PLATFORM_TAG
from inventory_pipeline.defs.sync_log import has_own_tags, is_sync


@dg.run_failure_sensor(
    name="sync_failure_sensor",
    # Runs of the asset CLI and of `job execute` belong to no code location.
    monitor_all_code_locations=True,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes inventory/error for syncs whose process ended before it could do so.",
)
def sync_failure_sensor(context: dg.RunFailureSensorContext) -> None:
    run = context.dagster_run
    if is_sync(run) and not has_own_tags(run):
        write_tags(context.instance, run, Ending("failed", error=_reason(context)), run.tags.get(PLATFORM_TAG))


def _reason(context: dg.RunFailureSensorContext) -> str:
    """The innermost cause; Dagster's own message of a failed run is only "Steps failed"."""
    for event in context.get_step_failure_events():
        error = event.event_specific_data.error if isinstance(event.event_specific_data, StepFailureData) else None
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            # "some.module.SomeError: text": the module says nothing to a reader of the log.
            return one_line(redact(re.sub(r"^(?:\w+\.)+(?=\w+:)", "", error.message)), 2_000)
    error = context.failure_event.job_failure_data.error
    return one_line(redact(error.message if error else context.failure_event.message or "the run failed without a reason"), 2_000)
