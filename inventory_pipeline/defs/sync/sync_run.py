"""One run's sync, from its partition key to its line in the sync log."""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.errors import (
    DatabaseUnavailable,
    InventoryError,
    LeaseHeld,
    PlatformUnavailable,
    Quarantined,
    RunClosed,
    StoreRefused,
)
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.sync import Outcome
from inventory_pipeline.core.text import short_with_cure
from inventory_pipeline.defs.instance import history_error
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.resources import Inventory, failure
from inventory_pipeline.defs.sync.cancel import cancelled_from_elsewhere, has_launcher
from inventory_pipeline.defs.sync.endings import Ending, write_tags
from inventory_pipeline.defs.sync.stuck_runs import StuckRunWatch

if TYPE_CHECKING:
    from inventory_pipeline.services.sync.run_life import Heartbeat
    from inventory_pipeline.wiring import Services

logger = logging.getLogger(__name__)


def run_sync(context: dg.AssetExecutionContext, inventory: Inventory, heartbeat: "Heartbeat") -> Ending:
    """Syncs the run's store and writes the run's tags, also where the run is canceled meanwhile.

    Raises, without tags: RetryRequested where the platform or a database was unavailable at the first attempt, Failure
    where somebody else has written down this run's end, and whatever exception ended the run from outside. All other
    errors become an Ending.
    """
    store: StoreIntegration | None = None
    try:
        with cancelled_from_elsewhere(context.instance, context.run):
            inventory.begin(heartbeat)
            key = _store_key(context)
            with inventory.open() as services:
                store = _known_store(context.instance, services, key)
                _free_from_the_dead(context, services, key)
                accepted = context.op_execution_context.op_config
                result = services.sync().sync_all_products(
                    key,
                    run_id=context.run.run_id,
                    accept_shrink=accepted["accept_shrink"],
                    accept_unreadable=accepted["accept_unreadable"],
                )
        ending = Ending("published", result=result)
    except Exception as error:  # noqa: BLE001 - told by its type
        ending = _ending_of(context, inventory, error)
    except BaseException:
        write_tags(context.instance, context.run, _ended_from_outside(context), None if store is None else store.platform)
        raise
    try:
        write_tags(context.instance, context.run, ending, None if store is None else store.platform)
    except Exception as error:
        lost = history_error(error)
        if lost is None:
            raise
        raise inventory.again_or_failure(context, lost) from None
    return ending


def _store_key(context: dg.AssetExecutionContext) -> str:
    if not context.has_partition_key:
        raise StoreRefused("no store was chosen: launch the run for a partition, which is a store's key")
    return context.partition_key


def _known_store(instance: dg.DagsterInstance, services: "Services", key: str) -> StoreIntegration | None:
    """The key is held against the table, because Dagster runs the asset's body for keys that it does not know."""
    from inventory_pipeline.db.integrations import stores

    with services.database.connect() as connection:
        store = stores.get_store(connection, key)
    if store is not None and store.purged_at is None:
        add_partitions(instance, [key])
    return store


def _free_from_the_dead(context: dg.AssetExecutionContext, services: "Services", key: str) -> None:
    """A killed process leaves its lease behind; nobody should have to wait for a sensor, or for a daemon at all."""
    from inventory_pipeline.db.sync import heartbeats, leases
    from inventory_pipeline.services.sync.run_life import bar

    lease = leases.current(services.database, key)
    if lease is None:
        return
    holder = context.instance.get_run_by_id(lease.run_id)
    if lease.run_id == context.run.run_id:
        # Its first attempt lost the database before it could let go.
        leases.release(services.database, key, lease.run_id)
    elif holder is not None and holder.is_finished:
        # Should its process be alive after all, it must not publish for a run that has ended.
        logger.warning("Freeing the lease of run %s, which has ended", lease.run_id)
        life = heartbeats.of_runs(services.database, [lease.run_id]).get(lease.run_id)
        bar(services.database, services.clock, lease.run_id, key, life, certain=True)
        leases.release(services.database, key, lease.run_id)
    else:
        for stuck in StuckRunWatch(context.instance, services).look_until_settled([lease.run_id]):
            logger.warning("Closed the %s: %s", stuck.told, stuck.death.reason)


def _ending_of(context: dg.AssetExecutionContext, inventory: Inventory, error: Exception) -> Ending:
    """What the error means for the run; raises RetryRequested where one more attempt may mend it."""
    match error:
        case RunClosed():
            raise failure(error) from None
        case Quarantined():
            return replace(_told("quarantined", error), accepts=error.accepts)
        case LeaseHeld():
            return replace(_told("refused", error), holder=error.holder)
        case StoreRefused():
            return _told("refused", error)
    error = history_error(error) or error
    if isinstance(error, PlatformUnavailable | DatabaseUnavailable) and context.retry_number == 0:
        raise inventory.again_or_failure(context, error) from None
    if isinstance(error, InventoryError):
        return _told("failed", error)
    # A fault of ours: whole in the log, where it is redacted, and one line elsewhere.
    logger.error("Unexpected error", exc_info=error)
    return _told("failed", f"unexpected {type(error).__name__}: {error}")


def log_ending(ending: Ending) -> None:
    """The one line that says it all, in the log file and on the run's page, which opens at its end."""
    if ending.result is None:
        logger.warning("%s: %s", ending.outcome, str(ending.error).removeprefix(f"{ending.outcome}: "))
        return
    result, counts = ending.result, ending.result.snapshot.counts
    logger.info(
        "Published snapshot %d of %s: %d lines seen, %d created, %d updated, %d skipped, %d rejected, %d missing; %d requests",
        result.snapshot.id,
        result.store,
        counts.seen,
        counts.created,
        counts.updated,
        counts.skipped,
        counts.rejected,
        counts.missing,
        result.api_calls,
    )


def _told(outcome: Outcome, error: object) -> Ending:
    return Ending(outcome, error=short_with_cure(redact(str(error)), 2_000))


def _ended_from_outside(context: dg.AssetExecutionContext) -> Ending:
    """What to call it that a signal ended this run: canceled only if a person did it."""
    run = context.instance.get_run_by_id(context.run.run_id) or context.run
    if run.status is dg.DagsterRunStatus.FAILURE:
        return Ending("failed", error="the run was ended because it had been marked as failed; the next sync takes over")
    if run.status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED):
        return Ending("canceled")
    if has_launcher(run):
        return Ending("failed", error="the run's process was told to end (a shutdown or a deploy); the next sync takes over")
    # Ctrl-C on a command line. Dagster calls that a failure unless it was told first.
    context.instance.report_run_canceling(run)
    return Ending("canceled")
