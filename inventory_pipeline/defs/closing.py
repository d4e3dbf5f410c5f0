"""Runs whose process is gone: their end is written down by someone else."""

import dagster as dg

from inventory_pipeline.defs.endings import Ending, write_tags
from inventory_pipeline.defs.sync_log import has_own_tags


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
