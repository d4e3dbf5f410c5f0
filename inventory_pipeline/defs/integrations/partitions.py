"""Dagster's partitions, which follow the table of store integrations."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.defs.names import PARTITION_TAG, SNAPSHOT, STORES_PARTITIONS

stores_partitions = dg.DynamicPartitionsDefinition(name=STORES_PARTITIONS)

# A SQLite built with the default limits takes 32 766 variables in one statement.
CHUNK = 5_000
_NEVER = (
    "nothing has been read yet; Materialize… reads it now, the schedule at its next tick; the job manage_store_integration with"
    " action: check says whether it can be read, with action: activate switches an inactive store on"
)


@dataclass(frozen=True, slots=True)
class PartitionChanges:
    """What makes the partitions equal to the table."""

    add: Sequence[str]
    remove: Sequence[str]


def compare_partitions(instance: dg.DagsterInstance, stores: Sequence[StoreIntegration]) -> PartitionChanges:
    """`stores` are all that are not purged: an inactive store keeps its partition and its history."""
    wanted = {store.key for store in stores}
    present = set(instance.get_dynamic_partitions(STORES_PARTITIONS))
    return PartitionChanges(sorted(wanted - present), sorted(present - wanted))


def add_partitions(instance: dg.DagsterInstance, keys: Sequence[str]) -> None:
    """Makes the keys known to Dagster, so that a store can be synced before the sensor's next tick. Repeats do no harm."""
    new = sorted(set(keys) - set(instance.get_dynamic_partitions(STORES_PARTITIONS)))
    for start in range(0, len(new), CHUNK):
        instance.add_dynamic_partitions(STORES_PARTITIONS, new[start : start + CHUNK])
    say_never_synced(instance, new)


def say_never_synced(instance: dg.DagsterInstance, keys: Sequence[str]) -> None:
    """Puts onto the pages of new stores, which would be empty, that nothing was read yet and what reads it."""
    for key in keys:
        read = dg.AssetRecordsFilter(asset_key=dg.AssetKey(SNAPSHOT), asset_partitions=[key])
        if instance.fetch_materializations(read, limit=1).records:
            continue  # its partition had been lost
        metadata = {"last_sync": "never", "reason_and_cure": _NEVER}
        instance.report_runless_asset_event(
            dg.AssetObservation(SNAPSHOT, partition=key, description="never synced", metadata=metadata)
        )


def no_run_carries(instance: dg.DagsterInstance, key: str) -> bool:
    """Whether the history knows nothing of the key, so that another store may have it: a run belongs to one store for ever."""
    return not instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: key}), limit=1)
