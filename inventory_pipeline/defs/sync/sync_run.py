"""One run's sync, from its partition key to its line in the sync log."""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.errors import InventoryError, LeaseHeld, PlatformUnavailable, Quarantined, StoreRefused
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.sync import Outcome, SyncResult
from inventory_pipeline.core.text import one_line
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.cancel import cancelled_from_elsewhere, has_launcher
from inventory_pipeline.defs.sync.closing import close_stale
from inventory_pipeline.defs.sync.endings import Ending, write_tags

if TYPE_CHECKING:
    from inventory_pipeline.wiring import Services

logger = logging.getLogger(__name__)


def run_sync(context: dg.AssetExecutionContext, inventory: Inventory) -> Ending:
    """Syncs the run's store and writes the run's tags, also where the run is canceled meanwhile.

    Raises RetryRequested, without tags, where the platform was unavailable at the first attempt, and whatever exception
    ended the run from outside. All other errors become an Ending.
    """
    attempt = _Attempt(context)
    try:
        with cancelled_from_elsewhere(context.instance, context.run):
            ending = attempt.ending(inventory)
    except dg.RetryRequested:
        raise
    except BaseException:
        write_tags(context.instance, context.run, _ended_from_outside(context), attempt.platform)
        raise
    write_tags(context.instance, context.run, ending, attempt.platform)
    return ending


class _Attempt:
    """`platform` is the store's, once its row has been read."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context
        self.platform: str | None = None

    def ending(self, inventory: Inventory) -> Ending:
        try:
            return Ending("published", result=self._sync(inventory))
        except Quarantined as error:
            return _told("quarantined", error)
        except LeaseHeld as error:
            return replace(_told("refused", error), holder=error.holder)
        except StoreRefused as error:
            return _told("refused", error)
        except PlatformUnavailable as error:
            if self._context.retry_number == 0:
                wait = inventory.environment.retry_wait.total_seconds()
                raise dg.RetryRequested(max_retries=1, seconds_to_wait=wait) from error
            return _told("failed", error)
        except InventoryError as error:
            return _told("failed", error)
        except Exception as error:  # a fault of ours: whole in the log, where it is redacted, and one line elsewhere
            logger.exception("Unexpected error")
            return _told("failed", f"unexpected {type(error).__name__}: {error}")

    def _sync(self, inventory: Inventory) -> SyncResult:
        """Before anything else the key is held against the table: Dagster runs this for keys that it does not know."""
        if not self._context.has_partition_key:
            raise StoreRefused("no store was chosen: launch the run for a partition, which is a store's key")
        key = self._context.partition_key
        with inventory.open() as services:
            from inventory_pipeline.db.integrations import stores

            with services.database.connect() as connection:
                store = stores.get_store(connection, key)
            if store is not None:
                self.platform = store.platform
                if store.purged_at is None:
                    add_partitions(self._context.instance, [key])
            self._free_from_the_dead(services, key)
            return services.sync().sync_all_products(
                key,
                run_id=self._context.run.run_id,
                accept_shrink=self._context.op_execution_context.op_config["accept_shrink"],
            )

    def _free_from_the_dead(self, services: "Services", key: str) -> None:
        """A killed process leaves its lease behind; nobody should have to wait for a sensor, or for a daemon at all."""
        from inventory_pipeline.db.sync import leases

        lease = leases.current(services.database, key)
        if lease is None:
            return
        if lease.expires_at < services.clock():
            close_stale(self._context.instance, services, lease)
            return
        holder = self._context.instance.get_run_by_id(lease.run_id)
        if holder is not None and holder.is_finished:
            # Were its process alive after all, publishing would find the lease gone.
            logger.warning("Freeing the lease of run %s, which has ended", lease.run_id)
            leases.release(services.database, key, lease.run_id)


def log_ending(ending: Ending) -> None:
    """The one line that says it all, in the log file and on the run's page, which opens at its end."""
    if ending.result is None:
        logger.warning("%s: %s", ending.outcome, str(ending.error).removeprefix(f"{ending.outcome}: "))
        return
    result, counts = ending.result, ending.result.counts
    logger.info(
        "Published snapshot %d of %s: %d lines seen, %d created, %d updated, %d skipped, %d rejected, %d missing; %d requests",
        *(result.snapshot_id, result.store, counts.seen, counts.created, counts.updated, counts.skipped, counts.rejected),
        *(counts.missing, result.api_calls),
    )


def _told(outcome: Outcome, error: object) -> Ending:
    return Ending(outcome, error=one_line(redact(str(error)), 2_000))


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
