"""What one command works with, opened when first asked for and closed at its end."""

import getpass
import os
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Self

import typer

from inventory_pipeline.environment import Environment, load_environment
from inventory_pipeline.logs import configure_logging

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from inventory_pipeline.services.alerts.alerting import Alerting
    from inventory_pipeline.services.integrations.service import Integrations
    from inventory_pipeline.wiring import Services


class Session:
    """One run of the command line. `verbose` and `debug` are the person's switches."""

    def __init__(self) -> None:
        self.verbose = False
        self.debug = False
        self._opened = ExitStack()

    def start(self, *, verbose: bool, debug: bool) -> None:
        """Takes the switches; log lines go to the file, and warnings (with `verbose` everything) to standard error."""
        self.verbose = verbose or debug
        self.debug = debug or self.environment.log_level == "DEBUG"
        configure_logging(self.environment, console=True, verbose=self.verbose)

    @cached_property
    def environment(self) -> Environment:
        return load_environment()

    @cached_property
    def services(self) -> "Services":
        """The project's use cases on its database, which is brought up to date when it is opened."""
        from inventory_pipeline.wiring import open_services

        return self._opened.enter_context(open_services(self.environment))

    @cached_property
    def integrations(self) -> "Integrations":
        """Stores and credentials, changed in the name of the person at this terminal."""
        from inventory_pipeline.services.integrations.service import Integrations

        services = self.services
        return Integrations(services.database, services.vault, services.connect, services.clock, actor=actor(), may_bind=True)

    @cached_property
    def dagster(self) -> "DagsterInstance":
        """Dagster's history: the one that `dagster dev` in the checkout shows."""
        from inventory_pipeline.defs.instance import open_instance

        return self._opened.enter_context(open_instance())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()


def actor() -> str:
    """Whom the audit log names: the person at this terminal, also where they became root by sudo."""
    return f"cli:{os.environ.get('SUDO_USER') or getpass.getuser()}"


def session_of(context: typer.Context) -> Session:
    session = context.obj
    assert isinstance(session, Session)
    return session


def alerting_of(session: Session) -> "Alerting":
    """Alerts, rules and routes, measured by the schedule's interval."""
    from inventory_pipeline.defs.sync.interval import sync_interval

    return session.services.alerting(sync_interval(session.environment))
