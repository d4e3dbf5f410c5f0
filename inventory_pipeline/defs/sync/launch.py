"""Several syncs at once from one command: Dagster runs in child processes, which end with this one."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Protocol, Self
from uuid import uuid4

from dagster import DagsterInstance, DagsterRunStatus

from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.defs.names import SHOW_REQUESTS
from inventory_pipeline.defs.sync.stuck_runs import close_run
from inventory_pipeline.defs.sync.sync_log import SyncLogRow, sync_row

if TYPE_CHECKING:
    from inventory_pipeline.wiring import Services

# How long a canceled sync may take to clean up (roll back, free its lease, end its run) before its process is killed.
FAREWELL_SECONDS = 20.0


class Process(Protocol):
    """A worker's process, as far as it is needed here: of `subprocess.Popen`, or a forked one."""

    def kill(self) -> None: ...
    def wait(self) -> object: ...


# Starts `cli/sync_process.py` with the socket for its standard input and output, and the file for its standard error; None
# is this process's own, which is to show each request.
Start = Callable[[socket.socket, IO[bytes] | None], Process]


def spawn(channel: socket.socket, errors: IO[bytes] | None) -> Process:
    """A worker that starts anew and loads everything by itself."""
    return subprocess.Popen(
        [sys.executable, "-m", "inventory_pipeline.cli.sync_process"],
        stdin=channel.fileno(),
        stdout=channel.fileno(),
        stderr=errors,
        env={**os.environ, **show_requests()} if errors is None else None,
        # Out of reach of the terminal's Ctrl-C: this process cancels the runs, so that they end as canceled.
        start_new_session=True,
    )


def show_requests() -> Mapping[str, str]:
    """The environment of a worker that shows each request on its standard error."""
    return {SHOW_REQUESTS: "1", "INVENTORY_LOG_LEVEL": "DEBUG"}


async def sync_stores(
    instance: DagsterInstance,
    services: "Services",
    stores: Sequence[str],
    *,
    concurrency: int = 4,
    accept: Sequence[str] = (),
    verbose: bool = False,
    start: Start = spawn,
) -> AsyncGenerator[SyncLogRow]:
    """Syncs the stores, at most `concurrency` at once, and yields each one's row of the sync log as it ends.

    The keys must be partitions already (see add_partitions). `accept` are settings of the asset, such as `accept_shrink`.
    Closing the generator cancels what still runs. With
    `verbose` the requests are shown on standard error.
    """
    # Last in, first out: a worker that has loaded everything is taken again before another is started.
    places: asyncio.LifoQueue[_Worker | None] = asyncio.LifoQueue()
    for _ in range(concurrency):
        places.put_nowait(None)

    async def one(store: str) -> SyncLogRow:
        worker = await places.get()
        reusable = None
        run_id = str(uuid4())
        last_words = ""
        try:
            worker = worker or await _Worker.begin(start, verbose)
            if await worker.sync(instance, services, store, run_id, accept):
                reusable = worker
            else:
                last_words = await worker.end()
        finally:
            places.put_nowait(reusable)
        return _row_of(instance, services, store, run_id, last_words)

    tasks = [asyncio.create_task(one(store)) for store in stores]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while not places.empty():
            worker = places.get_nowait()
            if worker is not None:
                await worker.end()


class _Worker:
    """A child process that runs syncs one after another, each a run of its own."""

    def __init__(
        self, process: Process, answers: asyncio.StreamReader, orders: asyncio.StreamWriter, errors: IO[bytes] | None
    ) -> None:
        self._process, self._answers, self._orders, self._errors = process, answers, orders, errors

    @classmethod
    async def begin(cls, start: Start, verbose: bool) -> Self:
        ours, theirs = socket.socketpair()
        errors = None if verbose else tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        with theirs:
            process = start(theirs, errors)
        return cls(process, *await asyncio.open_unix_connection(sock=ours), errors)

    async def sync(self, instance: DagsterInstance, services: "Services", store: str, run_id: str, accept: Sequence[str]) -> bool:
        """Runs one sync to its end; False where the process died over it."""
        order = {"store": store, "run_id": run_id, "accept": list(accept)}
        self._orders.write(f"{json.dumps(order)}\n".encode())
        answer = asyncio.ensure_future(self._answer())
        try:
            return bool(await asyncio.shield(answer))
        except asyncio.CancelledError:
            await self._cancel(instance, services, run_id, answer)
            raise

    async def _answer(self) -> bytes:
        """Empty where the process has ended."""
        try:
            return await self._answers.readline()
        except ConnectionError:  # before it took the order
            return b""

    async def _cancel(
        self, instance: DagsterInstance, services: "Services", run_id: str, answer: "asyncio.Future[bytes]"
    ) -> None:
        """The run itself looks whether it is to be canceled, as for a Cancel in the UI."""
        try:
            if not _mark_canceling(instance, run_id):
                self._process.kill()
            await asyncio.wait([answer], timeout=FAREWELL_SECONDS)
        finally:
            self._process.kill()
            await self.end()
        # Where there was no process any more that could do so, or none yet.
        _mark_canceling(instance, run_id)
        close_run(instance, services, run_id, "canceled together with the command that ran it")

    async def end(self) -> str:
        """Lets the process go, which is done once, and returns the end of what it had to say."""
        with suppress(ConnectionError):
            self._orders.write_eof()
            # Its end of the channel is closed when it has ended, however it did.
            await self._answers.read()
        self._orders.close()
        await asyncio.to_thread(self._process.wait)
        if self._errors is None:
            return ""
        with self._errors:
            self._errors.seek(0)
            return self._errors.read().decode(errors="replace")[-2_000:]


def _mark_canceling(instance: DagsterInstance, run_id: str) -> bool:
    """False where there is no such run yet."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return False
    if not run.is_finished and run.status is not DagsterRunStatus.CANCELING:
        instance.report_run_canceling(run)
    return True


def _row_of(instance: DagsterInstance, services: "Services", store: str, run_id: str, last_words: str) -> SyncLogRow:
    """The sync's row, closed where its process died over it, or one like it where there never was a run."""
    close_run(instance, services, run_id, "the sync's process died (killed, or out of memory)")
    row = sync_row(instance, run_id)
    if row is not None:
        return row
    error = f"the sync's process could not start: {one_line(redact(last_words))}"
    unknown = dict.fromkeys(
        ("platform", "started_at", "ended_at", "seen", "created", "updated", "skipped", "rejected", "missing", "api_calls")
    )
    return SyncLogRow(run_id=run_id, store=store, trigger="manual", status="FAILURE", outcome="failed", error=error, **unknown)
