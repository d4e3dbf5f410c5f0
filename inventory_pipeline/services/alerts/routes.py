"""Routes of notices: added, removed, tested, and the channel of each."""

import json
import secrets as random
from typing import NamedTuple
from uuid import uuid4

from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.addresses import AddressPolicy, AllowedHosts
from inventory_pipeline.core.clock import Clock, show_instant
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.notices import SCHEMA, Payload, Route
from inventory_pipeline.core.stores import check_known, checked_key
from inventory_pipeline.db.alerts import notices
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit, secrets, stores
from inventory_pipeline.notify.channels import (
    AppriseChannel,
    Channel,
    DeliveryFailed,
    WebhookChannel,
    address_refusal,
    kind_of,
    shown,
)
from inventory_pipeline.services.integrations.vault import Vault


class Added(NamedTuple):
    """A new route. `signing_secret` is for the receiver of a webhook and is shown only now; None for other routes."""

    route: Route
    signing_secret: str | None


class Routes:
    """Routes and their addresses, which are stored encrypted."""

    def __init__(self, *, database: Database, vault: Vault, clock: Clock, allowed_hosts: AllowedHosts) -> None:
        self._database, self._vault, self._clock = database, vault, clock
        self._allowed_hosts = allowed_hosts

    def list_routes(self) -> list[Route]:
        with self._database.connect() as connection:
            return notices.list_routes(connection)

    def add(self, name: str, url: str, actor: str, **filters: object) -> Added:
        """Adds a route with the fields of core.notices.Route. Raises UsageError, which never shows the address."""
        checked_key(name, "route name")
        url = url.strip()
        kind = kind_of(url)
        if refusal := self.refusal(name, url, allow_private=bool(filters.get("allow_private"))):
            raise UsageError(refusal)
        signing_secret = random.token_urlsafe(32) if kind == "webhook" else None
        route = Route(name=name, kind=kind, shown=shown(url), **filters)  # pyright: ignore[reportArgumentType] - checked by the caller
        for platform in route.platforms:
            connector_for(platform)
        now = self._clock()
        with self._vault.settled(), self._database.begin() as connection:
            check_known(stores.list_stores(connection), route.stores, route.groups)
            ciphertext = self._vault.encrypt(json.dumps({"url": url, "secret": signing_secret}))
            notices.insert_route(connection, route, ciphertext, now)
            private = ", private addresses allowed" if route.allow_private else ""
            audit.record(connection, now, actor, "add route", name, f"{route.shown}{private}")
        return Added(route, signing_secret)

    def refusal(self, name: str, url: str, *, allow_private: bool) -> str | None:
        """Why the address may not be sent to, as far as it tells by itself. It is judged again when sending."""
        way_out = f"`inventory-pipeline notify add {name} --allow-private`"
        return address_refusal(url.strip(), self._policy(name, allow_private, way_out))

    def remove(self, name: str, actor: str) -> None:
        """Removes a route and its address. Raises UsageError where there is none of this name."""
        with self._database.begin() as connection:
            if not notices.remove_route(connection, name):
                raise _unknown(name)
            audit.record(connection, self._clock(), actor, "remove route", name)

    def test(self, name: str) -> None:
        """Sends a test notice by one route, now and once.

        Raises UsageError where there is no such route, DeliveryFailed saying why the notice did not arrive.
        """
        channel = self.channel(name)
        if channel is None:
            raise _unknown(name)
        try:
            channel.send(_test_notice(name, show_instant(self._clock())))
        except DeliveryFailed as error:
            raise DeliveryFailed(f"the test of route {name} did not arrive: {error}") from None

    def channel(self, name: str) -> Channel | None:
        """The route's channel; None where there is no such route.

        Raises StoreMisconfigured where its address cannot be decrypted.
        """
        with self._database.connect() as connection:
            route = notices.get_route(connection, name)
            ciphertext = secrets.get_secret(connection, notices.route_secret(name))
        if route is None or ciphertext is None:
            return None
        address = json.loads(self._vault.decrypt(ciphertext))
        again = f"adding it anew (`inventory-pipeline notify remove {name}`, then `notify add {name} --allow-private`)"
        policy = self._policy(name, route.allow_private, again)
        if route.kind == "apprise":
            return AppriseChannel(address["url"], policy)
        return WebhookChannel(address["url"], address["secret"], policy)

    def _policy(self, name: str, allow_private: bool, way_out: str) -> AddressPolicy:
        return AddressPolicy(subject=f"route {name!r}", allow_private=allow_private, allowed=self._allowed_hosts, way_out=way_out)


def _test_notice(route: str, created_at: str) -> Payload:
    notice: Payload = {"schema": SCHEMA, "key": uuid4().hex, "route": route, "created_at": created_at, "test": True}
    return notice | {"counts": {}, "alerts": [], "omitted": 0, "stores": 0, "first_look": [], "as_of": {}}


def _unknown(name: str) -> UsageError:
    return UsageError(f"there is no route {name!r:.80}; `inventory-pipeline notify list` shows them")
