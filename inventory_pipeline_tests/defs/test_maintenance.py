"""Housekeeping deletes what is old, and never what says how a store stands."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus, DefaultScheduleStatus

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.db.alerts import notices
from inventory_pipeline.db.integrations import audit
from inventory_pipeline.definitions import defs
from inventory_pipeline.defs import names
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.maintenance import maintenance_schedule
from inventory_pipeline.environment import load_environment
from inventory_pipeline.wiring import Services
from inventory_pipeline_tests.defs.runs import execute, sync

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def old_run(instance: DagsterInstance, data_dir: Path, store: str, status: DagsterRunStatus) -> str:
    add_partitions(instance, [store])
    run = instance.create_run_for_job(defs.resolve_job_def(names.SYNC_JOB), tags={names.PARTITION_TAG: store}, status=status)
    engine = sa.create_engine(f"sqlite:///{data_dir / 'dagster' / 'history' / 'runs.db'}")
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE runs SET create_timestamp = :then WHERE run_id = :run"), {"then": "2020-01-01", "run": run.run_id}
        )
    engine.dispose()
    return run.run_id


def test_old_runs_go_except_each_stores_latest_latest_published_and_latest_failed(
    instance: DagsterInstance, data_dir: Path, services: Services
) -> None:
    gone = old_run(instance, data_dir, "berlin", DagsterRunStatus.SUCCESS)
    published = old_run(instance, data_dir, "berlin", DagsterRunStatus.SUCCESS)
    gone_too = old_run(instance, data_dir, "berlin", DagsterRunStatus.FAILURE)
    failed = old_run(instance, data_dir, "berlin", DagsterRunStatus.FAILURE)
    passed_over = old_run(instance, data_dir, "berlin", DagsterRunStatus.SUCCESS)
    instance.add_run_tags(passed_over, {names.OUTCOME_TAG: "inactive"})
    latest = old_run(instance, data_dir, "berlin", DagsterRunStatus.CANCELED)
    running = old_run(instance, data_dir, "paris", DagsterRunStatus.STARTED)
    executed = execute(instance, "maintenance")
    assert executed.outputs["deleted_runs"] == 3
    kept = {run.run_id for run in instance.get_runs()} - {executed.run.run_id}
    assert kept == {published, failed, latest, running}
    left = {path.name.partition(".")[0] for path in (data_dir / "dagster" / "history" / "runs").iterdir()}
    assert not left & {gone, gone_too, passed_over}


def test_it_runs_each_night_unless_somebody_switches_it_off_and_the_environment_says_how_much_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert maintenance_schedule.default_status is DefaultScheduleStatus.RUNNING
    assert load_environment().history_days == 90
    monkeypatch.setenv("INVENTORY_HISTORY_DAYS", "30")
    assert load_environment().history_days == 30
    monkeypatch.setenv("INVENTORY_HISTORY_DAYS", "0")
    with pytest.raises(UsageError, match="INVENTORY_HISTORY_DAYS='0' is not a whole number of days between 1 and 3650"):
        load_environment()


def test_young_runs_stay(instance: DagsterInstance, services: Services) -> None:
    sync(instance, "nobody")
    sync(instance, "nobody")
    assert execute(instance, "maintenance").outputs["deleted_runs"] == 0


def test_old_audit_entries_go(instance: DagsterInstance, services: Services) -> None:
    with services.database.begin() as connection:
        audit.record(connection, LONG_AGO, "someone", "stores add", "berlin")
        audit.record(connection, services.clock() - timedelta(days=1), "someone", "stores add", "paris")
    assert execute(instance, "maintenance").outputs["deleted_audit_entries"] == 1
    with services.database.connect() as connection:
        assert [entry.subject for entry in audit.list_audit(connection)] == ["paris"]


def test_old_settled_notices_go_and_waiting_ones_stay(instance: DagsterInstance, services: Services) -> None:
    services.alerting(timedelta(hours=4)).routes.add("office", "http://127.0.0.1:9/hook", "test")
    with services.database.begin() as connection:
        notices.enqueue(connection, "office", {}, LONG_AGO, "settled")
        letter = notices.claim(connection, services.clock(), timedelta(minutes=1))
        assert letter is not None
        notices.mark_sent(connection, letter.id, LONG_AGO)
        notices.enqueue(connection, "office", {}, LONG_AGO, "waiting")
        notices.enqueue(connection, "removed", {}, LONG_AGO, "orphaned")
    assert execute(instance, "maintenance").outputs["deleted_alerts_and_notices"] == 2
    with services.database.connect() as connection:
        assert [letter.key for letter in notices.list_notices(connection)] == ["waiting"]
