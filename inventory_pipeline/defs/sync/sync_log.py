"""The sync log: Dagster's run storage, read as one row per sync, whatever job or command the sync ran under."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast, get_args

from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.sync import Outcome, Trigger
from inventory_pipeline.defs import names

if TYPE_CHECKING:  # reading the log must not wait for Dagster, nor Dagster's code server for SQLAlchemy
    import sqlalchemy as sa
    from dagster import DagsterInstance, DagsterRun

    from inventory_pipeline.defs.sync.recorded_runs import RecordedRun

# Enough of a store's latest runs to look past the ones that were refused or canceled.
_LOOK_BACK = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncLogRow:
    """One run that selected `inventory_snapshot`.

    `status` is Dagster's own word (QUEUED, STARTED, SUCCESS, FAILURE, CANCELED, …); `outcome` is None until the run has ended.
    The counts are lines, and None unless this very run published; so is `note`, what it had to say of the store. `store` is
    None for a run without partition.
    """

    run_id: str
    store: str | None
    platform: str | None
    trigger: Trigger
    status: str
    outcome: Outcome | None
    started_at: datetime | None
    ended_at: datetime | None
    seen: int | None
    created: int | None
    updated: int | None
    skipped: int | None
    rejected: int | None
    missing: int | None
    api_calls: int | None
    error: str | None
    note: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The row as `sync-log --json` prints it: instants as ISO 8601 in UTC."""
        values = asdict(self)
        for name in ("started_at", "ended_at"):
            values[name] = values[name] and show_instant(values[name])
        return values


def list_syncs(instance: "DagsterInstance", *, store: str | None = None, limit: int = 20) -> list[SyncLogRow]:
    """The latest `limit` syncs, newest first, running ones included; of one store where `store` is given. One query."""
    from inventory_pipeline.defs.sync.recorded_runs import history_of

    with history_of(instance) as connection:
        return read_syncs(connection, store=store, limit=limit)


def read_syncs(connection: "sa.Connection", *, store: str | None = None, limit: int = 20) -> list[SyncLogRow]:
    """The same of a connection to Dagster's history."""
    from inventory_pipeline.defs.sync.recorded_runs import latest_syncs

    stores = None if store is None else [store]
    return [log_row(run) for run in latest_syncs(connection, stores=stores, limit=limit)]


def sync_row(instance: "DagsterInstance", run_id: str) -> SyncLogRow | None:
    """The row of one run."""
    from inventory_pipeline.defs.sync.recorded_runs import history_of, runs_by_id

    with history_of(instance) as connection:
        return next((log_row(run) for run in runs_by_id(connection, [run_id])), None)


def failed_stores(instance: "DagsterInstance", stores: Sequence[str]) -> list[str]:
    """Those of `stores` whose last sync that was let run to its end failed or was quarantined. Two queries."""
    from inventory_pipeline.defs.sync.recorded_runs import history_of, latest_run_ids, runs_by_id

    latest: dict[str | None, SyncLogRow] = {}
    with history_of(instance) as connection:
        run_ids = latest_run_ids(connection, stores, each=_LOOK_BACK)
        for run in runs_by_id(connection, run_ids):
            row = log_row(run)
            if run.is_sync and row.outcome in ("published", "failed", "quarantined"):
                latest.setdefault(row.store, row)
    return [store for store in stores if store in latest and latest[store].outcome != "published"]


def is_sync(run: "DagsterRun") -> bool:
    """Whether the run selects `inventory_snapshot`."""
    return run.job_name == names.SYNC_JOB or any(key.path == [names.SNAPSHOT] for key in run.asset_selection or ())


def has_own_tags(run: "DagsterRun | RecordedRun") -> bool:
    """Whether the run itself wrote its outcome; tags that a re-execution copied from its parent do not count."""
    return run.run_id in (run.tags.get(names.RUN_TAG), run.tags.get(names.earlier_name(names.RUN_TAG)))


def trigger_of(tags: Mapping[str, str]) -> Trigger:
    """What started a run. A re-execution keeps its parent's tags, so that being one comes first."""
    if "dagster/parent_run_id" in tags:
        return "retry"
    if "dagster/schedule_name" in tags:
        return "schedule"
    return "auto_sync" if "dagster/sensor_name" in tags else "manual"


def log_row(run: "RecordedRun") -> SyncLogRow:
    """One run as the sync log shows it."""
    own = _own_tags(run)
    outcome = _outcome(run, own)
    counts = {name: _count(own, tag) if outcome == "published" else None for name, tag in names.COUNT_TAGS.items()}
    parts = [counts[name] for name in ("created", "updated", "skipped", "rejected")]
    return SyncLogRow(
        run_id=run.run_id,
        store=run.tags.get(names.PARTITION_TAG),
        platform=run.tags.get(names.PLATFORM_TAG) or run.tags.get(names.earlier_name(names.PLATFORM_TAG)),
        trigger=trigger_of(run.tags),
        status=run.status,
        outcome=outcome,
        started_at=_instant(run.start_time),
        ended_at=_instant(run.end_time),
        seen=None if None in parts else sum(part for part in parts if part is not None),
        **counts,
        api_calls=_count(own, names.API_CALLS_TAG),
        error=_text(own, names.ERROR_TAG, names.ERROR_PIECES) or _unexplained(run, outcome),
        note=_text(own, names.NOTE_TAG, names.NOTE_PIECES) if outcome == "published" else None,
    )


def _own_tags(run: "RecordedRun") -> Mapping[str, str]:
    """What the run itself wrote, by the names of today; empty where it wrote nothing."""
    if run.tags.get(names.RUN_TAG) == run.run_id:
        own = run.tags
    elif has_own_tags(run):
        own = {**run.tags, **{tag: run.tags.get(names.earlier_name(tag), names.NOTHING) for tag in names.FIGURE_TAGS}}
    else:
        return {}
    return {tag: value for tag, value in own.items() if value != names.NOTHING}


def _outcome(run: "RecordedRun", own: Mapping[str, str]) -> Outcome | None:
    written = own.get(names.OUTCOME_TAG)
    if written in get_args(Outcome):
        return cast(Outcome, written)
    if not run.is_finished:
        return None
    ended: dict[str, Outcome] = {"SUCCESS": "published", "CANCELED": "canceled"}
    return ended.get(run.status, "failed")


def _unexplained(run: "RecordedRun", outcome: Outcome | None) -> str | None:
    """For a run that ended without a word of its own, until `sync_failure_sensor` has looked up why."""
    if outcome != "failed":
        return None
    return f"the run ended without a result ({run.tags.get('dagster/failure_reason', 'reason unknown')}); see its page in Dagster"


def _text(own: Mapping[str, str], tag: str, pieces: Sequence[str]) -> str | None:
    """The whole text where it stands in pieces."""
    return "".join(own[piece] for piece in pieces if piece in own) or own.get(tag)


def _count(own: Mapping[str, str], tag: str) -> int | None:
    text = own.get(tag, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _instant(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
