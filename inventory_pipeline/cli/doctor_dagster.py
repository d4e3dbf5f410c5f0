"""What `doctor` looks at in Dagster: whose history this is, whether a daemon lives, whether anything is switched off."""

import os
from collections.abc import Iterator
from pathlib import Path

from inventory_pipeline.cli.findings import Finding
from inventory_pipeline.cli.session import Session
from inventory_pipeline.core.text import one_line
from inventory_pipeline.environment import PROJECT_ROOT

_START_DAEMON = (
    f"`inventory-pipeline dev` or `DAGSTER_HOME={PROJECT_ROOT} dagster-daemon run` starts one; `sync-all-stores` needs none"
)


def look_at_dagster(session: Session) -> Iterator[Finding]:
    storage = session.dagster.get_ref().storage_data
    session.dagster.get_runs_count()
    where = "PostgreSQL" if session.environment.dagster_database_url else str(session.environment.dagster_dir)
    home = os.environ.get("DAGSTER_HOME")
    if storage is not None and storage.module_name == "inventory_pipeline.defs.storage":
        yield Finding("dagster", "ok", f"one history from every command and folder: {where}")
        return
    config = Path(home or PROJECT_ROOT) / "dagster.yaml"
    detail = f"{config} {'does not use' if config.exists() else 'is missing, so that nothing names'} the project's history"
    yield Finding("dagster", "fail", detail, f"unset DAGSTER_HOME, or take the storage block of {PROJECT_ROOT / 'dagster.yaml'}")


def look_at_daemon(session: Session) -> Iterator[Finding]:
    from inventory_pipeline.defs.integrations.first_sync import daemon_is_running

    if not daemon_is_running(session.dagster):
        yield Finding("daemon", "warn", "no Dagster daemon: neither schedule nor sensors run", _START_DAEMON)
        return
    troubles = [
        f"{name}: {one_line(status.last_heartbeat.errors[0].message)}"
        for name, status in session.dagster.get_daemon_statuses().items()
        if status.last_heartbeat is not None and status.last_heartbeat.errors
    ]
    if troubles:
        yield Finding("daemon", "warn", "; ".join(troubles), "Dagster's Deployment page shows the whole error")
    else:
        yield Finding("daemon", "ok", "a Dagster daemon is running")


def look_at_schedule(session: Session) -> Iterator[Finding]:
    from dagster._core.scheduler.instigation import InstigatorStatus

    from inventory_pipeline.defs.sync.interval import sync_interval

    environment = session.environment
    sync_interval(environment)
    off = [state.name for state in session.dagster.all_instigator_state(instigator_statuses={InstigatorStatus.STOPPED})]
    if off:
        yield Finding(
            "schedule", "fail", f"switched off: {', '.join(sorted(off))}", "switch it on under Automation in Dagster's UI"
        )
    else:
        yield Finding("schedule", "ok", f"{environment.sync_cron} ({environment.timezone}); schedule and sensors are switched on")
