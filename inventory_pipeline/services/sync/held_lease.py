"""One run's hold on a store: taken before anything is read, kept alive while it is, freed whatever happens."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import TracebackType
from typing import Self

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.errors import DatabaseUnavailable, LeaseLost
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.sync import leases

logger = logging.getLogger(__name__)

_RENEWALS_PER_TTL = 4


class HeldLease:
    """A context manager. Entering raises LeaseHeld where another run syncs the store."""

    def __init__(self, database: Database, clock: Clock, ttl: timedelta, store_key: str, run_id: str) -> None:
        self._database = database
        self._clock = clock
        self._ttl = ttl
        self._store_key = store_key
        self._run_id = run_id

    def __enter__(self) -> Self:
        leases.acquire(self._database, self._store_key, self._run_id, self._clock(), self._ttl)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            leases.release(self._database, self._store_key, self._run_id)
        except DatabaseUnavailable as trouble:
            # What was published stays published; the lease runs out by itself.
            logger.warning("The lease of store %s could not be given back: %s", self._store_key, trouble)

    def renew(self) -> None:
        """Says that the run is alive. Raises LeaseLost where another run has taken over."""
        if not leases.heartbeat(self._database, self._store_key, self._run_id, self._clock(), self._ttl):
            raise self._lost()

    @asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """Renews the lease while the body waits for the network. Where that fails, the body ends with the same error."""
        reader = asyncio.current_task()
        assert reader is not None
        failed: list[Exception] = []

        async def renew_again_and_again() -> None:
            try:
                while True:
                    await asyncio.sleep(self._ttl.total_seconds() / _RENEWALS_PER_TTL)
                    self.renew()
            except Exception as error:  # noqa: BLE001 - raised again below, in the task that people wait for
                failed.append(error)
                reader.cancel()

        renewing = asyncio.create_task(renew_again_and_again())
        try:
            yield
        except asyncio.CancelledError:
            if failed:
                raise failed[0] from None
            raise
        finally:
            renewing.cancel()

    def _lost(self) -> LeaseLost:
        return LeaseLost(
            f"run {self._run_id} lost the lease of store {self._store_key!r} (its heartbeat had stopped) and published"
            " nothing; the next sync takes over"
        )
