"""New stores: their partition, and their first sync."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.defs import names
from inventory_pipeline.defs.integrations.partitions import CHUNK, compare_partitions, stores_partitions
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.jobs import sync_inventory

if TYPE_CHECKING:
    from inventory_pipeline.wiring import Services

NAME = "store_integration_sensor"
# Dagster looks at its sensors each five seconds; this takes every look, so that a first sync is requested within ten.
_EVERY_LOOK = 3
# A first sync that ended before it reached the store (refused, crashed) is requested again, but not for ever.
_ATTEMPTS = 3
_REQUESTS_A_TICK = 100


@dg.sensor(
    name=NAME,
    job=sync_inventory,
    minimum_interval_seconds=_EVERY_LOOK,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps the partitions equal to the table of stores, and requests the first sync of stores with auto-sync.",
)
def store_integration_sensor(
    context: dg.SensorEvaluationContext, inventory: dg.ResourceParam[Inventory]
) -> dg.SensorResult | dg.SkipReason:
    with inventory.open() as services:
        stores = _stores(services)
        runs = _first_syncs(context.instance, [store.key for store in _waiting(stores)])
        if any(run.is_finished for run in runs):
            # It may have ended just after the table was read: only what waits even now waits.
            stores = _stores(services)
    changes = compare_partitions(context.instance, stores)
    added = changes.add[:CHUNK]
    later = set(changes.add) - set(added)
    requests = [request for request in _requests(_waiting(stores), runs) if request.partition_key not in later]
    if not changes.add and not changes.remove and not requests:
        return dg.SkipReason("No new store.")
    return dg.SensorResult(
        run_requests=requests[:_REQUESTS_A_TICK],
        dynamic_partitions_requests=[
            stores_partitions.build_add_request(added),
            stores_partitions.build_delete_request(changes.remove[:CHUNK]),
        ],
    )


def _stores(services: "Services") -> list[StoreIntegration]:
    from inventory_pipeline.db.integrations import stores

    with services.database.connect() as connection:
        return stores.list_stores(connection)


def _waiting(stores: Sequence[StoreIntegration]) -> list[StoreIntegration]:
    return [store for store in stores if store.is_active and store.auto_sync and store.first_sync_at is None]


def _first_syncs(instance: dg.DagsterInstance, keys: Sequence[str]) -> Sequence[dg.DagsterRun]:
    if not keys:
        return []
    return instance.get_runs(dg.RunsFilter(tags={names.PARTITION_TAG: list(keys), "dagster/sensor_name": NAME}))


def _requests(waiting: Sequence[StoreIntegration], runs: Sequence[dg.DagsterRun]) -> list[dg.RunRequest]:
    """The run key is the same until an attempt has ended: however often the sensor ticks, each attempt is one run."""
    ended = Counter(run.tags[names.PARTITION_TAG] for run in runs if run.is_finished)
    return [
        dg.RunRequest(
            run_key=f"{store.key}:first:{ended[store.key]}",
            partition_key=store.key,
            tags={names.PLATFORM_TAG: store.platform},
        )
        for store in waiting
        if ended[store.key] < _ATTEMPTS
    ]
