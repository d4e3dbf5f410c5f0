"""What starting loads: by the modules that a process has imported, since times depend on the machine."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from inventory_pipeline_tests.cli.conftest import sync

# Heavy libraries by the name that is imported; what a command does not need it must not load.
HEAVY = {
    *("dagster", "dagster_postgres", "pandas", "numpy", "alembic", "psycopg", "psycopg2", "sqlalchemy.dialects.postgresql"),
    *("httpx", "aiohttp", "apprise", "boto3", "paramiko", "rich.console", "pygments", "uvicorn"),
}
COMMAND = """
import sys
from inventory_pipeline.cli.main import main
sys.argv[0] = "inventory-pipeline"
try:
    main()
finally:
    sys.stderr.write("\\n".join(sys.modules))
"""
# What the process of a run does from its start to its end, as a launcher starts it.
RUN = """
import sys
from dagster import DagsterInstance
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.definitions import defs
job = defs.resolve_job_def("sync_inventory")
with open_instance() as instance:
    run = instance.create_run_for_job(job, tags={"dagster/partition": "supplier"})
    assert execute_run(InMemoryJob(job), run, instance, raise_on_error=True).success
sys.stdout.write("\\n".join(sys.modules))
"""
# What a worker imports after it was forked.
LATE = """
import sys
from inventory_pipeline.cli import sync_process
from inventory_pipeline.connectors.registry import connector_for
connector_for("feed")
job = sync_process.load()
before = set(sys.modules)
from inventory_pipeline.defs.instance import open_instance
with open_instance() as instance:
    sync_process._sync(instance, job, store="supplier", run_id="5f9f64c8-0000-4000-8000-000000000000", accept=[])
    assert instance.get_run_by_id("5f9f64c8-0000-4000-8000-000000000000").is_success
sys.stdout.write("\\n".join(set(sys.modules) - before))
"""


def loaded_by(script: str, *arguments: str) -> set[str]:
    """The modules that a process had imported at its end."""
    child = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=120)
    assert child.returncode == 0, child.stderr[-2_000:]
    return set((child.stderr if script is COMMAND else child.stdout).splitlines())


@pytest.mark.parametrize(
    "arguments",
    [
        ["stores", "list"],
        ["stores", "list", "--json"],
        ["sync-log"],
        ["sync-log", "--json"],
        ["stock"],
        ["alerts", "list"],
        ["audit"],
    ],
    ids=" ".join,
)
def test_what_only_reads_loads_nothing_heavy(feed_store: Callable[..., Path], arguments: list[str]) -> None:
    feed_store("supplier")
    sync("supplier")
    modules = loaded_by(COMMAND, *arguments)
    assert modules & HEAVY == set()
    assert "sqlalchemy" in modules, "it has read nothing"
    if arguments == ["stores", "list"]:  # Typer itself loads pydantic for options with a value
        assert {"pydantic", "cryptography"} & modules == set()


def test_help_of_a_noun_loads_neither_other_nouns_nor_the_database() -> None:
    modules = loaded_by(COMMAND, "stores", "--help")
    assert {"sqlalchemy", "dagster", "inventory_pipeline.cli.alerts", "inventory_pipeline.cli.demo"} & modules == set()


def test_the_process_of_a_run_loads_neither_data_frames_nor_an_http_client_for_a_file(feed_store: Callable[..., Path]) -> None:
    feed_store("supplier")
    modules = loaded_by(RUN)
    unwanted = {
        *("pandas", "numpy", "httpx", "aiohttp", "apprise", "boto3", "botocore", "typer", "psycopg", "psycopg2"),
        *("rich", "pygments", "paramiko", "cryptography", "openpyxl", "lxml", "matplotlib"),
    }
    assert modules & unwanted == set()
    assert "inventory_pipeline.connectors.feed" in modules, "it has synced nothing"


def test_a_forked_worker_imports_next_to_nothing_of_its_own(feed_store: Callable[..., Path]) -> None:
    """Each of them would pay for it again."""
    feed_store("supplier")
    modules = loaded_by(LATE)
    assert "inventory_pipeline.connectors.feed" not in modules, "the store's platform was not loaded beforehand"
    assert len(modules) < 40, modules
