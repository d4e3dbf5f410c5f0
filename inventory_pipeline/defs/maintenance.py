"""Housekeeping: Dagster keeps every run and all of its events for ever unless someone deletes them."""

from datetime import timedelta
from pathlib import Path

import dagster as dg

from inventory_pipeline.defs.names import STORES_PARTITIONS
from inventory_pipeline.defs.private_dagster import FINISHED_STATUSES
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.environment import load_environment

# A history that nobody cleaned for years goes in several nights, not in one run without end.
_MOST_RUNS = 20_000


@dg.op(
    config_schema={
        "keep_runs_days": dg.Field(
            int,
            default_value=load_environment().history_days,
            description="Older finished runs are deleted, with their logs. INVENTORY_HISTORY_DAYS is what the schedule takes.",
        ),
        "keep_rejected_days": dg.Field(int, default_value=90, description="How long to keep the lines that could not be read."),
        "keep_alerts_days": dg.Field(int, default_value=365, description="How long to keep resolved alerts and settled notices."),
        "keep_audit_days": dg.Field(int, default_value=730, description="How long to keep who changed what."),
    },
    description="Deletes what is too old. Each store keeps its latest run, its latest published and its latest failed one.",
)
def clean_up(context: dg.OpExecutionContext, inventory: dg.ResourceParam[Inventory]) -> None:
    from inventory_pipeline.db import retention

    with inventory.open_in_step(context) as services:
        now = services.clock()
        keep = {name: now - timedelta(days=max(days, 1)) for name, days in context.op_config.items()}
        with services.database.begin() as connection:
            rejected = retention.forget_rejected_lines(connection, keep["keep_rejected_days"])
            alerts = retention.forget_alerts(connection, keep["keep_alerts_days"])
            audit = retention.forget_audit(connection, keep["keep_audit_days"])
    old = dg.RunsFilter(statuses=list(FINISHED_STATUSES), created_before=keep["keep_runs_days"])
    runs = delete_runs(context.instance, old)
    deleted = {"runs": runs, "rejected_lines": rejected, "alerts_and_notices": alerts, "audit_entries": audit}
    context.add_output_metadata({f"deleted_{what}": count for what, count in deleted.items()})


@dg.job(description="Deletes old runs with their logs, unreadable lines, resolved alerts, settled notices and audit entries.")
def maintenance() -> None:
    clean_up()


maintenance_schedule = dg.ScheduleDefinition(
    name="maintenance_schedule",
    job=maintenance,
    cron_schedule="17 3 * * *",
    # A history that nobody cleans grows by gigabytes a year.
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Runs maintenance each night: runs older than INVENTORY_HISTORY_DAYS (90) go, with their logs.",
)


def delete_runs(instance: dg.DagsterInstance, which: dg.RunsFilter) -> int:
    """Deletes the runs, except those of each store that say how it stands. Returns how many."""
    too_old = set(instance.get_run_ids(which, limit=_MOST_RUNS)) - _how_stores_stand(instance)
    for run_id in too_old:
        _delete(instance, run_id)
    return len(too_old)


def _how_stores_stand(instance: dg.DagsterInstance) -> set[str]:
    from inventory_pipeline.defs.sync.recorded_runs import history_of, latest_run_ids

    stores = instance.get_dynamic_partitions(STORES_PARTITIONS)
    with history_of(instance) as connection:
        published = latest_run_ids(connection, stores, each=1, status="SUCCESS")
        failed = latest_run_ids(connection, stores, each=1, status="FAILURE")
        return {*latest_run_ids(connection, stores, each=1), *published, *failed}


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    from inventory_pipeline.defs.private_dagster_storage import SqliteEventLogStorage

    instance.delete_run(run_id)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    events = instance.event_log_storage
    if isinstance(events, SqliteEventLogStorage):
        # One file a run, which Dagster empties and leaves.
        for suffix in ("", "-wal", "-shm"):
            Path(f"{events.path_for_shard(run_id)}{suffix}").unlink(missing_ok=True)
