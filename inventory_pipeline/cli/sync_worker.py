"""The child process of `sync-all-stores`: one sync of one store, as a Dagster run of its own.

A process and not a thread: several `execute_in_process` at once in one process deadlock in Dagster's logging.
"""

import signal
import sys


def main(store: str, run_id: str, accept_shrink: bool) -> None:
    """Runs the sync to its end. What became of it is in the run, not in the exit status."""
    from inventory_pipeline.definitions import defs
    from inventory_pipeline.defs.instance import open_instance
    from inventory_pipeline.defs.names import SNAPSHOT, SYNC_JOB

    # A shell that starts commands in the background lets them ignore SIGINT, which is how the parent cancels a sync.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config = {"ops": {SNAPSHOT.to_python_identifier(): {"config": {"accept_shrink": True}}}} if accept_shrink else None
    with open_instance() as instance:
        defs.resolve_job_def(SYNC_JOB).execute_in_process(
            instance=instance, partition_key=store, run_id=run_id, run_config=config, raise_on_error=False
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "--accept-shrink" in sys.argv[3:])
