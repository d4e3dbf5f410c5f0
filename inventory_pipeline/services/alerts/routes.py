"""Routes: where notices go."""

import json
import secrets as random
from typing import NamedTuple
from uuid import uuid4

from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.clock import Clock, show_instant
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.notices import SCHEMA, Payload, Route
from inventory_pipeline.core.stores import checked_key
from inventory_pipeline.db.alerts import routes
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit, secrets, stores
from inventory_pipeline.notify.channels import AppriseChannel, Channel, DeliveryFailed, WebhookChannel, kind_of, shown
from inventory_pipeline.services.alerts.known import check_known
from inventory_pipeline.services.integrations.vault import Vault


class Added(NamedTuple):
    """`signing_secret` is shown this once, for a webhook's receiver; None for other routes."""

    route: Route
    signing_secret: str | None


class Routes:
    """Routes and their addresses, which are encrypted."""

    def __init__(self, *, database: Database, vault: Vault, clock: Clock) -> None:
        self._database, self._vault, self._clock = database, vault, clock

    def list_routes(self) -> list[Route]:
        with self._database.connect() as connection:
            return routes.list_routes(connection)

    def add(self, name: str, url: str, actor: str, **filters: object) -> Added:
        """Adds a route with the fields of core.notices.Route. Raises UsageError, which never shows the address."""
        checked_key(name, "route name")
        url = url.strip()
        kind = kind_of(url)
        signing_secret = random.token_urlsafe(32) if kind == "webhook" else None
        route = Route(name=name, kind=kind, shown=shown(url), **filters)  # pyright: ignore[reportArgumentType] - checked by the caller
        for platform in route.platforms:
            connector_for(platform)
        now = self._clock()
        with self._vault.settled(), self._database.begin() as connection:
            check_known(stores.list_stores(connection), route.stores, route.groups)
            ciphertext = self._vault.encrypt(json.dumps({"url": url, "secret": signing_secret}))
            routes.insert_route(connection, route, ciphertext, now)
            audit.record(connection, now, actor, "add route", name, route.shown)
        return Added(route, signing_secret)

    def remove(self, name: str, actor: str) -> None:
        with self._database.begin() as connection:
            if not routes.remove_route(connection, name):
                raise _unknown(name)
            audit.record(connection, self._clock(), actor, "remove route", name)

    def test(self, name: str) -> None:
        """Sends a test notice by one route, now and once. Raises DeliveryFailed saying why it did not arrive."""
        channel = self.channel(name)
        if channel is None:
            raise _unknown(name)
        try:
            channel.send(_test_notice(name, show_instant(self._clock())))
        except DeliveryFailed as error:
            raise DeliveryFailed(f"the test of route {name} did not arrive: {error}") from None

    def channel(self, name: str) -> Channel | None:
        """The route's way out; None where the route is gone. Raises StoreMisconfigured where its address is unreadable."""
        with self._database.connect() as connection:
            route = routes.get_route(connection, name)
            ciphertext = secrets.get_secret(connection, routes.secret_name(name))
        if route is None or ciphertext is None:
            return None
        address = json.loads(self._vault.decrypt(ciphertext))
        return AppriseChannel(address["url"]) if route.kind == "apprise" else WebhookChannel(address["url"], address["secret"])


def _test_notice(route: str, created_at: str) -> Payload:
    notice: Payload = {"schema": SCHEMA, "key": uuid4().hex, "route": route, "created_at": created_at, "test": True}
    return notice | {"counts": {}, "alerts": [], "omitted": 0, "stores": 0, "first_look": [], "as_of": {}}


def _unknown(name: str) -> UsageError:
    return UsageError(f"there is no route {name!r:.80}; `inventory-pipeline notify list` shows them")
