"""Several syncs at once, each in a process of its own, ended with this one."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

# How long a cancelled sync may take to clean up (roll back, free its lease, end its run) before its process is killed.
FAREWELL_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Ended:
    """A sync whose process is gone. `last_words` is the end of what it printed, for one that left no run."""

    store: str
    run_id: str
    last_words: str


async def sync_stores(stores: Sequence[str], *, concurrency: int, accept_shrink: bool, verbose: bool) -> AsyncGenerator[Ended]:
    """Syncs the stores, at most `concurrency` at once, and yields each as it ends. Closing it cancels what still runs."""
    gate = asyncio.Semaphore(concurrency)

    async def one(store: str) -> Ended:
        async with gate:
            run_id = str(uuid4())
            return Ended(store, run_id, await _run(store, run_id, accept_shrink, verbose))

    tasks = [asyncio.create_task(one(store)) for store in stores]
    try:
        for ended in asyncio.as_completed(tasks):
            yield await ended
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(store: str, run_id: str, accept_shrink: bool, verbose: bool) -> str:
    command = [sys.executable, "-m", "inventory_pipeline.cli.sync_worker", store, run_id]
    process = await asyncio.create_subprocess_exec(
        *command,
        *(["--accept-shrink"] if accept_shrink else []),
        stdin=asyncio.subprocess.DEVNULL,
        # Standard output is this command's own: what a sync prints goes to standard error, or nowhere.
        stdout=2 if verbose else asyncio.subprocess.PIPE,
        stderr=2 if verbose else asyncio.subprocess.STDOUT,
        env={**os.environ, "INVENTORY_LOG_LEVEL": "DEBUG"} if verbose else None,
        # Out of reach of the terminal's Ctrl-C, which would hit this process and the sync at once.
        start_new_session=True,
    )
    try:
        printed, _ = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(process.communicate(), FAREWELL_SECONDS)
        except TimeoutError:
            process.kill()
            await process.communicate()
        raise
    return (printed or b"").decode(errors="replace").strip()[-2_000:]
