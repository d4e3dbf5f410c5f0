"""Runs as Dagster's storage records them, read without Dagster: importing it takes far longer than listing syncs does.

What is leaned on here is private to Dagster: the columns of its tables `runs` and `run_tags` and the JSON in `run_body`, the
same on SQLite and PostgreSQL. The tests of the sync log write through Dagster 1.13 and read through this.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.db.engine import checked_url, make_engine
from inventory_pipeline.defs.names import OUTCOME_TAG, PARTITION_TAG, SNAPSHOT, SYNC_JOB
from inventory_pipeline.environment import PROJECT_ROOT, Environment

if TYPE_CHECKING:
    from dagster import DagsterInstance

_runs = sa.table(
    "runs",
    sa.column("id"),
    sa.column("run_id"),
    sa.column("status"),
    sa.column("run_body"),
    sa.column("start_time"),
    sa.column("end_time"),
)
_tags = sa.table("run_tags", sa.column("run_id"), sa.column("key"), sa.column("value"))
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """`status` is Dagster's own word. Times are seconds since 1970, None until then."""

    run_id: str
    job: str
    status: str
    tags: Mapping[str, str]
    is_sync: bool
    start_time: float | None
    end_time: float | None

    @property
    def is_finished(self) -> bool:
        return self.status in _ENDED


def latest_syncs(
    connection: sa.Connection, *, stores: Sequence[str] | None = None, limit: int, before: str | None = None
) -> list[RecordedRun]:
    """The latest runs that select the asset, whatever their job, newest first; of these stores, and older than the run
    `before`, where given.
    """
    # A run of the job that a sensor or schedule requested names the job, and not the asset.
    named = sa.or_(_runs.c.run_body.contains(SNAPSHOT), _runs.c.run_body.contains(SYNC_JOB))
    query = sa.select(_runs).where(named).order_by(_runs.c.id.desc()).limit(limit)
    if stores is not None:
        mine = sa.select(_tags.c.run_id).where(_tags.c.key == PARTITION_TAG, _tags.c.value.in_(stores))
        query = query.where(_runs.c.run_id.in_(mine))
    if before is not None:
        query = query.where(_runs.c.id < sa.select(_runs.c.id).where(_runs.c.run_id == before).scalar_subquery())
    rows = connection.execute(query).all()
    found = [run for run in map(_run, rows) if run.is_sync]
    # A run may hold the asset's name for another reason: then older ones are looked at.
    while len(found) < limit == len(rows):
        rows = connection.execute(query.where(_runs.c.id < rows[-1].id)).all()
        found += [run for run in map(_run, rows) if run.is_sync]
    return found[:limit]


def runs_by_id(connection: sa.Connection, run_ids: Sequence[str]) -> list[RecordedRun]:
    """These runs in this order, without those deleted meanwhile. One query."""
    if not run_ids:
        return []
    rows = connection.execute(sa.select(_runs).where(_runs.c.run_id.in_(run_ids)))
    runs = {row.run_id: _run(row) for row in rows}
    return [runs[run_id] for run_id in run_ids if run_id in runs]


def latest_run_ids(connection: sa.Connection, stores: Sequence[str], *, each: int, status: str | None = None) -> list[str]:
    """Ids of the latest `each` runs of each store, of that status only where one is given; newest first. One query.

    With a status, runs that passed over an inactive store do not count: they say nothing of its stock.
    Dagster's own `bucket_by` is ignored by its SQL storages (1.13), and one query a store would grow with their number.
    """
    chosen = sa.and_(_tags.c.key == PARTITION_TAG, _tags.c.value.in_(list(stores)))
    if status is not None:
        passed_over = sa.select(_tags.c.run_id).where(_tags.c.key == OUTCOME_TAG, _tags.c.value == "inactive")
        chosen = sa.and_(chosen, _runs.c.status == status, _runs.c.run_id.not_in(passed_over))
    rank = sa.func.row_number().over(partition_by=_tags.c.value, order_by=_runs.c.id.desc())
    runs = _runs.join(_tags, _runs.c.run_id == _tags.c.run_id)
    ranked = sa.select(_runs.c.id, _runs.c.run_id, rank.label("rank")).select_from(runs).where(chosen).subquery()
    latest = sa.select(ranked.c.run_id).where(ranked.c.rank <= each).order_by(ranked.c.id.desc())
    return list(connection.execute(latest).scalars())


@contextmanager
def history(environment: Environment) -> Iterator[sa.Connection | None]:
    """Dagster's history for reading, without Dagster; None where there is none yet, or not where this project keeps it.

    Raises UsageError where it cannot be opened.
    """
    url = _url(environment)
    if url is None:
        yield None
        return
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        where = url.database if environment.dagster_database_url is None else "INVENTORY_DAGSTER_DATABASE_URL"
        raise UsageError(f"Dagster's history cannot be read at {where}: {redact(one_line(error.orig, 300))}") from error
    finally:
        engine.dispose()


def _url(environment: Environment) -> sa.URL | None:
    config = Path(os.environ.get("DAGSTER_HOME") or PROJECT_ROOT) / "dagster.yaml"
    if not config.is_file() or "inventory_pipeline.defs.storage" not in config.read_text():
        return None  # a Dagster of the person's own, which keeps its history as it likes
    if environment.dagster_database_url is None:
        file = environment.dagster_dir / "history" / "runs.db"
        return sa.URL.create("sqlite+pysqlite", database=str(file)) if file.exists() else None
    scheme, _, rest = environment.dagster_database_url.partition("://")
    return checked_url(f"postgresql://{rest}") if scheme.startswith("postgres") else None


@contextmanager
def history_of(instance: "DagsterInstance") -> Iterator[sa.Connection]:
    """The same of an instance that is open already."""
    with instance.run_storage.connect() as connection:  # pyright: ignore[reportAttributeAccessIssue] - every SQL storage has it
        yield connection


def _run(row: sa.Row[Any]) -> RecordedRun:
    body = json.loads(row.run_body)
    job = body["pipeline_name"]
    selected = (body.get("asset_selection") or {}).get("__frozenset__", ())
    is_sync = job == SYNC_JOB or any(key["path"] == [SNAPSHOT] for key in selected)
    # A job of somebody's own, which holds the asset among others.
    is_sync = is_sync or SNAPSHOT in (body.get("step_keys_to_execute") or ())
    return RecordedRun(row.run_id, job, row.status, body.get("tags") or {}, is_sync, row.start_time, row.end_time)
