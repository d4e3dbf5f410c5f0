"""What Dagster loads: `dagster dev` in the checkout, `dagster … -m inventory_pipeline.definitions` from anywhere.

Light on purpose: each run's process imports it. What works with stores is imported when it is used.
"""

import dagster as dg

from inventory_pipeline.defs.alerts.assets import check_alerts, stock_alerts
from inventory_pipeline.defs.alerts.jobs import manage_alerts
from inventory_pipeline.defs.alerts.sensors import (
    deliver_notices,
    first_alert_check_sensor,
    notice_delivery_sensor,
    stock_alert_sensor,
    sync_success_notice_sensor,
    sync_trouble_notice_sensor,
)
from inventory_pipeline.defs.integrations.jobs import manage_store_integration, register_store_integration
from inventory_pipeline.defs.integrations.sensor import store_integration_sensor
from inventory_pipeline.defs.maintenance import maintenance, maintenance_schedule
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.assets import inventory_snapshot, sync_inventory
from inventory_pipeline.defs.sync.sensors import inventory_sync_schedule, stuck_sync_sensor, sync_failure_sensor

defs = dg.Definitions(
    assets=[inventory_snapshot, stock_alerts],
    jobs=[
        sync_inventory,
        register_store_integration,
        manage_store_integration,
        check_alerts,
        manage_alerts,
        deliver_notices,
        maintenance,
    ],
    schedules=[inventory_sync_schedule, maintenance_schedule],
    sensors=[
        store_integration_sensor,
        stuck_sync_sensor,
        sync_failure_sensor,
        stock_alert_sensor,
        first_alert_check_sensor,
        notice_delivery_sensor,
        sync_trouble_notice_sensor,
        sync_success_notice_sensor,
    ],
    resources={"inventory": Inventory()},
    # For every job, the hidden one of the UI's Materialize button included: a sync is one step, and one process is enough.
    executor=dg.in_process_executor,
)
