"""The reaper and the failure sensor: runs that could not speak for themselves any more."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.events import EngineEventData

from inventory_pipeline.core.errors import RunClosed
from inventory_pipeline.db.sync import heartbeats, leases
from inventory_pipeline.db.sync.heartbeats import Process
from inventory_pipeline.definitions import defs
from inventory_pipeline.defs import names
from inventory_pipeline.defs.sync.outcome import SyncOutcome, write_tags
from inventory_pipeline.defs.sync.sensors import stuck_sync_sensor, sync_failure_sensor
from inventory_pipeline.defs.sync.stuck_runs import StuckRunWatch
from inventory_pipeline.defs.sync.sync_log import SyncLogRow, sync_row
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.environment import load_environment
from inventory_pipeline.services.sync.run_life import this_process
from inventory_pipeline.wiring import Services, open_services
from inventory_pipeline_tests.defs.conftest import register
from inventory_pipeline_tests.defs.runs import sync

SECOND = timedelta(seconds=1)
TTL = 60 * SECOND
ELSEWHERE = Process("elsewhere", "another boot", 1)


def running(
    instance: DagsterInstance, status: DagsterRunStatus = DagsterRunStatus.STARTED, job: str = names.SYNC_JOB
) -> DagsterRun:
    tags = {names.PARTITION_TAG: "berlin"} if job == names.SYNC_JOB else {}
    return instance.create_run_for_job(defs.resolve_job_def(job), tags=tags, status=status)


def gone() -> Process:
    """A process of this machine that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return this_process()._replace(pid=child.pid)


def heard(services: Services, run: DagsterRun, ago: timedelta = 2 * TTL, process: Process | None = None) -> None:
    """The run's last heartbeat, so long ago."""
    heartbeats.begin(services.database, run.run_id, "berlin", process or gone(), lambda: services.clock() - ago)


def reap(instance: DagsterInstance) -> str:
    answer = stuck_sync_sensor(dg.build_sensor_context(instance=instance, resources=dict(defs.resources or {})))
    assert isinstance(answer, dg.SkipReason)
    return str(answer.skip_message)


def row_of(instance: DagsterInstance, run: DagsterRun) -> SyncLogRow:
    row = sync_row(instance, run.run_id)
    assert row is not None
    return row


def status_of(instance: DagsterInstance, run: DagsterRun) -> DagsterRunStatus:
    stored = instance.get_run_by_id(run.run_id)
    assert stored is not None
    return stored.status


class TestSilence:
    def test_a_run_whose_process_is_gone_is_failed_with_its_reason_and_its_store_is_free(
        self, instance: DagsterInstance, services: Services
    ) -> None:
        register(services, "http://berlin.example")
        run = running(instance)
        heard(services, run)
        leases.acquire(services.database, "berlin", run.run_id, services.clock(), TTL)
        assert "berlin" in reap(instance)
        row = row_of(instance, run)
        assert (row.status, row.outcome, row.platform) == ("FAILURE", "failed", "woocommerce")
        assert "last heartbeat" in str(row.error)
        assert "the next sync takes over" in str(row.error)
        assert leases.current(services.database, "berlin") is None
        assert reap(instance) == "No run is stuck."

    def test_a_process_that_comes_back_late_neither_begins_nor_syncs(self, instance: DagsterInstance, services: Services) -> None:
        register(services, "http://berlin.example")
        run = running(instance)
        heard(services, run)
        reap(instance)
        with pytest.raises(RunClosed):
            services.sync().sync_all_products("berlin", run_id=run.run_id)
        with pytest.raises(RunClosed):
            heard(services, run)

    def test_a_run_that_was_being_canceled_ends_as_canceled(self, instance: DagsterInstance, services: Services) -> None:
        register(services, "http://berlin.example")
        run = running(instance, DagsterRunStatus.CANCELING)
        heard(services, run)
        reap(instance)
        row = row_of(instance, run)
        assert (row.status, row.outcome) == ("CANCELED", "canceled")

    def test_a_run_that_beats_and_one_that_has_just_begun_are_left_alone(
        self, instance: DagsterInstance, services: Services
    ) -> None:
        beating, begun = running(instance), running(instance)
        heard(services, beating, 59 * SECOND - SECOND)
        assert reap(instance) == "No run is stuck."
        assert status_of(instance, beating) is status_of(instance, begun) is DagsterRunStatus.STARTED

    def test_a_run_that_ended_and_did_not_come_to_tell_dagster_is_closed(
        self, instance: DagsterInstance, services: Services
    ) -> None:
        run = running(instance)
        heard(services, run)
        heartbeats.end(services.database, run.run_id, services.clock() - TTL)
        reap(instance)
        assert status_of(instance, run) is DagsterRunStatus.FAILURE

    @pytest.mark.parametrize("job", ["check_alerts", "maintenance"])
    def test_a_run_of_any_other_job_is_failed_too_without_a_line_in_the_sync_log(
        self, instance: DagsterInstance, services: Services, job: str
    ) -> None:
        run = running(instance, job=job)
        heard(services, run)
        assert f"run of {job}" in reap(instance)
        stored = instance.get_run_by_id(run.run_id)
        assert stored is not None
        assert stored.status is DagsterRunStatus.FAILURE
        assert names.OUTCOME_TAG not in stored.tags

    def test_whoever_died_while_closing_a_run_is_followed_by_the_next(
        self, instance: DagsterInstance, services: Services
    ) -> None:
        run = running(instance)
        heard(services, run)
        seen = heartbeats.of_runs(services.database, [run.run_id])[run.run_id]
        with services.database.begin(wait=False) as connection:
            assert heartbeats.bar(connection, run.run_id, "berlin", seen, services.clock() - TTL)
        assert "berlin" in reap(instance)
        assert status_of(instance, run) is DagsterRunStatus.FAILURE

    def test_while_somebody_closes_a_run_nobody_else_does(self, instance: DagsterInstance, services: Services) -> None:
        run = running(instance)
        heard(services, run)
        seen = heartbeats.of_runs(services.database, [run.run_id])[run.run_id]
        with services.database.begin(wait=False) as connection:
            assert heartbeats.bar(connection, run.run_id, "berlin", seen, services.clock())
        assert reap(instance) == "No run is stuck."
        assert status_of(instance, run) is DagsterRunStatus.STARTED


def test_a_run_that_cannot_be_judged_does_not_stand_in_the_others_way(instance: DagsterInstance, look: "Look") -> None:
    odd, dead = (running(instance, DagsterRunStatus.STARTING) for _ in range(2))
    instance.add_run_tags(odd.run_id, {".dagster/grpc_info": "no address at all"})
    assert look(100 * SECOND) == []
    assert look(15 * SECOND) == [dead.run_id]


class Later:
    """A clock that a test sets ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Later:
    return Later()


@pytest.fixture
def later(clock: Later) -> Iterator[Services]:
    with open_services(load_environment(), clock=clock) as services:
        yield services


@pytest.fixture
def look(instance: DagsterInstance, later: Services, clock: Later) -> Callable[[timedelta], list[str]]:
    """Looks so much later than the last time, as the sensor does from tick to tick; which runs it closed."""
    remembered: list[str | None] = [None]

    def look(after: timedelta) -> list[str]:
        clock.ahead += after
        watch = StuckRunWatch(instance, later, remembered[0])
        closed = [stuck.run.run_id for stuck in watch.look()]
        remembered[0] = watch.remembered
        return closed

    return look


Look = Callable[[timedelta], list[str]]


class TestASecondLook:
    """Where the process cannot be seen, or is there and silent."""

    def test_a_silence_is_believed_only_when_it_lasts(self, instance: DagsterInstance, later: Services, look: Look) -> None:
        run = running(instance)
        heard(later, run, process=ELSEWHERE)
        assert look(timedelta()) == []
        assert look(14 * SECOND) == []
        assert look(SECOND) == [run.run_id]

    def test_a_living_one_whose_clock_is_behind_is_left_alone(
        self, instance: DagsterInstance, later: Services, look: Look
    ) -> None:
        run = running(instance)
        for _ in range(5):
            heard(later, run, process=ELSEWHERE)
            assert look(15 * SECOND) == []

    def test_a_machine_that_slept_or_whose_clock_jumped_costs_nobody_his_run(
        self, instance: DagsterInstance, later: Services, look: Look
    ) -> None:
        run = running(instance)
        heard(later, run, timedelta(), this_process())
        assert look(9 * SECOND) == []
        assert look(timedelta(hours=8)) == []
        heard(later, run, timedelta(), this_process())
        assert look(15 * SECOND) == []

    def test_a_heartbeat_of_the_future_is_no_eternal_life(self, instance: DagsterInstance, later: Services, look: Look) -> None:
        run = running(instance)
        heard(later, run, -timedelta(hours=1), ELSEWHERE)
        assert look(timedelta()) == []
        assert look(15 * SECOND) == [run.run_id]


class TestWithoutALife:
    """Runs whose body has not begun."""

    def test_one_that_started_and_never_began_is_closed_and_cannot_begin_any_more(
        self, instance: DagsterInstance, later: Services, look: Look
    ) -> None:
        register(later, "http://berlin.example")
        run = running(instance)
        assert look(59 * SECOND) == []
        assert look(2 * SECOND) == []
        assert look(15 * SECOND) == [run.run_id]
        assert "no sign of life" in str(row_of(instance, run).error)
        with pytest.raises(RunClosed):
            heard(later, run)

    @pytest.mark.parametrize("status", [DagsterRunStatus.STARTING, DagsterRunStatus.NOT_STARTED])
    def test_one_that_nobody_can_be_asked_about_has_a_start_time_out(
        self, instance: DagsterInstance, look: Look, status: DagsterRunStatus
    ) -> None:
        run = running(instance, status)
        assert look(61 * SECOND) == []
        assert look(15 * SECOND) == []
        assert look(15 * SECOND) == []
        assert look(15 * SECOND) == [run.run_id]

    def test_its_process_is_asked_where_the_code_server_does_not_answer(self, instance: DagsterInstance, look: Look) -> None:
        dead, alive = (running(instance, DagsterRunStatus.STARTING) for _ in range(2))
        for run, process in ((dead, gone()), (alive, this_process())):
            instance.add_run_tags(run.run_id, {".dagster/grpc_info": '{"host": "localhost", "socket": "/nowhere/at/all"}'})
            metadata = {"pid": dg.MetadataValue.text(str(process.pid))}
            instance.report_engine_event("Started process", run, engine_event_data=_engine_event(metadata))
        assert look(61 * SECOND) == []
        assert look(15 * SECOND) == [dead.run_id]
        assert look(60 * SECOND) == []

    def test_one_of_somebody_elses_job_may_have_a_long_step_before_ours(self, instance: DagsterInstance, look: Look) -> None:
        @dg.op
        def something_long() -> None: ...

        @dg.job
        def theirs() -> None:
            something_long()

        run = instance.create_run_for_job(theirs, status=DagsterRunStatus.STARTED)
        assert look(timedelta(hours=1)) == []
        assert look(timedelta(hours=1)) == []
        assert status_of(instance, run) is DagsterRunStatus.STARTED


def _engine_event(metadata: Mapping[str, dg.MetadataValue]) -> EngineEventData:
    return EngineEventData(metadata=metadata)


def test_every_job_and_asset_of_ours_is_one_that_says_at_once_that_it_lives() -> None:
    jobs = {job.name for job in defs.get_repository_def().get_all_jobs() if not job.name.startswith("__")}
    assert jobs == set(names.JOBS)
    assert {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()} == set(names.ASSETS)


@pytest.mark.usefixtures("shop")
class TestPublished:
    """Runs whose process died after the publishing transaction."""

    @pytest.fixture
    def published(self, instance: DagsterInstance, services: Services) -> DagsterRun:
        """As in the moment between the publishing transaction and the run's own words."""
        run = running(instance)
        heard(services, run)
        services.sync().sync_all_products("berlin", run_id=run.run_id)
        return run

    def test_it_ends_as_published_with_its_figures_and_checks(
        self, instance: DagsterInstance, published: DagsterRun, shop: DemoStore
    ) -> None:
        assert "berlin" in reap(instance)
        row = row_of(instance, published)
        assert (row.status, row.outcome, row.seen, row.created, row.platform) == ("SUCCESS", "published", 316, 316, "woocommerce")
        assert row.api_calls
        assert row.ended_at is not None
        assert instance.get_materialized_partitions(dg.AssetKey(names.SNAPSHOT)) == {"berlin"}
        (told,) = materializations(instance)
        assert told.metadata["units"].value == shop.catalogue.units
        assert told.metadata["lines"].value == 316
        checks = checks_of(instance)
        assert len(checks) == 5
        assert {check.partition for check in checks} == {"berlin"}
        assert [check.passed for check in checks if check.check_name == "snapshot_believable"] == [True]

    def test_what_it_had_told_itself_is_not_told_twice(self, instance: DagsterInstance, services: Services) -> None:
        executed, row = sync(instance)
        # Dagster's own last event got lost.
        run = instance.get_run_by_id(executed.run.run_id)
        assert run is not None
        instance.run_storage.delete_run(run.run_id)
        instance.add_run(run.with_status(DagsterRunStatus.STARTED))
        later = services.clock() + 2 * TTL
        with open_services(load_environment(), clock=lambda: later) as services:
            watch = StuckRunWatch(instance, services)
            watch.look()
        with open_services(load_environment(), clock=lambda: later + TTL) as services:
            assert [stuck.store for stuck in StuckRunWatch(instance, services, watch.remembered).look()] == ["berlin"]
        assert status_of(instance, run) is DagsterRunStatus.SUCCESS
        assert len(materializations(instance)) == 1
        assert checks_of(instance) == []
        assert row_of(instance, run).seen == row.seen

    def test_an_older_snapshot_does_not_pass_for_the_newest(self, instance: DagsterInstance, published: DagsterRun) -> None:
        _, newer = sync(instance)
        assert newer.outcome == "published"
        (latest,) = materializations(instance)
        reap(instance)
        assert row_of(instance, published).outcome == "published"
        assert materializations(instance) == [latest]


def materializations(instance: DagsterInstance) -> list[dg.AssetMaterialization]:
    records = instance.fetch_materializations(dg.AssetKey(names.SNAPSHOT), limit=10).records
    return [record.asset_materialization for record in records if record.asset_materialization]


def checks_of(instance: DagsterInstance) -> list[dg.AssetCheckEvaluation]:
    """Those that were told without a run."""
    entries = instance.all_logs("", of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    return [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]


def test_the_next_sync_closes_a_dead_one_itself_where_no_daemon_does(
    instance: DagsterInstance, services: Services, shop: DemoStore
) -> None:
    run = running(instance)
    heard(services, run)
    leases.acquire(services.database, "berlin", run.run_id, services.clock(), TTL)
    _, row = sync(instance)
    assert row.outcome == "published"
    dead = row_of(instance, run)
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
    write_tags(instance, run, SyncOutcome("quarantined", error="too few lines"), "feed")
    instance.report_run_failed(run, "Steps failed")
    tell(instance, run)
    row = sync_row(instance, run.run_id)
    assert row is not None
    assert (row.outcome, row.error, row.platform) == ("quarantined", "too few lines", "feed")
