"""Power cuts: a real daemon with its code server and run processes, all killed at once with stores in chosen steps of a sync.

A step is reached by watching what a run leaves in the databases and stopping its process there (SIGSTOP) until the cut.
"""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Self

import dagster as dg
import psycopg
from sqlalchemy import make_url

from inventory_pipeline.db.sync import heartbeats, leases, snapshots
from inventory_pipeline.db.sync.heartbeats import RunHeartbeat
from inventory_pipeline.definitions import defs
from inventory_pipeline.defs.names import CODE_LOCATION, PARTITION_TAG, SYNC_JOB
from inventory_pipeline.defs.private_dagster import job_origin
from inventory_pipeline.environment import PROJECT_ROOT
from inventory_pipeline.wiring import Services
from inventory_pipeline_tests.defs.live import until

# Publishing goes on for as long as the test cares to look.
SLOW_PUBLISH = {
    "sqlite": """
CREATE TRIGGER slow_publish AFTER INSERT ON snapshots WHEN new.store_key = 'publishing' BEGIN
  SELECT count(*) FROM (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 10000000000) SELECT x FROM n);
END
""",
    "postgresql": """
CREATE FUNCTION slow_publish() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NEW; END';
CREATE TRIGGER slow_publish AFTER INSERT ON snapshots FOR EACH ROW WHEN (new.store_key = 'publishing')
  EXECUTE FUNCTION slow_publish();
""",
}
_GLANCE = 0.002


class Daemon:
    """`dagster-daemon run` with the code server and the runs that it starts, until `cut` ends them all at once."""

    def __init__(self, **environment: str) -> None:
        self._environment = {**os.environ, "DAGSTER_HOME": str(PROJECT_ROOT), **environment}

    def __enter__(self) -> Self:
        script = Path(sys.executable).with_name("dagster-daemon")
        self._process = subprocess.Popen(
            [script, "run", "--workspace", str(PROJECT_ROOT / "workspace.yaml")],
            cwd=PROJECT_ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def cut(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __exit__(self, *_: object) -> None:
        self.cut()


class Steps:
    """Brings runs to their steps. `instance` and `services` look at the daemon's databases from outside."""

    def __init__(self, instance: dg.DagsterInstance, services: Services) -> None:
        self.instance, self.services = instance, services

    def request(self, store: str) -> str:
        """A run in the queue, as if somebody had launched it; its id."""
        run = self.instance.create_run_for_job(
            defs.resolve_job_def(SYNC_JOB),
            tags={PARTITION_TAG: store},
            status=dg.DagsterRunStatus.QUEUED,
            remote_job_origin=job_origin(CODE_LOCATION, SYNC_JOB),
        )
        return run.run_id

    def starting(self, store: str) -> str:
        """STARTING: its process has told its number and loads the code."""
        run_id = self.request(store)
        self._stop(run_id, lambda: self.status(run_id) is dg.DagsterRunStatus.STARTING and self.pid_of(run_id))
        assert self.status(run_id) is dg.DagsterRunStatus.STARTING
        return run_id

    def started(self, store: str) -> str:
        """STARTED: the body has not said a word yet, and there is no lease."""
        run_id = self.request(store)
        self._stop(run_id, lambda: self.status(run_id) is dg.DagsterRunStatus.STARTED)
        assert self.life(run_id) is None
        return run_id

    def retry_wait(self, store: str) -> str:
        """STARTED, alive and without a lease. The store's platform must be unavailable."""
        run_id = self.request(store)
        until(lambda: self._events(run_id, dg.DagsterEventType.STEP_UP_FOR_RETRY), 120)
        assert leases.current(self.services.database, store) is None
        return run_id

    def committed(self, store: str) -> str:
        """The publishing transaction is committed, and the run has not come to say so."""
        run_id = self.request(store)
        self._stop(run_id, lambda: self.published(store))
        assert not self._events(run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
        return run_id

    def ending(self, store: str) -> str:
        """The body has ended, and Dagster's own last words are missing."""
        run_id = self.request(store)
        self._stop(run_id, lambda: (life := self.life(run_id)) and life.ended_at)
        assert self.status(run_id) is dg.DagsterRunStatus.STARTED
        return run_id

    def publishing(self, store: str) -> str:
        """In the middle of the publishing transaction, which on SQLite keeps everybody else from writing: the last step."""
        run_id = self.request(store)
        database = self.services.database
        if database.dialect == "postgresql":
            sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"

            def busy() -> bool:
                with database.connect() as connection:
                    return connection.exec_driver_sql(sleeping).first() is not None
        else:
            lease = until(lambda: leases.current(database, store), 120)
            assert lease.run_id == run_id

            def busy() -> bool:
                return locked_for_long(database_file(self.services))

        until(busy, 120)
        return run_id

    def status(self, run_id: str) -> dg.DagsterRunStatus:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    def life(self, run_id: str) -> RunHeartbeat | None:
        return heartbeats.of_runs(self.services.database, [run_id]).get(run_id)

    def published(self, store: str) -> list[str]:
        """The runs that published the store's snapshots."""
        with self.services.database.connect() as connection:
            return [snapshot.run_id for snapshot in snapshots.list_snapshots(connection, store)]

    def pid_of(self, run_id: str) -> int | None:
        started = self._events(run_id, dg.DagsterEventType.ENGINE_EVENT)
        numbers = [event.engine_event_data.metadata.get("pid") for event in started]
        return next((int(str(number.value)) for number in numbers if number is not None), None)

    def _events(self, run_id: str, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
        records = self.instance.get_records_for_run(run_id, of_type=kind).records
        return [record.event_log_entry.get_dagster_event() for record in records]

    def _stop(self, run_id: str, reached: Callable[[], object]) -> None:
        """Stops the run's process as soon as it is there, holding no lock that others wait for."""
        until(reached, 120, pause=_GLANCE)
        pid = until(lambda: self.pid_of(run_id))
        os.kill(pid, signal.SIGSTOP)
        while any(locked_for_long(file) for file in self._files()):
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGSTOP)

    def _files(self) -> list[Path]:
        if self.services.database.dialect == "postgresql":
            return []
        history = self.services.environment.dagster_dir
        return [database_file(self.services), *history.glob("**/runs.db"), *history.glob("**/index.db")]


def locked_for_long(file: Path) -> bool:
    """Whether somebody holds the file's write lock longer than a small write takes."""
    with closing(sqlite3.connect(file, timeout=0.3, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return True
    return False


def slow_down_publishing(services: Services) -> None:
    """The store `publishing` takes for ever over it."""
    _execute(services, SLOW_PUBLISH[services.database.dialect])


def speed_up_publishing(services: Services) -> None:
    _execute(services, "DROP TRIGGER slow_publish" + (" ON snapshots" if services.database.dialect == "postgresql" else ""))


def _execute(services: Services, script: str) -> None:
    if services.database.dialect == "postgresql":
        with psycopg.connect(services.environment.database_url, autocommit=True) as connection:
            connection.execute(script.encode())
    else:
        with closing(sqlite3.connect(database_file(services))) as connection:
            connection.executescript(script)


def database_file(services: Services) -> Path:
    return Path(str(make_url(services.environment.database_url).database))
