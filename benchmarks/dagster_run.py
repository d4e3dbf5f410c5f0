"""One Dagster run in a process of its own, as a launcher would start it.

python -m benchmarks.dagster_run empty    a job that does nothing, from definitions that hold nothing else
python -m benchmarks.dagster_run sync     `sync_inventory` for the store `shop`
"""

import sys

import dagster as dg

from benchmarks.measure import STORE, report_peak
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.defs.private_dagster import InMemoryJob, execute_run


@dg.op
def nothing() -> None:
    pass


@dg.job(executor_def=dg.in_process_executor)
def empty() -> None:
    nothing()


def main() -> None:
    tags = {}
    job: dg.JobDefinition = empty
    if sys.argv[1] == "sync":
        # Not at the top: the memory of the empty run must not hold the project's definitions.
        from inventory_pipeline.definitions import defs

        job = defs.resolve_job_def("sync_inventory")
        tags = {"dagster/partition": STORE}
    with open_instance() as instance:
        if tags:
            instance.add_dynamic_partitions("store_integrations", [STORE])
        run = instance.create_run_for_job(job, tags=tags)
        result = execute_run(InMemoryJob(job), run, instance)
    if not result.success:
        raise SystemExit("the run failed")
    report_peak()


if __name__ == "__main__":
    main()
