"""The reaper and the failure sensor: runs that could not speak for themselves any more."""

from datetime import timedelta

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from inventory_pipeline.db.sync import leases
from inventory_pipeline.definitions import defs
from inventory_pipeline.defs import names
from inventory_pipeline.defs.sync.endings import Ending, write_tags
from inventory_pipeline.defs.sync.stuck_sync_sensor import stuck_sync_sensor
from inventory_pipeline.defs.sync.sync_failure_sensor import sync_failure_sensor
from inventory_pipeline.defs.sync.sync_log import sync_row
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.wiring import Services
from inventory_pipeline_tests.defs.conftest import register
from inventory_pipeline_tests.defs.runs import sync

TTL = timedelta(seconds=60)


def running(instance: DagsterInstance, status: DagsterRunStatus = DagsterRunStatus.STARTED) -> DagsterRun:
    return instance.create_run_for_job(defs.resolve_job_def(names.SYNC_JOB), tags={names.PARTITION_TAG: "berlin"}, status=status)


def stopped_beating(services: Services, run: DagsterRun) -> None:
    leases.acquire(services.database, "berlin", run.run_id, services.clock() - 2 * TTL, TTL)


def reap(instance: DagsterInstance) -> str:
    answer = stuck_sync_sensor(dg.build_sensor_context(instance=instance, resources=dict(defs.resources or {})))
    assert isinstance(answer, dg.SkipReason)
    return str(answer.skip_message)


def test_a_run_whose_heart_stopped_is_failed_with_its_reason_and_the_store_is_free(
    instance: DagsterInstance, services: Services
) -> None:
    register(services, "http://berlin.example")
    run = running(instance)
    stopped_beating(services, run)
    assert "berlin" in reap(instance)
    row = sync_row(instance, run.run_id)
    assert row is not None
    assert (row.status, row.outcome, row.platform) == ("FAILURE", "failed", "woocommerce")
    assert "last heartbeat" in str(row.error)
    assert leases.current(services.database, "berlin") is None
    assert reap(instance) == "No sync is stuck."


def test_a_run_that_was_being_canceled_ends_as_canceled(instance: DagsterInstance, services: Services) -> None:
    register(services, "http://berlin.example")
    run = running(instance, DagsterRunStatus.CANCELING)
    stopped_beating(services, run)
    reap(instance)
    row = sync_row(instance, run.run_id)
    assert row is not None
    assert (row.status, row.outcome) == ("CANCELED", "canceled")


def test_a_run_that_has_ended_only_loses_its_lease(instance: DagsterInstance, services: Services) -> None:
    register(services, "http://berlin.example")
    run = running(instance, DagsterRunStatus.SUCCESS)
    stopped_beating(services, run)
    assert reap(instance) == "No sync is stuck."
    assert leases.current(services.database, "berlin") is None
    stored = instance.get_run_by_id(run.run_id)
    assert stored is not None
    assert stored.status is DagsterRunStatus.SUCCESS


def test_a_living_lease_is_left_alone(instance: DagsterInstance, services: Services) -> None:
    register(services, "http://berlin.example")
    run = running(instance)
    leases.acquire(services.database, "berlin", run.run_id, services.clock(), TTL)
    assert reap(instance) == "No sync is stuck."
    lease = leases.current(services.database, "berlin")
    assert lease is not None
    assert lease.run_id == run.run_id


def test_a_run_that_has_published_is_let_end_by_itself(instance: DagsterInstance, services: Services, shop: DemoStore) -> None:
    executed, _ = sync(instance)
    run = running(instance)
    # As in the moment between the publishing transaction and the end of the run.
    with services.database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE snapshots SET run_id = '{run.run_id}' WHERE run_id = '{executed.run.run_id}'")
    stopped_beating(services, run)
    assert reap(instance) == "No sync is stuck."
    stored = instance.get_run_by_id(run.run_id)
    assert stored is not None
    assert stored.status is DagsterRunStatus.STARTED


def test_whoever_died_while_closing_a_run_is_followed_by_the_next(instance: DagsterInstance, services: Services) -> None:
    register(services, "http://berlin.example")
    run = running(instance)
    leases.acquire(services.database, "berlin", f"closing:{run.run_id}", services.clock() - 2 * TTL, TTL)
    assert "berlin" in reap(instance)
    row = sync_row(instance, run.run_id)
    assert row is not None
    assert row.outcome == "failed"


def test_the_next_sync_closes_a_dead_one_itself_where_no_daemon_does(
    instance: DagsterInstance, services: Services, shop: DemoStore
) -> None:
    run = running(instance)
    stopped_beating(services, run)
    _, row = sync(instance)
    assert row.outcome == "published"
    dead = sync_row(instance, run.run_id)
    assert dead is not None
    assert (dead.status, dead.outcome) == ("FAILURE", "failed")


def tell(instance: DagsterInstance, run: DagsterRun) -> None:
    """What the daemon does when a run has failed."""
    stored = instance.get_run_by_id(run.run_id)
    assert stored is not None
    event = next(
        entry.get_dagster_event()
        for entry in instance.all_logs(run.run_id)
        if entry.is_dagster_event and entry.get_dagster_event().event_type is dg.DagsterEventType.RUN_FAILURE
    )
    with dg.build_run_status_sensor_context(
        "sync_failure_sensor", event, instance, stored, resources=dict(defs.resources or {})
    ) as context:
        sync_failure_sensor(context.for_run_failure())


@pytest.mark.parametrize("message", [None, "Exceeded maximum runtime of 10800 seconds."])
def test_a_run_that_died_without_a_word_gets_the_reason_into_its_line(
    instance: DagsterInstance, services: Services, message: str | None
) -> None:
    register(services, "http://berlin.example")
    run = running(instance)
    if message is None:
        instance.report_engine_event("Run execution process was terminated by signal 9 (SIGKILL).", run)
        instance.report_run_failed(run)
    else:
        instance.report_run_failed(run, message)
    tell(instance, run)
    row = sync_row(instance, run.run_id)
    assert row is not None
    assert (row.outcome, row.platform) == ("failed", "woocommerce")
    assert row.error == (message or "Run execution process was terminated by signal 9 (SIGKILL).")


def test_what_a_run_said_itself_is_left_as_it_is(instance: DagsterInstance) -> None:
    run = running(instance)
    write_tags(instance, run, Ending("quarantined", error="too few lines"), "feed")
    instance.report_run_failed(run, "Steps failed")
    tell(instance, run)
    row = sync_row(instance, run.run_id)
    assert row is not None
    assert (row.outcome, row.error, row.platform) == ("quarantined", "too few lines", "feed")
