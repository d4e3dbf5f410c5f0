"""A process that runs syncs for `defs/launch.py`, one after another: loading Dagster costs more than most syncs.

Each line of standard input is an order; each line of standard output is the id of a run that has ended. A process and not
a thread: several runs at once in one process deadlock in Dagster's logging.
"""

import json
import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from dagster import DagsterInstance, JobDefinition


def main() -> None:
    answers, errors = _own_streams()
    try:
        from inventory_pipeline.definitions import defs
        from inventory_pipeline.defs.instance import open_instance
        from inventory_pipeline.defs.names import SHOW_REQUESTS, SYNC_JOB

        if os.environ.get(SHOW_REQUESTS):
            _show_requests(errors)
        job = defs.resolve_job_def(SYNC_JOB)
        with open_instance() as instance:
            for line in sys.stdin:
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


def _own_streams() -> tuple[TextIO, TextIO]:
    """Standard output and error for this module alone: what a run prints must reach neither the answers nor the screen."""
    answers, errors = (os.fdopen(os.dup(number), "w", buffering=1) for number in (1, 2))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
    return answers, errors


def _show_requests(stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.getLogger("inventory_pipeline").addHandler(handler)


if __name__ == "__main__":
    main()
