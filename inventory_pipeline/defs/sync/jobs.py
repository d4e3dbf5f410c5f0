"""The job that syncs a store."""

import dagster as dg

from inventory_pipeline.defs import names

sync_inventory = dg.define_asset_job(
    names.SYNC_JOB,
    selection=dg.AssetSelection.assets(names.SNAPSHOT),
    description="Reads stores whole and publishes their stock, a run for each. Materialize… asks for the stores (partitions).",
)
