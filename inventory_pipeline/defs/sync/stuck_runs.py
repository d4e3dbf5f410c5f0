"""Runs whose process is gone while Dagster shows them as going on: found, barred, and their end written down for them.

Nobody tells Dagster when daemon, code server and run go down together. A sync that had published by then ends as published,
with its snapshot's figures; every other run fails with its reason, or ends as canceled where that was asked of it.
"""

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.sync import SyncResult
from inventory_pipeline.defs import names
from inventory_pipeline.defs.private_dagster import CODE_SERVER_TAG, code_server_executes
from inventory_pipeline.defs.sync.checks import check_results
from inventory_pipeline.defs.sync.outcome import SyncOutcome, materialization, observation, units_lately, write_tags
from inventory_pipeline.defs.sync.sync_log import has_own_tags, is_sync

if TYPE_CHECKING:
    from inventory_pipeline.db.sync.heartbeats import RunHeartbeat
    from inventory_pipeline.services.sync.run_life import Death, Patience
    from inventory_pipeline.wiring import Services

logger = logging.getLogger(__name__)

_GOING_ON = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_LOCAL = ("localhost", "127.0.0.1", "::1")
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class StuckRun:
    """A run that is taken for dead: `life` is what its process last said, `death` why."""

    run: dg.DagsterRun
    life: "RunHeartbeat | None"
    death: "Death"

    @property
    def store(self) -> str | None:
        return self.run.tags.get(names.PARTITION_TAG) if is_sync(self.run) else None

    @property
    def description(self) -> str:
        """Which run it is, for a person."""
        whose = f"sync of store {self.store}" if self.store else f"run of {self.run.job_name}"
        return f"{whose}, run {self.run.run_id}"

    @property
    def state(self) -> str:
        """Differs from one look to the next where anything has moved."""
        return f"{self.run.status.value} {self.life}"


def find_stuck_runs(instance: dg.DagsterInstance, services: "Services", run_ids: Sequence[str] | None = None) -> list[StuckRun]:
    """Every run (or of `run_ids`) that looks dead at this moment. Two queries, and more for those without a life alone.

    One that cannot be judged is logged and left out, so that it does not stand in the others' way.
    """
    from inventory_pipeline.db.sync import heartbeats
    from inventory_pipeline.services.sync.run_life import Patience, death_of

    which = dg.RunsFilter(statuses=_GOING_ON, run_ids=None if run_ids is None else list(run_ids))
    records = instance.get_run_records(which)
    lives = heartbeats.of_runs(services.database, [record.dagster_run.run_id for record in records])
    patience, now = Patience(services.environment.run_heartbeat), services.clock()
    found = []
    for record in records:
        life = lives.get(record.dagster_run.run_id)
        try:
            death = (
                death_of(life, now, patience) if life is not None else _death_without_heartbeat(instance, record, now, patience)
            )
        except Exception:
            logger.exception("Run %s cannot be judged", record.dagster_run.run_id)
            continue
        if death is not None:
            found.append(StuckRun(record.dagster_run, life, death))
    return found


def _death_without_heartbeat(
    instance: dg.DagsterInstance, record: dg.RunRecord, now: datetime, patience: "Patience"
) -> "Death | None":
    """Of a run whose body has not begun: its code server is asked, then its process, and else the time decides."""
    from inventory_pipeline.services.sync.run_life import Death

    run = record.dagster_run
    since = _since(instance, record)
    if not _would_begin_at_once(run) or now - since < patience.silence:
        return None
    alive = _is_executed(instance, run)
    if alive:
        return None
    status = run.status.value
    if alive is None and run.status in (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING):
        # Other launchers may take longer to start a run: for them there is Dagster's own start time-out.
        patient = now - since < patience.start or not isinstance(instance.run_launcher, dg.DefaultRunLauncher)
        if patient:
            return None
    return Death(f"it gave no sign of life since it was {status} at {show_instant(since)}", certain=False)


def _since(instance: dg.DagsterInstance, record: dg.RunRecord) -> datetime:
    """When the run took the state that it is in."""
    run = record.dagster_run
    if run.status is dg.DagsterRunStatus.STARTED and record.start_time is not None:
        return datetime.fromtimestamp(record.start_time, UTC)
    if run.status is dg.DagsterRunStatus.STARTING:
        launched = getattr(instance.get_run_stats(run.run_id), "launch_time", None)
        if launched is not None:
            return datetime.fromtimestamp(launched, UTC)
    return record.create_timestamp if run.status is dg.DagsterRunStatus.NOT_STARTED else record.update_timestamp


def _would_begin_at_once(run: dg.DagsterRun) -> bool:
    """Whether a body of ours is the first thing that the run does; in other people's jobs it may be the last."""
    selected = {key.to_user_string() for key in run.asset_selection or ()}
    return run.job_name in names.JOBS or (bool(selected) and selected <= set(names.ASSETS))


def _is_executed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool | None:
    """Whether a process executes the run; None where nobody can tell.

    A code server that has reloaded its code, or was told to cancel the run, no longer names it: its word alone is no proof.
    """
    executes = code_server_executes(run)
    if executes:
        return True
    process = _local_process(instance, run)
    if process is None:
        return None if run.status is dg.DagsterRunStatus.CANCELING else executes
    return process


def _local_process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool | None:
    """Whether the process of its start event is there, for a run that a code server of this machine was to start."""
    from inventory_pipeline.services.sync.run_life import process_exists

    if json.loads(run.tags.get(CODE_SERVER_TAG, "{}")).get("host") not in _LOCAL:
        return None
    started = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT, limit=5).records
    for record in started:
        pid = record.event_log_entry.get_dagster_event().engine_event_data.metadata.get("pid")
        if pid is not None:
            return process_exists(int(str(pid.value)), datetime.fromtimestamp(record.timestamp, UTC))
    return None


class StuckRunWatch:
    """Closes stuck runs over several looks: one that only might be dead is closed where a second look finds it unmoved.

    `remembered` is what another watch has to hand on, as text.
    """

    def __init__(self, instance: dg.DagsterInstance, services: "Services", remembered: str | None = None) -> None:
        self._instance, self._services = instance, services
        self._suspects: dict[str, tuple[str, str]] = {}
        if remembered:
            self._suspects = {run_id: (state, since) for run_id, (state, since) in json.loads(remembered).items()}

    @property
    def remembered(self) -> str:
        return json.dumps(self._suspects)

    def look(self, run_ids: Sequence[str] | None = None) -> list[StuckRun]:
        """Closes the runs that are certainly dead, and returns them. Others are left for the next look."""
        from inventory_pipeline.services.sync.run_life import Patience

        now = self._services.clock()
        second_look = Patience(self._services.environment.run_heartbeat).second_look
        closed, suspects = [], {}
        for stuck in find_stuck_runs(self._instance, self._services, run_ids):
            state, since = self._suspects.get(stuck.run.run_id, ("", ""))
            if state != stuck.state:
                since = now.isoformat()
            unmoved = abs(now - datetime.fromisoformat(since)) >= second_look
            if (stuck.death.certain or unmoved) and self._close(stuck):
                closed.append(stuck)
            else:
                suspects[stuck.run.run_id] = (stuck.state, since)
        self._suspects = suspects
        return closed

    def _close(self, stuck: StuckRun) -> bool:
        try:
            return close_stuck_run(self._instance, self._services, stuck)
        except Exception:
            # It is barred by now: whoever looks in a minute goes on. The other runs must not wait for it.
            logger.exception("The end of run %s could not be written down", stuck.run.run_id)
            return False

    def forget_old(self) -> None:
        """Drops what our database no longer needs to know of runs."""
        from inventory_pipeline.services.sync.run_life import forget_old

        unfinished = [record.dagster_run.run_id for record in self._instance.get_run_records(dg.RunsFilter(statuses=_GOING_ON))]
        forget_old(self._services.database, self._services.clock(), unfinished)

    def look_until_settled(self, run_ids: Sequence[str] | None = None) -> Iterator[StuckRun]:
        """Looks again until every suspect has been closed or has moved, which takes about a heartbeat and a half."""
        from inventory_pipeline.services.sync.run_life import Patience

        deadline = time.monotonic() + Patience(self._services.environment.run_heartbeat).silence.total_seconds()
        while True:
            yield from self.look(run_ids)
            if not self._suspects or time.monotonic() > deadline:
                return
            time.sleep(_POLL_SECONDS)


def close_stuck_run(instance: dg.DagsterInstance, services: "Services", stuck: StuckRun) -> bool:
    """Bars the run, so that it can no longer publish, and writes down its end. False where it has moved since it was found."""
    from inventory_pipeline.services.sync.run_life import bar

    run_id = stuck.run.run_id
    if not bar(services.database, services.clock, run_id, stuck.store, stuck.life, certain=stuck.death.certain):
        return False
    reason = f"the run's process is gone (killed, out of memory, or its machine went down): {stuck.death.reason}"
    return close_run(instance, services, run_id, reason)


def close_run(instance: dg.DagsterInstance, services: "Services", run_id: str, reason: str) -> bool:
    """Writes down the end of a run whose process is gone or barred: published where it had published, else failed for
    `reason`, or canceled where that was asked of it.

    Its tags are written only where it has none of its own. False where the run is unknown or has ended.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return False
    platform, published, newest = _published(services, run)
    canceling = run.status is dg.DagsterRunStatus.CANCELING
    if published is not None:
        outcome = SyncOutcome("published", result=published)
    elif canceling:
        outcome = SyncOutcome("canceled")
    else:
        outcome = SyncOutcome("failed", error=f"{reason}; {_what_follows(run)}")
    if is_sync(run) and not has_own_tags(run):
        write_tags(instance, run, outcome, platform)
    if published is not None:
        if newest:
            _report_published(instance, services, run, published)
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, run.job_name, message=f"It had published when {reason}.")
        instance.report_dagster_event(event, run_id)
    elif canceling:
        instance.report_run_canceled(run, reason)
    else:
        if is_sync(run) and names.PARTITION_TAG in run.tags:
            instance.report_runless_asset_event(observation(run.tags[names.PARTITION_TAG], outcome))
        instance.report_run_failed(run, outcome.error)
    return True


def _what_follows(run: dg.DagsterRun) -> str:
    if is_sync(run):
        return "the last good snapshot stays, the next sync takes over"
    return "Dagster starts it again where its retries allow it; else launch it again"


def _published(services: "Services", run: dg.DagsterRun) -> tuple[str | None, SyncResult | None, bool]:
    """The platform of the run's store, what the run published, and whether that is the store's newest snapshot."""
    store = run.tags.get(names.PARTITION_TAG)
    if store is None or not is_sync(run):
        return None, None, False
    from inventory_pipeline.db.integrations import stores
    from inventory_pipeline.db.sync import publish, snapshots

    with services.database.connect() as connection:
        known = stores.get_store(connection, store)
        result = publish.published_by(connection, store, run.run_id)
        last = None if result is None else snapshots.last_published(connection, store)
    newest = last is not None and result is not None and last.id == result.snapshot.id
    return None if known is None else known.platform, result, newest


def _report_published(instance: dg.DagsterInstance, services: "Services", run: dg.DagsterRun, result: SyncResult) -> None:
    """The partition's materialization and checks, as far as the run had not reported them itself."""
    which = dg.AssetRecordsFilter(asset_key=dg.AssetKey(names.SNAPSHOT), asset_partitions=[result.store])
    latest = next(iter(instance.fetch_materializations(which, limit=1).records), None)
    shown = latest.asset_materialization.metadata.get("as_of") if latest and latest.asset_materialization else None
    with services.database.connect() as connection:
        metadata = materialization(result, units_lately(connection, result.store)).metadata
    if metadata is not None and shown != metadata["as_of"]:
        instance.report_runless_asset_event(dg.AssetMaterialization(names.SNAPSHOT, metadata=metadata, partition=result.store))
    events = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    evaluated = {event.event_log_entry.get_dagster_event().asset_check_evaluation_data.check_name for event in events}
    for check in check_results(SyncOutcome("published", result=result)):
        if check.check_name is not None and check.check_name not in evaluated:
            instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(
                    asset_key=dg.AssetKey(names.SNAPSHOT),
                    check_name=check.check_name,
                    passed=check.passed,
                    metadata=check.metadata,
                    severity=check.severity,
                    description=check.description,
                    partition=result.store,
                )
            )
