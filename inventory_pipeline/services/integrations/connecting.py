"""From a registered store to a connector that may be read: its credentials resolved, its platform's class found."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from inventory_pipeline.connectors.base import Connector, ConnectorContext
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.database import Database
from inventory_pipeline.services.integrations.credentials import Vault, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from inventory_pipeline.http.exchange import Exchange


class Connecting:
    """Builds connectors. Credentials' values live only in the connector, for as long as it does."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        feed_dir: Path,
        on_exchange: "Callable[[Exchange], None] | None" = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._feed_dir = feed_dir
        self._on_exchange = on_exchange

    def __call__(self, store: StoreIntegration, memo: Mapping[str, str], /) -> Connector:
        """A connector for one read or check, given what the last published read left for it.

        Raises UsageError for a platform or setting that cannot be used, CredentialsRejected where a reference leads
        nowhere.
        """
        context = ConnectorContext(
            store=store,
            credentials=resolve(self._database, self._vault, store),
            feed_dir=self._feed_dir,
            memo=memo,
            on_exchange=self._on_exchange,
        )
        return connector_for(store.platform)(context)
