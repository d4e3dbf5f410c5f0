"""The part of `private_dagster` that loads SQLAlchemy: imported where Dagster's storage is opened or asked anyway."""

# What `doctor` asks for: schedules and sensors that somebody switched off.
from dagster._core.scheduler.instigation import InstigatorStatus as InstigatorStatus

# Dagster asks that a storage which dagster.yaml names be of this type.
from dagster._core.storage.base_storage import DagsterStorage as DagsterStorage

# One file a run, which Dagster empties and leaves: maintenance deletes it.
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage as SqliteEventLogStorage

# Our base class for what runs print, so that it lies beside the history and not in DAGSTER_HOME.
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager as LocalComputeLogManager

# The history's id, by which `doctor` knows a web UI that shows it.
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage as SqlRunStorage

# The history while it is SQLite, in a folder that dagster.yaml need not name.
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage as DagsterSqliteStorage
