"""Where a shop's REST API is, what it offers, and how to ask it for one page."""

from typing import Any
from urllib.parse import urlsplit

import msgspec

from inventory_pipeline.connectors.woocommerce.faults import fault_of, is_no_route
from inventory_pipeline.core.errors import StoreMisconfigured, UsageError
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.json import decode_json
from inventory_pipeline.http.reply import Reply

NAMESPACE = "/wc/v3"
_API_SUFFIXES = (NAMESPACE, "/wp-json")


class NoRoute(StoreMisconfigured):
    """WordPress answers, but has no such list: WooCommerce is off, or of a version without it."""


class _Index(msgspec.Struct):
    routes: dict[str, Any] = {}


_INDEX = msgspec.json.Decoder(_Index)


def site_address(url: str) -> str:
    """The shop's address without its REST path. Raises UsageError where it is no address, or holds credentials."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"address {parts.hostname or url!r:.80} is not of the form https://shop.example")
    if "@" in parts.netloc:
        raise UsageError(f"the address of {parts.hostname} holds a user name or password; give it without")
    address = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    for suffix in _API_SUFFIXES:
        address = address.removesuffix(suffix).rstrip("/")
    return address


class Site:
    """One shop. `flat_variations` is None until `find` has learned it from the index of routes, or where that is closed."""

    def __init__(self, http: HttpClient, address: str, *, rest_route: bool) -> None:
        self.flat_variations: bool | None = None
        self.rest_route = rest_route
        self._http = http
        self._address = address

    async def find(self) -> None:
        """Learns where the API is and whether it lists all variations. Raises StoreMisconfigured, or what `http` raises.

        A shop without pretty permalinks answers /wp-json/ with a web page of its own; then ?rest_route= is tried.
        """
        reply = await self._index()
        if reply.is_html and reply.status in (200, 404) and not self.rest_route:
            self.rest_route = True
            second = await self._index()
            if second.is_html:
                self.rest_route = False
                raise fault_of(reply).error
            reply = second
        if reply.status == 200:
            self.flat_variations = f"{NAMESPACE}/variations" in decode_json(reply, _INDEX).routes
        elif reply.is_html:
            raise fault_of(reply).error
        # Otherwise the index alone is closed (security plugins do that): the lists will tell.

    async def get(self, route: str, params: dict[str, str | int]) -> Reply:
        """The 200 of one route below wc/v3. Raises what any other answer means; NoRoute for a list that is not there."""
        reply = await self._ask(route, params)
        if reply.status == 200:
            return reply
        error = fault_of(reply).error
        raise NoRoute(str(error)) if is_no_route(reply) else error

    async def _index(self) -> Reply:
        return await self._ask("", {"_fields": "namespace,routes"})

    async def _ask(self, route: str, params: dict[str, str | int]) -> Reply:
        if self.rest_route:
            # By its file name: WooCommerce checks an OAuth signature against an address that lacks the bare slash.
            return await self._http.get(f"{self._address}/index.php", params={"rest_route": f"{NAMESPACE}{route}", **params})
        return await self._http.get(f"{self._address}/wp-json{NAMESPACE}{route}", params=params)
