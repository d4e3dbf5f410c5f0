"""Dagster's partitions, which follow the table of store integrations."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.defs.names import PARTITION_TAG, STORES_PARTITIONS

stores_partitions = dg.DynamicPartitionsDefinition(name=STORES_PARTITIONS)

# A SQLite built with the default limits takes 32 766 variables in one statement.
CHUNK = 5_000


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
    for start in range(0, len(keys), CHUNK):
        instance.add_dynamic_partitions(STORES_PARTITIONS, list(keys[start : start + CHUNK]))


def no_run_carries(instance: dg.DagsterInstance, key: str) -> bool:
    """Whether the history knows nothing of the key, so that another store may have it: a run belongs to one store for ever."""
    return not instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: key}), limit=1)
