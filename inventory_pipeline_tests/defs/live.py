"""A real `dagster dev` (web server, daemon, code server, a process per run) and what a browser asks of it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any, Self, TypeVar

from inventory_pipeline.environment import PROJECT_ROOT
from inventory_pipeline_tests.processes import free_port

Value = TypeVar("Value")

_REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "inventory_pipeline"}
_LOADED = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
_LAUNCH = """
mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } } }
"""
_AGAIN = """
mutation($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
_BACKFILL = """
mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
_TERMINATE = """
mutation($run: String!) { terminateRun(runId: $run) { __typename ... on TerminateRunFailure { message } } }
"""


def until(ask: Callable[[], Value | None], seconds: float = 30.0, pause: float = 0.05) -> Value:
    """Asks until the answer is true, and returns it; AssertionError after so many seconds."""
    deadline = time.monotonic() + seconds
    waiting = Event()
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        waiting.wait(pause)
    return answer


def start_dagster(*arguments: str, folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """`dagster …` in a process group of its own. Its runs tell what became of it, not what it prints."""
    return subprocess.Popen(
        [sys.executable, "-m", "dagster", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # As in a shell that hides nothing: what Dagster writes is kept private by itself.
        umask=0,
        # A job in a shell's background ignores SIGINT, and so would its children: they could not be stopped.
        preexec_fn=_hear_interrupts,
    )


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class DagsterDev:
    """`dagster dev` in `folder` until the end of the `with` block. Everything it starts ends with it."""

    def __init__(self, folder: Path = PROJECT_ROOT, **environment: str) -> None:
        self.port = free_port()
        self._folder, self._environment = folder, environment

    def __enter__(self) -> Self:
        where = ("--host", "127.0.0.1", "--port", str(self.port), "--workspace", str(PROJECT_ROOT / "workspace.yaml"))
        self._process = start_dagster("dev", *where, folder=self._folder, **self._environment)
        try:
            until(self._is_up, 60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=30)
        finally:
            # Its code server and run processes would live on for a while.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def launch(self, job: str, *, partition: str | None = None, config: Mapping[str, Any] | None = None) -> str:
        """What the Launchpad does, or for `__ASSET_JOB` the Materialize button; the run's id."""
        selector: dict[str, Any] = {**_REPOSITORY, "jobName": job}
        if job == "__ASSET_JOB":
            selector["assetSelection"] = [{"path": ["inventory_snapshot"]}]
        tags = [] if partition is None else [{"key": "dagster/partition", "value": partition}]
        params = {"selector": selector, "runConfigData": config or {}, "executionMetadata": {"tags": tags}}
        answer = self.ask(_LAUNCH, params=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return answer["run"]["runId"]

    def materialize(self, partitions: Sequence[str]) -> None:
        """What the Materialize button does for several partitions at once: a backfill."""
        params = {"assetSelection": [{"path": ["inventory_snapshot"]}], "partitionNames": partitions}
        answer = self.ask(_BACKFILL, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer

    def execute_again(self, run_id: str) -> str:
        """What the Re-execute all button does; the new run's id."""
        answer = self.ask(_AGAIN, params={"parentRunId": run_id, "strategy": "ALL_STEPS"})["launchRunReexecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return answer["run"]["runId"]

    def terminate(self, run_id: str) -> str:
        """What the Terminate button does; the kind of answer."""
        return self.ask(_TERMINATE, run=run_id)["terminateRun"]["__typename"]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        address = f"http://127.0.0.1:{self.port}/graphql"
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            answer = json.loads(reply.read())
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def _is_up(self) -> bool:
        assert self._process.poll() is None, "dagster dev ended"
        try:
            return bool(self.ask(_LOADED)["repositoriesOrError"].get("nodes"))
        except OSError:
            return False
