"""The asset, a store's stock as of its last complete read, and the job that syncs it."""

from collections.abc import Iterator

import dagster as dg

from inventory_pipeline.defs import names
from inventory_pipeline.defs.integrations.partitions import stores_partitions
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.checks import check_results, check_specs
from inventory_pipeline.defs.sync.interval import sync_interval
from inventory_pipeline.defs.sync.outcome import failure_links, materialization, observation
from inventory_pipeline.defs.sync.sync_log import trigger_of
from inventory_pipeline.defs.sync.sync_run import log_outcome, run_sync
from inventory_pipeline.environment import load_environment

_NOTHING = "the sync ended without a snapshot, and without saying why: this is a fault of the program"


@dg.asset(
    key=names.SNAPSHOT,
    partitions_def=stores_partitions,
    check_specs=check_specs,
    # An inactive store in a backfill is well without one; every other run that materializes nothing raises below.
    output_required=False,
    group_name="inventory",
    owners=["team:inventory"],
    # The platforms, by which the catalog can be filtered; a test holds them to the connectors.
    kinds={"feed", "medusa", "prestashop", "saleor", "shopify", "vendure", "woocommerce"},
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=sync_interval(load_environment()) * 1.25),
    # A plain schema: a field of `dg.Config` takes {"env": NAME} for any NAME, and prints a refused value with its text.
    config_schema={
        "accept_shrink": dg.Field(
            bool,
            default_value=False,
            description=(
                "true publishes this run's own read although it is short, or most of the stock is gone: for a store that was"
                " quarantined and is right."
            ),
        ),
        "accept_unreadable": dg.Field(
            bool,
            default_value=False,
            description=(
                "true publishes this run's own read although many lines could not be read: their stock will be unknown until"
                " they can be."
            ),
        ),
    },
    description=(
        "The stock of each store: one partition per store. A sync reads the whole store, proves that nothing is missing,"
        " and publishes it at once; otherwise the last good snapshot stays, and the run says why and what to do. The"
        " figures on this page are of the store that was synced last: choose yours under Partitions. Freshness too is of the"
        " whole asset: one dead store hides behind the others; what is true of each is in stock_alerts and its check"
        " every_store_is_fresh."
    ),
)
def inventory_snapshot(
    context: dg.AssetExecutionContext, inventory: dg.ResourceParam[Inventory]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    with inventory.alive(context) as heartbeat:
        outcome = run_sync(context, inventory, heartbeat)
        if outcome.result is not None:
            # Before its checks: what a check says is of the latest materialization that there is.
            yield materialization(outcome.result, outcome.units, outcome.report)
        store = context.partition_key if context.has_partition_key else None
        if store is not None:
            yield from check_results(outcome)
            if outcome.result is None:
                context.log_event(observation(store, outcome))
        log_outcome(outcome)
        if trigger_of(context.run.tags) == "schedule":
            # Whatever came of this store: the schedule, the queue and the workers do their work.
            with inventory.open() as services:
                services.say_all_is_well("scheduled syncs")
        if outcome.result is None and outcome.name != "inactive":
            # Dagster must not retry: a person has to mend what is wrong, or the next tick takes over.
            raise dg.Failure(outcome.error or _NOTHING, metadata=failure_links(outcome, store), allow_retries=False)


sync_inventory = dg.define_asset_job(
    names.SYNC_JOB,
    selection=dg.AssetSelection.assets(names.SNAPSHOT),
    description="Reads stores whole and publishes their stock, a run for each. Materialize… asks for the stores (partitions).",
)
