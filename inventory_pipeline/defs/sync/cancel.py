"""Cancel for runs that no run launcher started."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from inventory_pipeline.defs.private_dagster import CODE_SERVER_TAG

_POLL_SECONDS = 1.0


def has_launcher(run: dg.DagsterRun) -> bool:
    """Whether a code server started the run's process, and so delivers Cancel to it."""
    return CODE_SERVER_TAG in run.tags


@contextmanager
def cancelled_from_elsewhere(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[None]:
    """Interrupts the block within a second or so of someone ending the run in the UI.

    The run launcher does so for the runs that it started. For others (the asset CLI, `job execute`,
    `sync-all-stores`) Dagster only writes down that the run is to be canceled, and nobody would look.
    """
    if has_launcher(run) or threading.current_thread() is not threading.main_thread():
        yield
        return
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_POLL_SECONDS):
            now = instance.get_run_by_id(run.run_id)
            if now is not None and (now.is_finished or now.status is dg.DagsterRunStatus.CANCELING):
                os.kill(os.getpid(), signal.SIGINT)
                return

    watcher = threading.Thread(target=watch, name="cancelled-from-elsewhere", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
