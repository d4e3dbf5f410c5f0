"""Alerts in Dagster: the asset's figures and checks, the sensors, and the form for decisions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.alerts import notices, records
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.db.sync import leases
from inventory_pipeline.db.sync.publish import publish
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline.definitions import defs
from inventory_pipeline.defs.alerts.sensors import (
    first_alert_check_sensor,
    notice_delivery_sensor,
    stock_alert_sensor,
    sync_trouble_notice_sensor,
)
from inventory_pipeline.defs.names import launchpad, store_page
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.wiring import Services
from inventory_pipeline_tests.db.shop import line, publication

FORM: dict[str, Any] = {"action": "acknowledge"}


def fill(services: Services, units: dict[str, int], age: timedelta = timedelta()) -> None:
    """Publishes a snapshot of the store `berlin`, read so long ago."""
    with services.database.begin() as connection:
        if stores.get_store(connection, "berlin") is None:
            store = StoreIntegration(key="berlin", platform="woocommerce", url="https://berlin.example")
            stores.insert_store(connection, store, datetime.now(UTC) - timedelta(days=2))
    now = datetime.now(UTC) - age
    leases.acquire(services.database, "berlin", "run", now, timedelta(hours=1))
    with Stage(services.database, "berlin") as stage:
        stage.add([line(item, number, sku=item.upper(), title="Tea | <b>") for item, number in units.items()], [])
        publish(stage, publication("berlin", "run", now))
    leases.release(services.database, "berlin", "run")


def run(instance: dg.DagsterInstance, job: str, **options: Any) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False, **options)


def test_the_asset_shows_figures_the_worst_and_pictures(instance: dg.DagsterInstance, services: Services) -> None:
    fill(services, {"tea": 3, "cup": 0, "pot": 90})
    result = run(instance, "check_alerts")
    assert result.success
    [materialized] = result.asset_materializations_for_node("stock_alerts")
    metadata: dict[str, Any] = {name: value.value for name, value in materialized.metadata.items()}
    assert (metadata["critical"], metadata["warning"], metadata["opened"], metadata["stores"]) == (1, 1, 2, 1)
    assert f"| out | [berlin]({store_page('berlin')}) | cup | CUP | Tea \\| \\<b\\> | 0 |" in metadata["worst"]
    for alert in open_alerts(services):
        form = f"action: acknowledge\nalerts: [{alert.id}]\n"
        assert f"| [{alert.id}]({launchpad('manage_alerts', form)}) | {alert.level} |" in metadata["worst"]
    assert metadata["charts"].count("![stock over time](data:image/svg+xml;base64,") == 3
    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert {name: check.passed for name, check in checks.items()} == {
        "nothing_newly_out_of_stock": True,
        "every_store_is_fresh": True,
        "notices_delivered": True,
    }
    of_now = [check.target_materialization_data for check in checks.values()]
    assert all(target is not None and target.run_id == result.run_id for target in of_now)


def test_what_runs_out_turns_its_check_red_once_and_what_stays_out_does_not(
    instance: dg.DagsterInstance, services: Services
) -> None:
    def checked() -> dg.AssetCheckEvaluation:
        evaluations = run(instance, "check_alerts").get_asset_check_evaluations()
        [found] = [each for each in evaluations if each.check_name == "nothing_newly_out_of_stock"]
        return found

    fill(services, {"tea": 30, "cup": 0, "pot": 2})
    assert (checked().passed, open_levels(services)) == (True, {"out", "low"}), "the first look has nothing to compare with"
    fill(services, {"tea": 30, "cup": 0, "pot": 0})
    found = checked()
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert found.description is not None
    assert found.description.startswith("1 newly out of stock, 0 newly oversold; 2 out of stock, 0 oversold in all")
    found = checked()
    assert (found.passed, found.metadata["out"].value) == (True, 2)
    fill(services, {"tea": 0, "cup": 0, "pot": 90})
    assert not checked().passed, "one recovered and another ran out"


def open_levels(services: Services) -> set[str]:
    return {alert.level for alert in open_alerts(services)}


def test_a_stale_store_turns_its_check_red(instance: dg.DagsterInstance, services: Services) -> None:
    fill(services, {"tea": 90}, age=timedelta(hours=6))
    result = run(instance, "check_alerts")
    [fresh] = [each for each in result.get_asset_check_evaluations() if each.check_name == "every_store_is_fresh"]
    assert not fresh.passed
    assert fresh.description == "stale: berlin"


def test_a_store_that_was_never_read_is_named_beside_the_stale(instance: dg.DagsterInstance, services: Services) -> None:
    fill(services, {"tea": 90}, age=timedelta(hours=6))
    with services.database.begin() as connection:
        store = StoreIntegration(key="paris", platform="woocommerce", url="https://paris.example")
        stores.insert_store(connection, store, datetime.now(UTC) - timedelta(days=2))
    result = run(instance, "check_alerts")
    [fresh] = [each for each in result.get_asset_check_evaluations() if each.check_name == "every_store_is_fresh"]
    assert fresh.description == "stale: berlin; 1 never read"


def test_a_notice_that_is_not_taken_fails_a_check_and_not_the_run(instance: dg.DagsterInstance, services: Services) -> None:
    fill(services, {"tea": 3})
    services.alerting(timedelta(hours=4)).routes.add("hook", "http://127.0.0.1:9/hook", "test")
    result = run(instance, "check_alerts")
    assert result.success
    [told] = [each for each in result.get_asset_check_evaluations() if each.check_name == "notices_delivered"]
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert told.description is not None
    assert "0 delivered, 1 will be tried again, 0 given up since yesterday; to hook: ConnectError" in told.description


def test_notices_that_other_runs_gave_up_fail_the_check_for_a_day(instance: dg.DagsterInstance, services: Services) -> None:
    fill(services, {"tea": 90})
    services.alerting(timedelta(hours=4)).routes.add("hook", "http://127.0.0.1:9/hook", "test")
    for age in (timedelta(hours=1), timedelta(days=2)):
        with services.database.begin() as connection:
            notices.enqueue(connection, "hook", {}, datetime.now(UTC) - age)
            letter = notices.claim(connection, datetime.now(UTC), timedelta(minutes=1))
            assert letter is not None
            notices.mark_given_up(connection, letter.id, "nobody answers")
    result = run(instance, "check_alerts")
    [told] = [each for each in result.get_asset_check_evaluations() if each.check_name == "notices_delivered"]
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert told.description == "0 delivered, 0 will be tried again, 1 given up since yesterday; to hook: nobody answers"


def test_the_sensor_waits_for_the_first_snapshot(instance: dg.DagsterInstance, services: Services) -> None:
    def tick() -> dg.RunRequest | dg.SkipReason:
        context = dg.build_sensor_context(instance=instance, resources={"inventory": Inventory()})
        answer = stock_alert_sensor(context)
        assert isinstance(answer, dg.RunRequest | dg.SkipReason)
        return answer

    skipped = tick()
    assert isinstance(skipped, dg.SkipReason)
    assert skipped.skip_message == "No store is active: there is nothing to check."
    with services.database.begin() as connection:
        store = StoreIntegration(key="new", platform="woocommerce", url="https://new.example")
        stores.insert_store(connection, store, datetime.now(UTC))
    skipped = tick()
    assert isinstance(skipped, dg.SkipReason)
    assert skipped.skip_message == "No store has been synced yet: the check starts with the first snapshot."
    fill(services, {"tea": 3})
    assert isinstance(tick(), dg.RunRequest)
    assert stock_alert_sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert stock_alert_sensor.minimum_interval_seconds == 3600


def test_the_sensor_does_not_wait_for_ever(instance: dg.DagsterInstance, services: Services) -> None:
    with services.database.begin() as connection:
        store = StoreIntegration(key="berlin", platform="woocommerce", url="https://berlin.example")
        stores.insert_store(connection, store, datetime.now(UTC) - timedelta(hours=6))
    context = dg.build_sensor_context(instance=instance, resources={"inventory": Inventory()})
    assert isinstance(stock_alert_sensor(context), dg.RunRequest), "a store that was never read is stale by now"


def test_a_first_snapshot_is_checked_at_once_and_only_once(instance: dg.DagsterInstance, services: Services) -> None:
    def tick() -> str | None:
        context = dg.build_sensor_context(instance=instance, resources={"inventory": Inventory()})
        answer = first_alert_check_sensor(context)
        return answer.run_key if isinstance(answer, dg.RunRequest) else None

    assert tick() is None
    fill(services, {"tea": 3})
    key = tick()
    assert key is not None
    assert tick() == key, "Dagster asks for no second run under the same key"
    run(instance, "check_alerts")
    assert tick() is None
    fill(services, {"tea": 2})
    assert tick() is None, "the hourly check is soon enough"


def test_a_first_snapshot_that_is_stale_is_nothing_to_check(instance: dg.DagsterInstance, services: Services) -> None:
    fill(services, {"tea": 3}, age=timedelta(hours=6))
    context = dg.build_sensor_context(instance=instance, resources={"inventory": Inventory()})
    assert isinstance(first_alert_check_sensor(context), dg.SkipReason)


def test_delivery_is_requested_only_while_notices_are_due(instance: dg.DagsterInstance, services: Services) -> None:
    def tick() -> object:
        return notice_delivery_sensor(dg.build_sensor_context(instance=instance, resources={"inventory": Inventory()}))

    assert isinstance(tick(), dg.SkipReason)
    services.alerting(timedelta(hours=4)).routes.add("hook", "http://127.0.0.1:9/hook", "test")
    with services.database.begin() as connection:
        notices.enqueue(connection, "hook", {"key": "k", "created_at": "x"}, datetime.now(UTC))
    assert isinstance(tick(), dg.RunRequest)
    result = run(instance, "deliver_notices")
    assert result.success
    assert isinstance(tick(), dg.SkipReason)


def open_alerts(services: Services) -> list[Any]:
    with services.database.connect() as connection:
        return records.list_alerts(connection)


@pytest.mark.parametrize("threshold", ["1", 1, 1.5])
def test_decisions_are_made_on_the_launchpad(instance: dg.DagsterInstance, services: Services, threshold: object) -> None:
    fill(services, {"tea": 3})
    run(instance, "check_alerts")
    [alert] = open_alerts(services)
    assert run(instance, "manage_alerts", run_config={**FORM, "alerts": [alert.id]}).success
    assert open_alerts(services)[0].status == "acknowledged"
    assert run(instance, "manage_alerts", run_config={"action": "snooze", "alerts": [alert.id], "hours": 2}).success
    assert open_alerts(services)[0].status == "snoozed"
    form = {"action": "set_threshold", "scope": "store", "store": "berlin", "threshold": threshold}
    assert run(instance, "manage_alerts", run_config=form).success
    run(instance, "check_alerts")
    assert open_alerts(services) == []


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (FORM, "acknowledge needs the numbers of alerts; the asset stock_alerts lists them"),
        ({**FORM, "alerts": [99]}, "alert 99 does not exist; `inventory-pipeline alerts list` shows the open ones"),
        ({"action": "set_threshold", "scope": "store", "threshold": "1"}, "a store rule needs a store"),
        ({"action": "set_threshold", "threshold": "many"}, "threshold 'many' is not a number"),
    ],
)
def test_what_cannot_be_done_is_said(instance: dg.DagsterInstance, form: dict[str, Any], says: str) -> None:
    result = run(instance, "manage_alerts", run_config=form)
    assert not result.success
    [failure] = result.get_step_failure_events()
    assert failure.step_failure_data.user_failure_data is not None
    assert failure.step_failure_data.user_failure_data.description == says


def test_a_failed_sync_is_told_once_until_a_good_one(instance: dg.DagsterInstance, services: Services) -> None:
    fill(services, {"tea": 90})
    with services.database.begin() as connection:
        stores.update_store(connection, "berlin", url="http://127.0.0.1:9")
    instance.add_dynamic_partitions("store_integrations", ["berlin"])
    for _ in range(2):
        failed = run(instance, "sync_inventory", partition_key="berlin")
        context = dg.build_run_status_sensor_context(
            sensor_name="sync_trouble_notice_sensor",
            dagster_instance=instance,
            dagster_run=failed.dagster_run,
            dagster_event=failed.get_run_failure_event(),
            resources={"inventory": Inventory()},
        ).for_run_failure()
        sync_trouble_notice_sensor(context)
    assert [(alert.kind, alert.level) for alert in open_alerts(services)] == [("sync", "failed")]
