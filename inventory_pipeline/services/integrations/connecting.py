"""From a registered store to a connector that may be read: its credentials resolved, its platform's class found."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from inventory_pipeline.connectors.base import Connector, ConnectorContext
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.addresses import NO_HOSTS, AllowedHosts, store_refusal
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.database import Database
from inventory_pipeline.services.integrations.credentials import Vault, hide, resolve, stand_ins

if TYPE_CHECKING:
    from collections.abc import Callable

    from inventory_pipeline.http.client import RequestRecord


class Connecting:
    """Builds connectors. Credentials' values live only in the connector, for as long as it does."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        feed_dir: Path,
        allowed_hosts: AllowedHosts = NO_HOSTS,
        on_request: "Callable[[RequestRecord], None] | None" = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._feed_dir = feed_dir
        self._allowed_hosts = allowed_hosts
        self._on_request = on_request

    def __call__(self, store: StoreIntegration, memo: Mapping[str, str], /, connection: sa.Connection | None = None) -> Connector:
        """A connector for one read or check, given what the last published read left for it.

        `connection` is the transaction that has just written the store's credentials, if one has. Raises UsageError for a
        platform or setting that cannot be used, CredentialsRejected where a reference leads nowhere or is bound elsewhere.
        """
        with nullcontext(connection) if connection else self._database.connect() as reading:
            values = resolve(reading, self._vault, store)
        return self._made(store, values, memo)

    def typed(self, store: StoreIntegration, values: Mapping[str, str]) -> Connector:
        """A connector for a store that is not kept yet, with credentials that a person has just typed. Kept ones that it
        refers to are opened as for any store. Raises as the call does.
        """
        kept = {name: reference for name, reference in store.credentials.items() if name not in values}
        with self._database.connect() as connection:
            opened = resolve(connection, self._vault, replace(store, credentials=kept))
        hide(values)
        return self._made(store, {**opened, **values}, {})

    def rehearse(self, store: StoreIntegration) -> None:
        """Raises UsageError as a connector for the store would, without opening its credentials."""
        self._made(store, stand_ins(store.credentials), {})

    def _made(self, store: StoreIntegration, values: Mapping[str, str], memo: Mapping[str, str]) -> Connector:
        context = ConnectorContext(
            store=store,
            credentials=values,
            feed_dir=self._feed_dir,
            memo=memo,
            on_request=self._on_request,
            allowed_hosts=self._allowed_hosts,
        )
        return connector_for(store.platform)(context)

    def check_address(self, store: StoreIntegration, *, registered: bool) -> None:
        """UsageError where the store's address tells by itself that it may not be connected to. Nothing is looked up."""
        refusal = store_refusal(store, self._allowed_hosts, registered=registered)
        if refusal is not None:
            raise UsageError(refusal)
