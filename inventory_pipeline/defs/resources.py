"""The one resource of every asset, op, schedule and sensor here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.environment import Environment, load_environment

if TYPE_CHECKING:
    from inventory_pipeline.wiring import Services


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
    def open_in_step(self) -> "Iterator[Services]":
        """As `open`; what a use case refuses becomes the step's failure, in its own words and not tried again."""
        try:
            with self.open() as services:
                yield services
        except InventoryError as error:
            raise dg.Failure(one_line(redact(str(error)), 2_000), allow_retries=False) from None
