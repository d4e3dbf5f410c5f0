"""What Dagster loads: complete, valid and light."""

import subprocess
import sys

import dagster as dg

from inventory_pipeline.definitions import defs

HEAVY = ("pandas", "sqlalchemy", "httpx", "msgspec", "cryptography", "alembic")


def test_everything_people_type_is_there() -> None:
    assert dg.Definitions.validate_loadable(defs) is None
    repository = defs.get_repository_def()
    jobs = {"sync_inventory", "register_store_integration", "manage_store_integration", "maintenance"}
    jobs |= {"check_alerts", "manage_alerts", "deliver_notices"}
    assert jobs <= set(repository.job_names)
    on = dg.DefaultSensorStatus.RUNNING
    assert {sensor.name for sensor in repository.sensor_defs if sensor.default_status is on} == {
        "store_integration_sensor",
        "stuck_sync_sensor",
        "sync_failure_sensor",
        "stock_alert_sensor",
        "first_alert_check_sensor",
        "notice_delivery_sensor",
        "sync_trouble_notice_sensor",
        "sync_success_notice_sensor",
    }
    # `dagster definitions validate` passes over a sensor's missing resource.
    assert all(sensor.required_resource_keys <= {"inventory"} for sensor in repository.sensor_defs)


def test_every_job_runs_in_one_process_the_hidden_one_of_materialize_included() -> None:
    for name in ("__ASSET_JOB", "sync_inventory", "maintenance"):
        assert defs.resolve_job_def(name).executor_def is dg.in_process_executor


def test_loading_leaves_the_heavy_libraries_for_later() -> None:
    program = f"import sys, inventory_pipeline.definitions; print([name for name in {HEAVY} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
