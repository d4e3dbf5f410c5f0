"""What every asset, op, schedule and sensor here stands on: the one resource, failures in their own words, forms."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.clock import system_clock
from inventory_pipeline.core.errors import DatabaseUnavailable, InventoryError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.defs import names
from inventory_pipeline.defs.instance import history_error
from inventory_pipeline.environment import Environment, load_environment

if TYPE_CHECKING:
    from inventory_pipeline.services.sync.run_life import Heartbeat
    from inventory_pipeline.wiring import Services

logger = logging.getLogger(__name__)

RunContext = dg.OpExecutionContext | dg.AssetExecutionContext


class Inventory:
    """The project's database, credentials and platforms. All of it is configured by INVENTORY_* variables or `.env`."""

    @property
    def environment(self) -> Environment:
        return load_environment()

    @contextmanager
    def open(self) -> "Iterator[Services]":
        """Opens the use cases, with log lines going where INVENTORY_LOG_LEVEL says."""
        from inventory_pipeline.logs import configure_logging
        from inventory_pipeline.wiring import open_services

        environment = self.environment
        configure_logging(environment)
        with open_services(environment) as services:
            yield services

    @contextmanager
    def alive(self, context: RunContext) -> "Iterator[Heartbeat]":
        """The life of the run whose body the block is: begun by the body's first act, over with the block.

        Not over where the block raises RetryRequested: the run waits, in this process, and then goes on.
        """
        from inventory_pipeline.services.sync.run_life import Heartbeat

        heartbeat = Heartbeat(context.run.run_id, context.run.tags.get(names.PARTITION_TAG), system_clock)
        waiting = False
        try:
            yield heartbeat
        except dg.RetryRequested:
            waiting = True
            raise
        finally:
            if not waiting:
                heartbeat.end()

    def begin(self, heartbeat: "Heartbeat") -> None:
        """A body's first act, before key, lease or network: from here on nobody has to guess whether the run lives."""
        environment = self.environment
        heartbeat.begin(environment.database_url, environment.run_heartbeat)

    @contextmanager
    def open_in_step(self, context: RunContext) -> "Iterator[Services]":
        """As `open`, for a step's whole body. What a use case refuses becomes the step's failure, in its own words and not
        tried again; a database that was lost is asked once more, by the whole step over fresh connections.
        """
        with self.alive(context) as heartbeat:
            try:
                self.begin(heartbeat)
                with self.open() as services:
                    yield services
            except DatabaseUnavailable as error:
                raise self.again_or_failure(context, error) from None
            except InventoryError as error:
                raise failure(error) from None
            except Exception as error:
                lost = history_error(error)
                if lost is None:
                    raise
                raise self.again_or_failure(context, lost) from None

    def again_or_failure(self, context: RunContext, error: InventoryError) -> dg.RetryRequested | dg.Failure:
        """What to raise for an error that one more attempt may mend."""
        if context.retry_number > 0:
            return failure(error)
        logger.warning("%s", error)
        return dg.RetryRequested(max_retries=1, seconds_to_wait=self.environment.retry_wait.total_seconds())


def failure(error: InventoryError) -> dg.Failure:
    """The step's failure in the error's own words, which Dagster does not try again."""
    return dg.Failure(one_line(redact(str(error)), 2_000), allow_retries=False)


def form_of(op: str, schema: Mapping[str, dg.Field]) -> dg.ConfigMapping:
    """Makes the launchpad of a job with one op a form: it shows the op's fields alone, not nested under `ops`."""
    return dg.ConfigMapping(config_schema=schema, config_fn=lambda form: {"ops": {op: {"config": form}}})
