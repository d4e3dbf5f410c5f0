"""The latest runs of every store in one query.

Dagster's own `bucket_by` is ignored by its SQL storages (1.13), and one query a store would grow with their number.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from dagster import DagsterInstance, DagsterRunStatus

from inventory_pipeline.defs.names import PARTITION_TAG

if TYPE_CHECKING:
    from inventory_pipeline.defs.private_dagster_storage import SqlRunStorage


def latest_run_ids(
    instance: DagsterInstance, stores: Sequence[str], each: int, statuses: Sequence[DagsterRunStatus] | None = None
) -> list[str]:
    """Ids of the latest `each` runs of each store, of these statuses only where given; newest first."""
    import sqlalchemy as sa

    from inventory_pipeline.defs.private_dagster_storage import RunsTable, RunTagsTable

    chosen = sa.and_(RunTagsTable.c.key == PARTITION_TAG, RunTagsTable.c.value.in_(list(stores)))
    if statuses is not None:
        chosen = sa.and_(chosen, RunsTable.c.status.in_([status.value for status in statuses]))
    rank = sa.func.row_number().over(partition_by=RunTagsTable.c.value, order_by=RunsTable.c.id.desc())
    runs = RunsTable.join(RunTagsTable, RunsTable.c.run_id == RunTagsTable.c.run_id)
    ranked = sa.select(RunsTable.c.id, RunsTable.c.run_id, rank.label("rank")).select_from(runs).where(chosen).subquery()
    latest = sa.select(ranked.c.run_id).where(ranked.c.rank <= each).order_by(ranked.c.id.desc())
    with cast("SqlRunStorage", instance.run_storage).connect() as connection:
        return list(connection.execute(latest).scalars())
