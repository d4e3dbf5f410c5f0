"""The job that syncs a store."""

import dagster as dg

from inventory_pipeline.defs import names

sync_inventory = dg.define_asset_job(
    names.SYNC_JOB,
    selection=dg.AssetSelection.assets(names.SNAPSHOT),
    description="Reads one store whole and publishes its stock. Choose the store as the partition.",
)
