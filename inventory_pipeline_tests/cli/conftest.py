"""A data folder of its own for each test, and the real commands run in it."""

import contextlib
import logging
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterRunStatus
from typer.testing import CliRunner, Result

from inventory_pipeline.cli.main import app
from inventory_pipeline.db.sync import heartbeats
from inventory_pipeline.definitions import defs
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.defs.names import CODE_LOCATION, PARTITION_TAG, SYNC_JOB
from inventory_pipeline.defs.private_dagster import job_origin
from inventory_pipeline.environment import load_environment
from inventory_pipeline.logs import LOGGER
from inventory_pipeline.services.sync.run_life import this_process
from inventory_pipeline.wiring import open_services

# Whatever the machine or a `.env` says must not reach a test; empty, since `.env` fills in what is unset.
OUTSIDE = (
    *("DAGSTER_HOME", "INVENTORY_DATABASE_URL", "INVENTORY_DAGSTER_DATABASE_URL", "INVENTORY_FEED_DIR"),
    *("INVENTORY_SECRET_KEY", "INVENTORY_SYNC_CRON", "INVENTORY_TIMEZONE", "INVENTORY_LOG_LEVEL"),
)

Cli = Callable[..., Result]


@pytest.fixture(scope="session")
def made_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Empty databases, made once: making them costs more than most tests."""
    folder = tmp_path_factory.mktemp("made") / "data"
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in OUTSIDE:
            monkeypatch.setenv(name, "")
        monkeypatch.setenv("INVENTORY_DATA_DIR", str(folder))
        open_instance().dispose()
        with open_services(load_environment()) as services:
            services.database.migrate()
    return folder


@pytest.fixture(autouse=True)
def data_dir(made_data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """INVENTORY_DATA_DIR for this process and those that it starts; `feeds` in it exists."""
    umask = os.umask(0o077)  # as `main` does, which the tests do not go through
    folder = tmp_path / "data"
    shutil.copytree(made_data_dir, folder)
    (folder / "feeds").mkdir()
    for name in OUTSIDE:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("INVENTORY_DATA_DIR", str(folder))
    monkeypatch.setenv("INVENTORY_RETRY_WAIT_SECONDS", "0")
    monkeypatch.setenv("INVENTORY_ALLOW_PRIVATE_HOSTS", "127.0.0.1")  # where the tests' shops and receivers are
    yield folder
    os.umask(umask)
    logger = logging.getLogger(LOGGER)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def cli() -> Cli:
    """Runs `inventory-pipeline` in this process: cli("stores", "list").stdout."""

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=stdin)

    return run


@pytest.fixture
def feed_store(cli: Cli, data_dir: Path) -> Callable[..., Path]:
    """Registers a feed store and writes its file: feed_store("supplier", "sku,available\\nA,1\\n")."""

    def register(key: str = "supplier", text: str = "sku,title,available\nA,Apple,3\nB,Bee,\nC,Cup,40\n", *options: str) -> Path:
        file = data_dir / "feeds" / f"{key}.csv"
        file.write_text(text)
        options = ("--setting", "settle_seconds=0", *options)
        assert cli("stores", "add", key, "--platform", "feed", "--url", file.name, *options).exit_code == 0
        return file

    return register


def sync(store: str) -> None:
    """Syncs in this process, without Dagster: where the sync itself is not the matter of the test."""
    with open_services(load_environment()) as services:
        services.sync().sync_all_products(store, run_id=f"sync of {store}")


def edit(statement: str) -> None:
    """Makes the database say what time or trouble would have made it say."""
    with open_services(load_environment()) as services, services.database.begin() as connection:
        connection.execute(sa.text(statement))


def command(*arguments: str) -> "subprocess.Popen[str]":
    """`inventory-pipeline` as a process of its own, out of reach of a Ctrl-C to the tests, in a shell that hides nothing."""
    script = Path(sys.executable).with_name("inventory-pipeline")
    return subprocess.Popen(
        [script, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, umask=0
    )


def at_a_terminal(*arguments: str, answer: bytes) -> tuple[str, int]:
    """`inventory-pipeline` with a person at it, who answers its question: what was shown, and the exit status."""
    script = Path(sys.executable).with_name("inventory-pipeline")
    person, terminal = pty.openpty()
    process = subprocess.Popen([script, *arguments], stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)
    os.write(person, answer)
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal says that its last program has ended
        while part := os.read(person, 1000):
            shown += part
    os.close(person)
    return shown.decode().replace("\r\n", " "), process.wait(60)


def stuck_run(store: str, status: DagsterRunStatus = DagsterRunStatus.STARTED) -> str:
    """A sync in the history whose process was heard last ten minutes ago, and is gone; its id."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with open_instance() as instance, open_services(load_environment()) as services:
        run = instance.create_run_for_job(
            defs.resolve_job_def(SYNC_JOB),
            tags={PARTITION_TAG: store},
            status=status,
            remote_job_origin=job_origin(CODE_LOCATION, SYNC_JOB),
        )
        heard = services.clock() - timedelta(minutes=10)
        heartbeats.begin(services.database, run.run_id, store, this_process()._replace(pid=child.pid), lambda: heard)
    return run.run_id
