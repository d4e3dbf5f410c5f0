"""What each platform supplies so that the contract suite can hold it to its word: `platforms/<platform>.py` with a `CASE`."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module

from inventory_pipeline.connectors.base import Connector, ConnectorContext
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.quantity import Quantity
from inventory_pipeline_tests.http.local_server import LocalServer


@dataclass(frozen=True)
class Live:
    """A store that answers, and what a connector is given to read it."""

    context: ConnectorContext
    server: LocalServer

    def connector(self) -> Connector:
        return connector_for(self.context.store.platform)(self.context)


Serve = Callable[[], AbstractContextManager[Live]]


@dataclass(frozen=True)
class PlatformCase:
    """Each `Serve` gives a local server that speaks the platform's protocol, with the faults it is named for.

    `lines` are the quantities of the whole store by (item, location): tracked ones with a zero and a negative among them,
    an untracked and an unknown one. Beside them the store has `bad_items` that cannot be read.
    `secrets` are the values of the credentials in the contexts. `states` are those that the platform tells apart: PrestaShop does
    not say over its webservice what it does not track.
    """

    lines: Mapping[tuple[str, str], Quantity]
    bad_items: int
    secrets: tuple[str, ...]
    whole: Serve
    refusing: Serve  # the credentials
    down: Serve  # every request
    breaking_off: Serve  # in the middle of the goods
    silent: Serve  # never an answer to anything
    states: frozenset[str] = frozenset({"tracked", "untracked", "unknown"})


def case_of(platform: str) -> PlatformCase:
    """The platform's case. Fails, and does not skip, where a new platform has none yet."""
    name = f"inventory_pipeline_tests.connectors.platforms.{platform}"
    try:
        return import_module(name).CASE
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise AssertionError(f"write {name.replace('.', '/')}.py with a CASE: no platform without its contract") from None
