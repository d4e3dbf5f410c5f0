"""The calls that say that all is well, to a real monitor on a loopback port."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.defs import names
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.environment import load_environment
from inventory_pipeline.wiring import Services
from inventory_pipeline_tests.defs.conftest import register
from inventory_pipeline_tests.defs.runs import execute
from inventory_pipeline_tests.notify.receivers import HttpServer, running

CALLED = "/hook/T0KEN-which-is-secret"
SCHEDULED = {names.PARTITION_TAG: "berlin", "dagster/schedule_name": "inventory_sync_schedule"}


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    with running(HttpServer()) as server:
        monkeypatch.setenv("INVENTORY_HEARTBEAT_URL", server.url)
        monkeypatch.setenv("INVENTORY_SYNC_HEARTBEAT_URL", f"{server.url}/syncs")
        yield server


def test_each_alert_check_that_ran_to_its_end_is_told(instance: DagsterInstance, services: Services, monitor: HttpServer) -> None:
    register(services, "http://127.0.0.1:9")  # nobody answers there: one dead store does not stop it
    executed = execute(instance, "check_alerts")
    assert executed.run.status is DagsterRunStatus.SUCCESS
    assert monitor.paths == [CALLED]
    assert "T0KEN" not in executed.texts


def test_each_scheduled_sync_is_told_and_no_other(instance: DagsterInstance, services: Services, monitor: HttpServer) -> None:
    register(services, "http://127.0.0.1:9", allow_private=True)
    failed = execute(instance, names.SYNC_JOB, tags=SCHEDULED)
    assert failed.run.status is DagsterRunStatus.FAILURE
    assert monitor.paths == [f"{CALLED}/syncs"]
    execute(instance, names.SYNC_JOB, tags={names.PARTITION_TAG: "berlin"})
    assert len(monitor.paths) == 1


def test_a_monitor_that_refuses_or_is_gone_harms_nothing_and_stays_secret(
    instance: DagsterInstance, monitor: HttpServer, shop: DemoStore, data_dir: Path
) -> None:
    assert shop.url
    monitor.status = 500
    refused = execute(instance, names.SYNC_JOB, tags=SCHEDULED)
    monitor.shutdown()
    monitor.server_close()
    gone = execute(instance, names.SYNC_JOB, tags=SCHEDULED)
    assert refused.run.status is gone.run.status is DagsterRunStatus.SUCCESS
    log = (data_dir / "logs" / "inventory_pipeline.log").read_text()
    assert "The monitor of scheduled syncs did not take its call: it answered 500" in log
    assert log.count("did not take its call") == 2
    assert "T0KEN" not in log + refused.texts + gone.texts


def test_an_address_that_is_none_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_HEARTBEAT_URL", "s3cret-t0ken")
    with pytest.raises(UsageError, match="INVENTORY_HEARTBEAT_URL is not an address") as caught:
        load_environment()
    assert "s3cret" not in str(caught.value)
