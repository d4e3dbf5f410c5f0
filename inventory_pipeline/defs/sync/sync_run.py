"""One run's sync, from its partition key to its line in the sync log."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
from inventory_pipeline.core.sync import Outcome, SyncResult
from inventory_pipeline.core.text import short_with_cure
from inventory_pipeline.defs.instance import history_error
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.private_dagster import CODE_SERVER_TAG
from inventory_pipeline.defs.resources import Inventory, failure
from inventory_pipeline.defs.sync.interval import sync_interval
from inventory_pipeline.defs.sync.outcome import SyncOutcome, units_lately, write_tags
from inventory_pipeline.defs.sync.stuck_runs import StuckRunWatch

if TYPE_CHECKING:
    from inventory_pipeline.services.sync.run_life import Heartbeat
    from inventory_pipeline.wiring import Services

logger = logging.getLogger(__name__)

_CANCEL_POLL_SECONDS = 1.0
_BACKFILL_TAG = "dagster/backfill"


def run_sync(context: dg.AssetExecutionContext, inventory: Inventory, heartbeat: "Heartbeat") -> SyncOutcome:
    """Syncs the run's store and writes the run's tags, also where the run is canceled meanwhile.

    Raises, without tags: RetryRequested where the platform or a database was unavailable at the first attempt, Failure
    where somebody else has written down this run's end, and whatever exception ended the run from outside. All other
    errors become a SyncOutcome.
    """
    store: StoreIntegration | None = None
    try:
        with cancelled_from_elsewhere(context.instance, context.run):
            inventory.begin(heartbeat)
            key = _store_key(context)
            with inventory.open() as services:
                store = _known_store(context.instance, services, key)
                outcome = _sync(context, services, key, store)
    except Exception as error:  # noqa: BLE001 - its type says what it means
        outcome = _outcome_of_error(context, inventory, error)
    except BaseException:
        write_tags(context.instance, context.run, _outcome_of_signal(context), None if store is None else store.platform)
        raise
    try:
        write_tags(context.instance, context.run, outcome, None if store is None else store.platform)
    except Exception as error:
        lost = history_error(error)
        if lost is None:
            raise
        raise inventory.again_or_failure(context, lost) from None
    return outcome


def _blind_spell(services: "Services", result: SyncResult) -> tuple[str, ...]:
    """What happened while the store could not be seen; the sync itself has succeeded, whatever comes of this."""
    try:
        notices = services.alerting(sync_interval(services.environment)).sync_notices
        spell = notices.blind_spell(result.store, result.snapshot.id)
    except InventoryError as error:
        logger.warning("What happened since the last good sync cannot be told: %s", error)
        return ()
    return () if spell is None else tuple(spell.lines())


def _sync(context: dg.AssetExecutionContext, services: "Services", key: str, store: StoreIntegration | None) -> SyncOutcome:
    """Syncs the store. An inactive one is passed over in a backfill, since *Materialize → All* names every partition."""
    if store is not None and store.purged_at is None and not store.is_active and _BACKFILL_TAG in context.run.tags:
        return SyncOutcome("inactive")
    _free_lease_of_dead_run(context, services, key)
    accepted = context.op_execution_context.op_config
    result = services.sync().sync_all_products(
        key,
        run_id=context.run.run_id,
        accept_shrink=accepted["accept_shrink"],
        accept_unreadable=accepted["accept_unreadable"],
    )
    with services.database.connect() as connection:
        units = units_lately(connection, key)
    return SyncOutcome("published", result=result, units=units, report=_blind_spell(services, result))


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


def _free_lease_of_dead_run(context: dg.AssetExecutionContext, services: "Services", key: str) -> None:
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
            logger.warning("Closed the %s: %s", stuck.description, stuck.death.reason)


def _outcome_of_error(context: dg.AssetExecutionContext, inventory: Inventory, error: Exception) -> SyncOutcome:
    """What the error means for the run; raises RetryRequested where one more attempt may mend it."""
    match error:
        case RunClosed():
            raise failure(error) from None
        case Quarantined():
            return replace(_unpublished("quarantined", error), accepts=error.accepts)
        case LeaseHeld():
            return replace(_unpublished("refused", error), holder=error.holder)
        case StoreRefused():
            return _unpublished("refused", error)
    error = history_error(error) or error
    if isinstance(error, PlatformUnavailable | DatabaseUnavailable) and context.retry_number == 0:
        raise inventory.again_or_failure(context, error) from None
    if isinstance(error, InventoryError):
        return _unpublished("failed", error)
    # A fault of ours: whole in the log, where it is redacted, and one line elsewhere.
    logger.error("Unexpected error", exc_info=error)
    return _unpublished("failed", f"unexpected {type(error).__name__}: {error}")


def log_outcome(outcome: SyncOutcome) -> None:
    """The one line that says it all, in the log file and on the run's page, which opens at its end."""
    if outcome.name == "inactive":
        logger.info("The store is inactive: nothing was read, and nothing is wrong")
        return
    if outcome.result is None:
        logger.warning("%s: %s", outcome.name, str(outcome.error).removeprefix(f"{outcome.name}: "))
        return
    for line in outcome.report:
        logger.info("Since the last good sync: %s", redact(line))
    result, counts = outcome.result, outcome.result.snapshot.counts
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


def _unpublished(name: Outcome, error: object) -> SyncOutcome:
    return SyncOutcome(name, error=short_with_cure(redact(str(error)), 2_000))


def _outcome_of_signal(context: dg.AssetExecutionContext) -> SyncOutcome:
    """What to call it that a signal ended this run: canceled only if a person did it."""
    run = context.instance.get_run_by_id(context.run.run_id) or context.run
    if run.status is dg.DagsterRunStatus.FAILURE:
        return SyncOutcome("failed", error="the run was ended because it had been marked as failed; the next sync takes over")
    if run.status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED):
        return SyncOutcome("canceled")
    if has_launcher(run):
        return SyncOutcome("failed", error="the run's process was told to end (a shutdown or a deploy); the next sync takes over")
    # Ctrl-C on a command line. Dagster calls that a failure unless it was told first.
    context.instance.report_run_canceling(run)
    return SyncOutcome("canceled")


def has_launcher(run: dg.DagsterRun) -> bool:
    """Whether a code server started the run's process, and so delivers Cancel to it."""
    return CODE_SERVER_TAG in run.tags


@contextmanager
def cancelled_from_elsewhere(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[None]:
    """Interrupts the block within a second or so of someone ending the run in the UI.

    The run launcher does so for the runs that it started. For others (the asset CLI, `job execute`,
    `sync-all-stores`) Dagster only writes down that the run is to be canceled, and nobody would look.
    """
    if has_launcher(run) or threading.current_thread() is not threading.main_thread():
        yield
        return
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_CANCEL_POLL_SECONDS):
            now = instance.get_run_by_id(run.run_id)
            if now is not None and (now.is_finished or now.status is dg.DagsterRunStatus.CANCELING):
                os.kill(os.getpid(), signal.SIGINT)
                return

    watcher = threading.Thread(target=watch, name="cancelled-from-elsewhere", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
