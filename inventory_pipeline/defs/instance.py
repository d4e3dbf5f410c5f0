"""The Dagster instance for commands that `dagster` itself does not start."""

import os

from dagster import DagsterError, DagsterInstance
from dagster._core.instance.ref import InstanceRef

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.text import one_line
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
        raise UsageError(f"Dagster's history cannot be opened: {one_line(error, 500)}") from error
