"""A process that runs syncs for `defs/sync/launch.py`, one after another: loading Dagster costs more than most syncs.

Each line of standard input is an order; each line of standard output is the id of a run that has ended. A process and not
a thread: several runs at once in one process deadlock in Dagster's logging.
"""

import json
import logging
import os
import traceback
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance, JobDefinition


def load() -> "JobDefinition":
    """Imports all that a sync needs, also what would be imported in the middle of its run; opens nothing."""
    import upath.implementations.local  # noqa: F401 - Dagster loads it for the folder of what runs print

    import inventory_pipeline.db.sync.publish
    import inventory_pipeline.defs.storage
    import inventory_pipeline.logs
    import inventory_pipeline.services.integrations.connecting
    import inventory_pipeline.services.stock.charts
    import inventory_pipeline.services.sync.run_life
    import inventory_pipeline.services.sync.service
    import inventory_pipeline.wiring  # noqa: F401 - as those above
    from inventory_pipeline.definitions import defs
    from inventory_pipeline.defs.names import SYNC_JOB

    return defs.resolve_job_def(SYNC_JOB)


def work(job: "JobDefinition | None" = None) -> None:
    """Runs the syncs that are ordered, until nobody orders any more. `job` is what `load` gave, if it was called."""
    orders, answers, errors = _own_streams()
    try:
        job = job or load()
        from inventory_pipeline.defs.instance import open_instance
        from inventory_pipeline.defs.names import SHOW_REQUESTS

        if os.environ.get(SHOW_REQUESTS):
            _show_requests(errors)
        with open_instance() as instance:
            for line in orders:
                order = json.loads(line)
                _sync(instance, job, **order)
                answers.write(f"{order['run_id']}\n")
    except BaseException:
        traceback.print_exc(file=errors)
        raise


def _sync(instance: "DagsterInstance", job: "JobDefinition", *, store: str, run_id: str, accept: list[str]) -> None:
    """Runs one sync to its end. What became of it is in the run."""
    from inventory_pipeline.defs.names import CODE_LOCATION, PARTITION_TAG, SNAPSHOT
    from inventory_pipeline.defs.private_dagster import InMemoryJob, execute_run, job_origin

    run = instance.create_run_for_job(
        job,
        run_id=run_id,
        run_config={"ops": {SNAPSHOT: {"config": dict.fromkeys(accept, True)}}} if accept else {},
        tags={PARTITION_TAG: store},
        # As if the UI had launched it, so that the UI knows which job to execute again.
        remote_job_origin=job_origin(CODE_LOCATION, job.name),
    )
    execute_run(InMemoryJob(job), run, instance)


def _own_streams() -> tuple[IO[str], IO[str], IO[str]]:
    """The standard streams for this module alone: what a run prints must reach neither the answers nor the screen."""
    orders = os.fdopen(os.dup(0))
    answers, errors = (os.fdopen(os.dup(number), "w", buffering=1) for number in (1, 2))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
    return orders, answers, errors


def _show_requests(stream: IO[str]) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.getLogger("inventory_pipeline").addHandler(handler)


if __name__ == "__main__":
    work()
