"""The Dagster instance for commands that `dagster` itself does not start."""

import os
from urllib.parse import urlsplit

from dagster import DagsterError, DagsterInstance

from inventory_pipeline.core.errors import InventoryError, UsageError
from inventory_pipeline.core.text import one_line
from inventory_pipeline.defs.private_dagster import InstanceRef
from inventory_pipeline.environment import PROJECT_ROOT, load_environment
from inventory_pipeline.private_files import make_folder


def open_instance() -> DagsterInstance:
    """The instance that `dagster dev` in the checkout uses, from any folder. Close it: it is a context manager.

    DAGSTER_HOME is respected where it is set. Raises UsageError where it, or the history's address, cannot be used.
    """
    environment = load_environment()
    try:
        if os.environ.get("DAGSTER_HOME"):
            return DagsterInstance.get()
        # What dagster does for a plain `dagster dev`, but with a base folder that stays.
        base = environment.dagster_dir
        make_folder(base)
        return DagsterInstance.from_ref(InstanceRef.from_dir(str(base), config_dir=str(PROJECT_ROOT)))
    except (DagsterError, OSError) as error:
        cure = "; let this user write there, or set INVENTORY_DATA_DIR to another folder" if isinstance(error, OSError) else ""
        raise UsageError(f"Dagster's history cannot be opened: {one_line(error, 500)}{cure}") from error


def history_error(error: BaseException) -> InventoryError | None:
    """What trouble of the database that holds Dagster's history means; None for any other error.

    The inventory database speaks for itself (`db/errors.py`), so that whatever else SQLAlchemy raises is of Dagster's.
    """
    # Dagster's PostgreSQL storage tries a few times to connect, then raises an error of its own.
    cause = error.__cause__ if type(error).__module__.startswith("dagster") else error
    if cause is None or not type(cause).__module__.startswith(("sqlalchemy", "sqlite3")):
        return None
    from inventory_pipeline.db.errors import typed_error

    environment = load_environment()
    url = environment.dagster_database_url
    if url is None:
        where, setting = f"SQLite files under {environment.dagster_dir}", "INVENTORY_DATA_DIR"
    else:
        parts = urlsplit(url)
        where = f"PostgreSQL database {parts.path.removeprefix('/')} on {parts.hostname or parts.query or 'localhost'}"
        setting = "INVENTORY_DAGSTER_DATABASE_URL"
    return typed_error(cause, f"Dagster's database ({where})", setting)
