"""Dagster as the demo's child: web UI, daemon and runs, all ended with the demo."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError

from dagster import DagsterInstance, RunsFilter
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from inventory_pipeline.cli.dev import HOST, PORT, dagster_dev
from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.environment import PROJECT_ROOT

START_SECONDS = 120
RUN_FAREWELL_SECONDS = 10
DAGSTER_FAREWELL_SECONDS = 10
_POLL_SECONDS = 0.2


@contextmanager
def demo_dagster(instance: DagsterInstance, port: int, log: Path, lock: int) -> "Iterator[subprocess.Popen[bytes]]":
    """Runs Dagster while open; yields its process once the web UI answers.

    At the end running syncs are canceled first, so that they leave their leases and their line in the log; then every
    process goes. `lock` is inherited: should this process be killed, the folder stays held while Dagster lives on.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            dagster_dev(port),
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(lock,),
            # A group of its own, which can be ended whole: run workers and code servers outlive `dagster dev`.
            start_new_session=True,
        )
    try:
        url = f"http://{HOST}:{port}"
        wait_until(lambda: process.poll() is not None or web_ui_answers(url), START_SECONDS)
        if process.poll() is not None or not web_ui_answers(url):
            raise InventoryError(f"Dagster could not start; {log} says why")
        yield process
    finally:
        try:
            cancel_runs(instance)
        finally:
            _end_group(process)


def free_port() -> int:
    """3000 where nobody has it, else any."""
    for port in (PORT, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return probe.getsockname()[1]
    raise InventoryError("no port is free on this machine")


def cancel_runs(instance: DagsterInstance) -> None:
    """Cancels every run that has not ended, and waits a little for them."""
    unfinished = RunsFilter(statuses=NOT_FINISHED_STATUSES)
    for run in instance.get_runs(unfinished):
        instance.run_coordinator.cancel_run(run.run_id)
    wait_until(lambda: not instance.get_runs_count(unfinished), RUN_FAREWELL_SECONDS)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        if wait_until(lambda: process.poll() is not None and not _group_lives(process.pid), DAGSTER_FAREWELL_SECONDS):
            return


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def web_ui_answers(url: str) -> bool:
    """Whether Dagster's web server is up at this address."""
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=2) as reply:
            return reply.status == 200
    except (URLError, OSError):
        return False


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """False where the condition has not come true after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
