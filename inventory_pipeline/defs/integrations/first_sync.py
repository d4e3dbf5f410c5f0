"""What became of a new store's first sync, told to the person who has just created it."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from dagster import DagsterInstance, RunsFilter

from inventory_pipeline.core.clock import system_clock
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.defs.names import PARTITION_TAG
from inventory_pipeline.defs.sync.sync_log import is_sync

# The sensor's interval, a tick's own time, and some air: DESIGN promises the request within 10 s.
PATIENCE_SECONDS = 12.0
_POLL_SECONDS = 0.5
_JUST_NOW = timedelta(seconds=10)
# The daemon beats each 30 s.
_ALIVE_SECONDS = 75.0


@dataclass(frozen=True, slots=True)
class FirstSync:
    """`run_id` is None where no run was requested; `text` says in a person's words what happens next."""

    run_id: str | None
    text: str


def first_sync(
    instance: DagsterInstance,
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


def daemon_is_running(instance: DagsterInstance) -> bool:
    """Whether a Dagster daemon evaluates sensors of this history at present."""
    heartbeat = instance.get_daemon_heartbeats().get("SENSOR")
    return heartbeat is not None and time.time() - heartbeat.timestamp < _ALIVE_SECONDS


def _latest_sync(instance: DagsterInstance, store_key: str, since: datetime) -> str | None:
    runs = instance.get_runs(RunsFilter(tags={PARTITION_TAG: store_key}, created_after=since), limit=5)
    return next((run.run_id for run in runs if is_sync(run)), None)
