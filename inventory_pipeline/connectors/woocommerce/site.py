"""Where a shop's REST API is, and how to ask it for one page."""

from urllib.parse import urlsplit

from inventory_pipeline.connectors.woocommerce.faults import fault_of, is_no_route
from inventory_pipeline.core.errors import StoreMisconfigured, UsageError
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.reply import Response

NAMESPACE = "/wc/v3"
_API_SUFFIXES = (NAMESPACE, "/wp-json")


class NoRoute(StoreMisconfigured):
    """WordPress answers, but has no such list: WooCommerce is off, or of a version without it."""


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
    """One shop. `rest_route` says whether its API is behind `?rest_route=`, which the first answer may find out."""

    def __init__(self, http: HttpClient, address: str, *, rest_route: bool) -> None:
        self.rest_route = rest_route
        self._found = rest_route
        self._http = http
        self._address = address

    async def get(self, route: str, params: dict[str, str | int]) -> Response:
        """The 200 of one route below wc/v3. Raises what any other answer means; NoRoute for a list that is not there."""
        response = await self._ask(route, params)
        if not self._found and response.is_html and response.status in (200, 404):
            # Without pretty permalinks a shop answers /wp-json/ with a web page of its own.
            self.rest_route = True
            second = await self._ask(route, params)
            self.rest_route = not second.is_html
            response = second if self.rest_route else response
        self._found = True
        if response.status == 200:
            return response
        error = fault_of(response).error
        raise NoRoute(str(error)) if is_no_route(response) else error

    async def _ask(self, route: str, params: dict[str, str | int]) -> Response:
        if self.rest_route:
            # By its file name: WooCommerce checks an OAuth signature against an address that lacks the bare slash.
            return await self._http.get(f"{self._address}/index.php", params={"rest_route": f"{NAMESPACE}{route}", **params})
        return await self._http.get(f"{self._address}/wp-json{NAMESPACE}{route}", params=params)
