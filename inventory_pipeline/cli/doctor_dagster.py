"""What `doctor` looks at in Dagster: whose history this is, whether a daemon lives, whether anything is switched off."""

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from inventory_pipeline.cli.findings import Finding
from inventory_pipeline.cli.session import Session
from inventory_pipeline.core.text import one_line
from inventory_pipeline.environment import PROJECT_ROOT
from inventory_pipeline.web.serving import HOST, PORT

if TYPE_CHECKING:
    from dagster import DagsterInstance

_START_DAEMON = "`inventory-pipeline serve` starts one; `sync-all-stores` needs none"
_UNGATED = "plain `dagster dev`, `dg dev` and `dagster-webserver` have no gate"


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
    from dagster import DagsterRunStatus, RunsFilter

    from inventory_pipeline.defs.integrations.sensor import daemon_is_running

    if not daemon_is_running(session.dagster):
        waiting = session.dagster.get_runs_count(RunsFilter(statuses=[DagsterRunStatus.QUEUED]))
        queue = f", and {waiting:,} queued runs wait for it" if waiting else ""
        detail = f"no Dagster daemon is running: neither schedule nor sensors run{queue}"
        yield Finding("daemon", "warn", detail, _START_DAEMON)
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


def look_at_web(session: Session) -> Iterator[Finding]:
    if answers_anybody(PORT, session.dagster):
        detail = f"http://{HOST}:{PORT} serves this history without the gate: any web page that is open in a browser can use it"
        yield Finding("web UI", "warn", detail, f"end it and start `inventory-pipeline serve` or `dev`; {_UNGATED}")
    else:
        yield Finding("web UI", "ok", f"`serve` and `dev` answer to {', '.join(session.environment.web_hosts)}; {_UNGATED}")


def answers_anybody(port: int, instance: "DagsterInstance") -> bool:
    """Whether the web UI at this port shows this history, told by its id, whatever host it is asked as."""
    from inventory_pipeline.defs.private_dagster_storage import SqlRunStorage

    if not isinstance(instance.run_storage, SqlRunStorage):
        return False
    with closing(HTTPConnection(HOST, port, timeout=2)) as connection:
        try:
            connection.request("GET", "/", headers={"Host": "gate.invalid"})
            answer = connection.getresponse()
            page = answer.read().decode(errors="replace")
        except (OSError, HTTPException):  # nothing is there, or no web server
            return False
    return answer.status == 200 and instance.run_storage.get_run_storage_id() in page


def look_at_schedule(session: Session) -> Iterator[Finding]:
    from inventory_pipeline.defs.private_dagster_storage import InstigatorStatus
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


def look_at_partitions(session: Session) -> Iterator[Finding]:
    """Stores that Dagster cannot be asked to sync, since it does not know their keys."""
    from inventory_pipeline.defs.integrations.partitions import compare_partitions

    missing = compare_partitions(session.dagster, session.integrations.list()).add
    if missing:
        named = ", ".join(missing[:10]) + (f" and {len(missing) - 10:,} more" if len(missing) > 10 else "")
        cure = "`inventory-pipeline serve` adds it within seconds, `sync-all-stores` before it syncs"
        yield Finding("partitions", "warn", f"Dagster has no partition for {named}", cure)
    else:
        yield Finding("partitions", "ok", "every store is a partition in Dagster")


def look_at_history(session: Session) -> Iterator[Finding]:
    """How much room Dagster's history takes, how fast it grows, and whether anybody cleans it."""
    from inventory_pipeline.defs.private_dagster_storage import InstigatorStatus

    runs, a_day = _runs_counted(session)
    size, days = _history_bytes(session), session.environment.history_days
    growth = f", about {_megabytes(size / runs * a_day)} a day" if runs else ""
    detail = f"{_megabytes(size)} for {runs:,} runs{growth}"
    off = session.dagster.all_instigator_state(instigator_statuses={InstigatorStatus.STOPPED})
    if any(state.name == "maintenance_schedule" for state in off):
        cure = "switch maintenance_schedule on under Automation in Dagster's UI, or launch the job maintenance now and then"
        yield Finding("history", "warn", f"{detail}; nothing deletes old runs", cure)
    else:
        yield Finding("history", "ok", f"{detail}; runs older than {days} days are deleted each night (INVENTORY_HISTORY_DAYS)")


def _runs_counted(session: Session) -> tuple[int, float]:
    """All runs, and how many there are a day: over the last week, or over the history where that is younger."""
    from dagster import RunsFilter

    now = session.services.clock()
    oldest = next(iter(session.dagster.get_run_records(limit=1, ascending=True)), None)
    if oldest is None:
        return 0, 0.0
    span = min(max(now - oldest.create_timestamp, timedelta(days=1)), timedelta(days=7))
    lately = session.dagster.get_runs_count(RunsFilter(created_after=now - span))
    return session.dagster.get_runs_count(), lately / (span / timedelta(days=1))


def _history_bytes(session: Session) -> int:
    if session.environment.dagster_database_url is None:
        return sum(file.stat().st_size for file in session.environment.dagster_dir.rglob("*") if file.is_file())
    import sqlalchemy as sa

    from inventory_pipeline.defs.sync.recorded_runs import history_of

    with history_of(session.dagster) as connection:
        return connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one()


def _megabytes(number: float) -> str:
    return f"{number / 1e6:,.1f} MB"


def look_at_runs(session: Session) -> Iterator[Finding]:
    """Runs whose process is gone. With a daemon this shows them for a minute or two at most."""
    from inventory_pipeline.defs.integrations.sensor import daemon_is_running
    from inventory_pipeline.defs.sync.stuck_runs import find_stuck_runs

    stuck = find_stuck_runs(session.dagster, session.services)
    if not stuck:
        yield Finding("runs", "ok", "no run is stuck")
        return
    detail = "; ".join(f"{run.description} ({run.run.status.value}): {run.death.reason}" for run in stuck)
    if daemon_is_running(session.dagster):
        cure = "stuck_sync_sensor ends it within two minutes if it stays silent; see under Automation that it is switched on"
        yield Finding("runs", "warn", f"stuck: {detail}", cure)
    else:
        cure = "`inventory-pipeline sync-all-stores` ends it and syncs the stores; so does the daemon, once it runs"
        yield Finding("runs", "fail", f"stuck: {detail}", cure)
