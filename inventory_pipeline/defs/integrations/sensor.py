"""New stores: their partition and their first sync, and what became of it for the person who has just created the store."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.clock import system_clock
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.defs import names
from inventory_pipeline.defs.integrations.partitions import CHUNK, compare_partitions, say_never_synced, stores_partitions
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.assets import sync_inventory
from inventory_pipeline.defs.sync.sync_log import is_sync

if TYPE_CHECKING:
    from inventory_pipeline.wiring import Services

NAME = "store_integration_sensor"
# Dagster looks at its sensors each five seconds; this takes every look, so that a first sync is requested within ten.
_EVERY_LOOK = 3
# A first sync that ended before it reached the store (refused, crashed) is requested again, but not for ever.
_ATTEMPTS = 3
_REQUESTS_A_TICK = 100

# The sensor's interval, a tick's own time, and some air: DESIGN promises the request within 10 s.
PATIENCE_SECONDS = 12.0
_POLL_SECONDS = 0.5
_JUST_NOW = timedelta(seconds=10)
# The daemon beats each 30 s.
_ALIVE_SECONDS = 75.0


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
    say_never_synced(context.instance, added)
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
        dg.RunRequest(run_key=f"{store.key}:first:{ended[store.key]}", partition_key=store.key)
        for store in waiting
        if ended[store.key] < _ATTEMPTS
    ]


@dataclass(frozen=True, slots=True)
class FirstSync:
    """`run_id` is None where no run was requested; `text` says in a person's words what happens next."""

    run_id: str | None
    text: str


def first_sync(
    instance: dg.DagsterInstance,
    store: StoreIntegration,
    *,
    since: datetime | None = None,
    patience: float = PATIENCE_SECONDS,
) -> FirstSync:
    """Waits until `store_integration_sensor` has requested the store's first sync, while a daemon is there to do so.

    `store` is as it is after the change that a person made, `since` an instant before that change: older runs do not
    count. Without it, the change was made just now.
    """
    since = since or system_clock() - _JUST_NOW
    if not store.is_active:
        if store.auto_sync and store.first_sync_at is None:
            return FirstSync(None, "the first sync starts when the store is activated")
        return FirstSync(None, "it is not synced until it is activated; what is known of its stock stays")
    if store.first_sync_at is not None:
        return FirstSync(None, "the schedule syncs it at its next tick")
    if not store.auto_sync:
        return FirstSync(None, "no first sync was requested: the store has no auto-sync; the schedule takes it at its next tick")
    deadline = time.monotonic() + patience
    while (run_id := _latest_sync(instance, store.key, since)) is None:
        if not daemon_is_running(instance):
            return FirstSync(None, "the first sync starts when the daemon runs")
        if time.monotonic() > deadline:
            return FirstSync(None, "the first sync was not requested yet: is store_integration_sensor switched on?")
        time.sleep(_POLL_SECONDS)
    return FirstSync(run_id, f"first sync requested: run {run_id}")


def daemon_is_running(instance: dg.DagsterInstance) -> bool:
    """Whether a Dagster daemon evaluates sensors of this history at present."""
    heartbeat = instance.get_daemon_heartbeats().get("SENSOR")
    return heartbeat is not None and time.time() - heartbeat.timestamp < _ALIVE_SECONDS


def _latest_sync(instance: dg.DagsterInstance, store_key: str, since: datetime) -> str | None:
    runs = instance.get_runs(dg.RunsFilter(tags={names.PARTITION_TAG: store_key}, created_after=since), limit=5)
    return next((run.run_id for run in runs if is_sync(run)), None)
