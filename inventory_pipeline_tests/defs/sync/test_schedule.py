"""The schedule on a real history and real tables."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster import DagsterInstance
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import StoreIntegration, freshness
from inventory_pipeline.definitions import defs
from inventory_pipeline.defs.sync.interval import checked_cron, sync_interval
from inventory_pipeline.defs.sync.sensors import inventory_sync_schedule
from inventory_pipeline.environment import load_environment
from inventory_pipeline.wiring import Services
from inventory_pipeline_tests.defs.conftest import register

TICK = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


def tick(instance: DagsterInstance) -> ScheduleExecutionData:
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=TICK,
        repository_def=defs.get_repository_def(),
        resources=dict(defs.resources or {}),
    )
    return inventory_sync_schedule.evaluate_tick(context)


def test_each_active_store_gets_one_run_with_a_key_of_its_own(instance: DagsterInstance, services: Services) -> None:
    register(services, "http://berlin.example", "berlin")
    register(services, "http://paris.example", "paris")
    register(services, "http://oslo.example", "oslo", is_active=False)
    requests = tick(instance).run_requests
    assert requests is not None
    assert [(request.run_key, request.partition_key) for request in requests] == [
        ("berlin:2026-11-23T16:00:00Z", "berlin"),
        ("paris:2026-11-23T16:00:00Z", "paris"),
    ]
    again = tick(instance).run_requests
    assert again is not None
    assert [request.run_key for request in again] == [request.run_key for request in requests]


def test_without_an_active_store_it_says_how_to_add_one(instance: DagsterInstance) -> None:
    assert "stores add" in str(tick(instance).skip_message)


def test_it_is_on_by_default_every_four_hours() -> None:
    schedule = defs.resolve_schedule_def("inventory_sync_schedule")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 */4 * * *", "UTC")


@pytest.mark.parametrize("cron", ["0 */2 * * *", "30 6 * * 1-5", "@daily"])
def test_cron_lines_that_tick_are_taken(cron: str) -> None:
    assert checked_cron(cron, "Europe/Berlin") == cron


@pytest.mark.parametrize("cron", ["every 4h", "61 * * * *", "* * * * * *", "0 0 30 2 *", "0 0 31 4 *"])
def test_cron_lines_that_never_tick_are_refused_with_an_example(cron: str) -> None:
    with pytest.raises(UsageError, match=r"INVENTORY_SYNC_CRON=.*such as '0 \*/2 \* \* \*'"):
        checked_cron(cron, "UTC")


@pytest.mark.parametrize("timezone", ["Mars/Base", "../etc", "Europe"])
def test_a_time_zone_that_is_none_is_refused_with_an_example(timezone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_TIMEZONE", timezone)
    with pytest.raises(UsageError, match=r"INVENTORY_TIMEZONE=.*such as 'Europe/Berlin'"):
        load_environment()


def load(**environment: str) -> subprocess.CompletedProcess[str]:
    program = (
        "from inventory_pipeline.definitions import defs; s = defs.resolve_schedule_def('inventory_sync_schedule');"
        " print(s.cron_schedule, s.execution_timezone)"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_environment_sets_when_and_a_bad_value_stops_the_loading() -> None:
    good = load(INVENTORY_SYNC_CRON="0 */2 * * *", INVENTORY_TIMEZONE="Europe/Berlin")
    assert good.stdout.strip() == "0 */2 * * * Europe/Berlin"
    bad = load(INVENTORY_SYNC_CRON="often")
    assert "UsageError: INVENTORY_SYNC_CRON='often' is not a cron line" in bad.stderr


@pytest.mark.parametrize(
    ("cron", "timezone", "hours"),
    [("0 */2 * * *", "UTC", 2), ("30 6 * * *", "UTC", 24), ("0 9 * * 1-5", "UTC", 72), ("*/15 * * * *", "Europe/Berlin", 0.25)],
)
def test_freshness_is_measured_by_the_longest_gap_of_whatever_cron(
    monkeypatch: pytest.MonkeyPatch, cron: str, timezone: str, hours: float
) -> None:
    monkeypatch.setenv("INVENTORY_SYNC_CRON", cron)
    monkeypatch.setenv("INVENTORY_TIMEZONE", timezone)
    interval = sync_interval(load_environment())
    assert interval == timedelta(hours=hours)
    store = StoreIntegration(key="a", platform="feed", url="a.csv")
    assert freshness(store, interval) == 1.25 * timedelta(hours=hours)
