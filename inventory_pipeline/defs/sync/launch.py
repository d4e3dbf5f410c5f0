"""Several syncs at once from one command: Dagster runs in child processes, which end with this one."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Self
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
_POLL_SECONDS = 0.1


async def sync_stores(
    instance: DagsterInstance,
    services: "Services",
    stores: Sequence[str],
    *,
    concurrency: int = 4,
    accept: Sequence[str] = (),
    verbose: bool = False,
) -> AsyncGenerator[SyncLogRow]:
    """Syncs the stores, at most `concurrency` at once, and yields each one's row of the sync log as it ends.

    The keys must be partitions already (see add_partitions). `accept` are settings of the asset, such as `accept_shrink`.
    Closing the generator cancels what still runs. With `verbose` the requests are shown on standard error.
    """
    # Last in, first out: a worker that has loaded everything is taken again before another is started.
    places: asyncio.LifoQueue[_Worker | None] = asyncio.LifoQueue()
    for _ in range(concurrency):
        places.put_nowait(None)

    async def one(store: str) -> SyncLogRow:
        worker = await places.get()
        run_id = str(uuid4())
        last_words = ""
        try:
            worker = worker or await _Worker.start(verbose)
            if not await worker.sync(instance, services, store, run_id, accept):
                last_words, worker = await worker.end(), None
        finally:
            places.put_nowait(worker)
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

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._orders, self._answers = process.stdin, process.stdout

    @classmethod
    async def start(cls, verbose: bool) -> Self:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "inventory_pipeline.cli.sync_process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None if verbose else asyncio.subprocess.PIPE,
            env={**os.environ, SHOW_REQUESTS: "1", "INVENTORY_LOG_LEVEL": "DEBUG"} if verbose else None,
            # Out of reach of the terminal's Ctrl-C: this process cancels the runs, so that they end as canceled.
            start_new_session=True,
        )
        return cls(process)

    async def sync(self, instance: DagsterInstance, services: "Services", store: str, run_id: str, accept: Sequence[str]) -> bool:
        """Runs one sync to its end; False where the process died over it."""
        order = {"store": store, "run_id": run_id, "accept": list(accept)}
        self._orders.write(f"{json.dumps(order)}\n".encode())
        answer = asyncio.ensure_future(self._answers.readline())
        try:
            return bool(await asyncio.shield(answer))
        except asyncio.CancelledError:
            await self._cancel(instance, services, run_id, answer)
            raise

    async def _cancel(
        self, instance: DagsterInstance, services: "Services", run_id: str, answer: "asyncio.Future[bytes]"
    ) -> None:
        """The run itself looks whether it is to be canceled, as for a Cancel in the UI."""
        if not _mark_canceling(instance, run_id):
            self._kill()
        await asyncio.wait([answer], timeout=FAREWELL_SECONDS)
        self._kill()
        await self.end()
        # Where there was no process any more that could do so, or none yet.
        _mark_canceling(instance, run_id)
        close_run(instance, services, run_id, "canceled together with the command that ran it")

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> str:
        """Lets the process go, and returns the end of what it had to say."""
        self._orders.close()
        errors = await self._process.stderr.read() if self._process.stderr is not None else b""
        await self._process.wait()
        return errors.decode(errors="replace")[-2_000:]


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
