"""When alerts are checked, notices are delivered, and ends of syncs are told."""

import dagster as dg

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.sync import Outcome
from inventory_pipeline.defs import names
from inventory_pipeline.defs.alerts.assets import check_alerts
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.interval import sync_interval
from inventory_pipeline.defs.sync.sync_log import is_sync, sync_row
from inventory_pipeline.environment import load_environment

_MINUTE = 60


@dg.sensor(
    name="stock_alert_sensor",
    job=check_alerts,
    minimum_interval_seconds=int(load_environment().alert_interval.total_seconds()),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests one alert check an hour, or as often as INVENTORY_ALERT_INTERVAL_SECONDS says.",
)
def stock_alert_sensor(inventory: dg.ResourceParam[Inventory]) -> dg.RunRequest | dg.SkipReason:
    from inventory_pipeline.db.alerts import alert_stores
    from inventory_pipeline.db.integrations import stores
    from inventory_pipeline.services.alerts.store_checks import staleness

    with inventory.open() as services, services.database.connect() as connection:
        active = [store for store in stores.list_stores(connection) if store.is_active]
        read = alert_stores.read_stores(connection)
        now, interval = services.clock(), sync_interval(services.environment)
    if not active:
        return dg.SkipReason("No store is active: there is nothing to check.")
    # A store that was never read is stale after its limit, which is an alert.
    if all(store.key not in read and staleness(store, None, now, interval)[0] == "fine" for store in active):
        return dg.SkipReason("No store has been synced yet: the check starts with the first snapshot.")
    return dg.RunRequest(run_key=f"check:{show_instant(now)}")


@dg.sensor(
    name="first_alert_check_sensor",
    job=check_alerts,
    minimum_interval_seconds=_MINUTE,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests an alert check when a store has its first snapshot, which else might wait for an hour.",
)
def first_alert_check_sensor(inventory: dg.ResourceParam[Inventory]) -> dg.RunRequest | dg.SkipReason:
    from inventory_pipeline.db.alerts import alert_stores, alerts

    with inventory.open() as services, services.database.connect() as connection:
        found = alert_stores.alert_stores(connection, services.clock(), sync_interval(services.environment))
        known = alerts.evaluated_stores(connection)
    new = [store.reading.newest_id for store in found if store.key not in known and not store.stale]
    if not new:
        return dg.SkipReason("Every store that was read has been checked once: stock_alert_sensor goes on with them.")
    # One run for all that are new; while it waits or after it failed no other, unless there is more to see.
    return dg.RunRequest(run_key=f"first:{max(new)}")


@dg.op(description="Tries every notice that is due, once.")
def deliver(context: dg.OpExecutionContext, inventory: dg.ResourceParam[Inventory]) -> None:
    with inventory.open() as services:
        delivered = services.alerting(sync_interval(services.environment)).delivery.run()
    figures = {"delivered": delivered.sent, "will_be_tried_again": delivered.failed, "given_up": delivered.given_up}
    context.add_output_metadata(figures)


@dg.job(description="Delivers notices that wait in the outbox. Does no harm at any time.")
def deliver_notices() -> None:
    deliver()


@dg.sensor(
    name="notice_delivery_sensor",
    # By name: to give an op job its resources Dagster would copy the sensor, and warn of a beta that nobody uses.
    job_name=deliver_notices.name,
    minimum_interval_seconds=_MINUTE,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests a delivery while notices are due that the hourly check did not get through.",
)
def notice_delivery_sensor(inventory: dg.ResourceParam[Inventory]) -> dg.RunRequest | dg.SkipReason:
    from inventory_pipeline.db.alerts import outbox

    with inventory.open() as services, services.database.connect() as connection:
        now = services.clock()
        if not outbox.next_due(connection, now):
            return dg.SkipReason("No notice is due.")
    return dg.RunRequest(run_key=f"deliver:{show_instant(now)}")


@dg.run_failure_sensor(
    name="sync_trouble_notice_sensor",
    monitor_all_code_locations=True,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Puts failed and quarantined syncs into the outbox: once per trouble, not once per run.",
)
def sync_trouble_notice_sensor(context: dg.RunFailureSensorContext, inventory: dg.ResourceParam[Inventory]) -> None:
    _tell_end(context.instance, context.dagster_run, inventory)


@dg.run_status_sensor(
    name="sync_success_notice_sensor",
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitor_all_code_locations=True,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends a store's sync alert when a sync succeeds, and tells the routes that asked for sync_completed.",
)
def sync_success_notice_sensor(context: dg.RunStatusSensorContext, inventory: dg.ResourceParam[Inventory]) -> None:
    _tell_end(context.instance, context.dagster_run, inventory)


def _tell_end(instance: dg.DagsterInstance, run: dg.DagsterRun, inventory: Inventory) -> None:
    store = run.tags.get(names.PARTITION_TAG)
    if store is None or not is_sync(run):
        return
    row = sync_row(instance, run.run_id)
    outcome: Outcome = "failed" if row is None or row.outcome is None else row.outcome
    with inventory.open() as services:
        notices = services.alerting(sync_interval(services.environment)).sync_notices
        notices.sync_ended(store, run.run_id, outcome, row and row.error, row and row.ended_at)
