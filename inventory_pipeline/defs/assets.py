"""The asset: a store's stock as of its last complete read."""

from collections.abc import Iterator

import dagster as dg

from inventory_pipeline.defs import names
from inventory_pipeline.defs.checks import check_results, check_specs
from inventory_pipeline.defs.endings import materialization
from inventory_pipeline.defs.partitions import stores_partitions
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync_run import run_sync


@dg.asset(
    key=names.SNAPSHOT,
    partitions_def=stores_partitions,
    check_specs=check_specs,
    group_name="inventory",
    owners=["team:inventory"],
    kinds={"python", "sql"},
    # A plain schema: a field of `dg.Config` takes {"env": NAME} for any NAME, and prints a refused value with its text.
    config_schema={
        "accept_shrink": dg.Field(
            bool,
            default_value=False,
            description="Publish this run's own read although it is short, shrunken or full of rejected lines.",
        )
    },
    description=(
        "The stock of one store integration as of its last complete read: one partition per store. A sync reads the whole"
        " store, proves that the read is complete, and publishes it in one transaction; otherwise the last good snapshot"
        " stays and the run says why."
    ),
)
def inventory_snapshot(
    context: dg.AssetExecutionContext, inventory: dg.ResourceParam[Inventory]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    ending = run_sync(context, inventory)
    yield from check_results(ending)
    if ending.result is None:
        # Dagster must not retry: a person has to mend what is wrong, or the next tick takes over.
        raise dg.Failure(ending.error, allow_retries=False)
    yield materialization(ending.result)
