"""One history, whatever command starts a run and wherever."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from dagster import DagsterInstance

from inventory_pipeline.cli.doctor_dagster import answers_anybody
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.defs import names
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.sync.recorded_runs import history
from inventory_pipeline.defs.sync.sync_log import failed_stores, list_syncs, read_syncs
from inventory_pipeline.environment import PROJECT_ROOT, load_environment
from inventory_pipeline_tests.defs.live import DagsterDev, start_dagster
from inventory_pipeline_tests.defs.runs import sync
from inventory_pipeline_tests.postgres import PostgresServer

CODE = ("-m", "inventory_pipeline.definitions")
TAGS = json.dumps({names.PARTITION_TAG: "nobody"})
MATERIALIZE = ("asset", "materialize", "--select", "inventory_snapshot", "--partition", "nobody", *CODE)
EXECUTE = ("job", "execute", "-j", names.SYNC_JOB, "--tags", TAGS, *CODE)
LAUNCH = ("job", "launch", "-j", names.SYNC_JOB, "--tags", TAGS, "-w", str(PROJECT_ROOT / "workspace.yaml"))
HOME = {"DAGSTER_HOME": str(PROJECT_ROOT)}


@pytest.mark.slow
def test_every_entry_from_every_folder_shares_one_history(instance: DagsterInstance, tmp_path: Path) -> None:
    add_partitions(instance, ["nobody"])
    # `job launch` refuses to work without DAGSTER_HOME.
    started = [
        *(start_dagster(*command, folder=PROJECT_ROOT) for command in (MATERIALIZE, EXECUTE)),
        *(start_dagster(*command, folder=tmp_path, **HOME) for command in (MATERIALIZE, EXECUTE, LAUNCH)),
        start_dagster(*LAUNCH, folder=PROJECT_ROOT, **HOME),
    ]
    for process in started:
        process.wait(timeout=120)
    rows = list_syncs(instance)
    assert sorted(row.status for row in rows) == ["FAILURE"] * 4 + ["QUEUED"] * 2
    assert {row.store for row in rows} == {"nobody"}
    assert [row.outcome for row in rows if row.status == "FAILURE"] == ["refused"] * 4

    script = Path(sys.executable).with_name("inventory-pipeline")
    for folder in (PROJECT_ROOT, tmp_path):
        listed = subprocess.run(
            [script, "sync-log", "--json"], cwd=folder, capture_output=True, text=True, timeout=60, check=True
        )
        assert {row["run_id"] for row in json.loads(listed.stdout)} == {row.run_id for row in rows}
    with DagsterDev(tmp_path, **HOME) as dev:
        shown = dev.ask("{ runsOrError { ... on Runs { results { runId } } } }")["runsOrError"]["results"]
        assert {run["runId"] for run in shown} == {row.run_id for row in rows}
        assert answers_anybody(dev.port, instance), "it has no gate: doctor warns of it"


def test_dagster_runs_the_project_as_dagster_yaml_says(instance: DagsterInstance) -> None:
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_max_runtime_seconds
    assert instance.run_retries_enabled
    assert not instance.run_retries_retry_on_asset_or_op_failure
    assert not instance.telemetry_enabled
    assert instance.managed_python_loggers == ["inventory_pipeline"]
    assert instance.get_settings("run_monitoring")["free_slots_after_run_end_seconds"]
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    one_each = {"key": names.PARTITION_TAG, "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
    assert queue.tag_concurrency_limits == [one_each]


def test_the_history_may_be_kept_in_postgresql(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgres_server.create_empty_database()
    monkeypatch.setenv("INVENTORY_DAGSTER_DATABASE_URL", url)
    try:
        with open_instance() as instance:
            _, row = sync(instance, "nobody")
            assert (row.status, row.outcome) == ("FAILURE", "refused")
            assert list_syncs(instance) == [row]
            assert list_syncs(instance, store="nobody") == [row]
            assert failed_stores(instance, ["nobody"]) == []
            with history(load_environment()) as connection:
                assert connection is not None
                assert read_syncs(connection) == [row]
    finally:
        postgres_server.drop_database(url)


def test_reading_without_dagster_says_where_the_history_cannot_be_read(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with history(load_environment()) as nothing_yet:
        assert nothing_yet is None
    assert not data_dir.exists()
    (data_dir / "dagster" / "history").mkdir(parents=True)
    (data_dir / "dagster" / "history" / "runs.db").write_text("not a database")
    with pytest.raises(UsageError, match=r"cannot be read at .*runs\.db: file is not a database"), history(load_environment()):
        pass
    monkeypatch.setenv("INVENTORY_DAGSTER_DATABASE_URL", "postgresql://dagster:hunter2@127.0.0.1:1/dagster")
    with (
        pytest.raises(UsageError, match=r"at INVENTORY_DAGSTER_DATABASE_URL: .*onnection") as refused,
        history(load_environment()),
    ):
        pass
    assert "hunter2" not in str(refused.value)


def test_a_history_of_the_persons_own_is_left_to_dagster(
    instance: DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with history(load_environment()) as connection:
        assert connection is not None
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with history(load_environment()) as connection:
        assert connection is None


def test_history_and_stock_in_one_database_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "postgresql+psycopg://stock@db.example/inventory")
    monkeypatch.setenv("INVENTORY_DAGSTER_DATABASE_URL", "postgresql://dagster:hunter2@db.example:5432/inventory")
    with pytest.raises(UsageError, match="give Dagster a database of its own"), open_instance():
        pass


def test_a_history_that_cannot_be_opened_says_which_variable_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DAGSTER_DATABASE_URL", "mysql://dagster:hunter2@db.example/dagster")
    with (
        pytest.raises(UsageError, match="INVENTORY_DAGSTER_DATABASE_URL is not a PostgreSQL address") as refused,
        open_instance(),
    ):
        pass
    assert "hunter2" not in str(refused.value)
    monkeypatch.setenv("DAGSTER_HOME", "relative/folder")
    with pytest.raises(UsageError, match="DAGSTER_HOME"), open_instance():
        pass
