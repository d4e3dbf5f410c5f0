"""Where a shop's REST API v3 is, how one page of it is requested, and what its refusals mean.

Seen on real servers (7.0, 10.3, 11.0) and read in WooCommerce's WC_REST_Authentication. Messages are translated on shops in
other languages: the codes decide, the English only sharpens.
"""

from functools import partial

from inventory_pipeline.connectors.toolkit.addresses import ApiPlaces, ErrorBody, web_page_error
from inventory_pipeline.core.errors import (
    CredentialsRejected,
    PlatformTooSlow,
    PlatformUnavailable,
    ScopeMissing,
    StoreMisconfigured,
    SyncError,
)
from inventory_pipeline.http.client import HttpClient, Params
from inventory_pipeline.http.response import Response

NAMESPACE = "/wc/v3"
CANNOT_VIEW, AUTHENTICATION = "woocommerce_rest_cannot_view", "woocommerce_rest_authentication_error"
_KEYS = "WooCommerce > Settings > Advanced > REST API"
_FOLDER = " (a shop in a folder of its host needs the folder too: https://shop.example/shop)"
_WP_CONFIG = "if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') $_SERVER['HTTPS'] = 'on';"

# How addresses are made up: below /wp-json (any permalinks but plain ones), below /index.php/wp-json (permalinks that begin
# with /index.php/), or there with ?rest_route= besides, which a shop with plain permalinks needs and every shop understands.
WAYS = {"pretty": "/wp-json", "index": "/index.php/wp-json", "plain": "/index.php/wp-json with ?rest_route="}


class NoRoute(StoreMisconfigured):
    """WordPress answers, but has no such list: WooCommerce is off, or of a version without it."""


class WooApi:
    """One shop. `way` is one of WAYS, as the last read found it: it depends on the shop's permalinks. `other_http`, which may be
    None, proves itself in another way, to find out why a key is refused over https."""

    def __init__(self, http: HttpClient, address: str, *, way: str = "", other_http: HttpClient | None = None) -> None:
        self.places = ApiPlaces(WAYS, way)
        self._http = http
        self._other_http = other_http
        self._other_tried = False
        self._address = address

    @property
    def calls(self) -> int:
        return self._http.calls + (self._other_http.calls if self._other_http else 0)

    @property
    def bears(self) -> dict[str, str]:
        """For the memo: how many requests at once the shop bore, where that is fewer than wanted."""
        return self._http.memo

    async def get(self, route: str, params: Params) -> Response:
        """The 200 of one route below wc/v3. Raises what any other answer means; NoRoute for a list that is not there."""
        response = await self.places.request(partial(self._get, self._http, route, params))
        if response.status == 200:
            return response
        raise await self._refusal_over_https(route, params, response) or error_of(response)

    async def _get(self, http: HttpClient, route: str, params: Params, way: str) -> Response:
        # WooCommerce looks at keys only where the address holds wp-json/wc/, so not at a bare ?rest_route=.
        path = f"{'' if way == 'pretty' else '/index.php'}/wp-json{NAMESPACE}{route}"
        if way == "plain":
            params = {"rest_route": f"{NAMESPACE}{route}", **params}
        try:
            return await http.get(f"{self._address}{path}", params=params)
        except PlatformTooSlow as error:
            cure = "give the store a longer timeout, a smaller per_page or fewer connections"
            raise PlatformTooSlow(f"{error}, or {cure}") from None
        except PlatformUnavailable as error:
            if error.status in (None, 408, 503):
                raise
            cure = "look in the shop's error log and at WooCommerce > Status > Logs"
            raise PlatformUnavailable(f"{error}, or {cure}", error.status) from None

    async def _refusal_over_https(self, route: str, params: Params, response: Response) -> SyncError | None:
        """What a key that is not looked at over https means: the other way of proving it tells. None where it does not.

        WooCommerce takes Basic only where WordPress knows that the visitor came by https, and checks an OAuth signature
        against the address as WordPress knows it. So a proxy that ends https unknown to WordPress has both refused.
        """
        body = ErrorBody.of(response)
        ignored = body.code == CANNOT_VIEW or "signature" in body.message.lower()
        if self._other_http is None or self._other_tried or response.status != 401 or not ignored or response.is_html:
            return None
        self._other_tried = True  # once: requests under way at the same time are refused alike
        async with self._other_http:
            second = await self._get(self._other_http, route, params, self.places.now)
        told = body.told(response)
        if second.status == 200:
            return CredentialsRejected(f"{told}; the web server drops the Authorization header: set auth=query or auth=oauth1")
        other = ErrorBody.of(second)
        if {body.code, other.code} == {CANNOT_VIEW, AUTHENTICATION} and "signature" in (body.message + other.message).lower():
            return CredentialsRejected(
                f"the shop refuses the key by Basic and by OAuth over https ({told}): a proxy ends https and WordPress does not"
                f" know it; have the proxy send X-Forwarded-Proto and write into wp-config.php: {_WP_CONFIG}"
            )
        return None


def error_of(response: Response) -> SyncError:
    """The meaning of any answer other than 200, 429 and 5xx."""
    if response.is_html:
        return web_page_error(response, "the REST API of a WordPress shop", _FOLDER)
    body = ErrorBody.of(response)
    told = body.told(response)
    if body.code == "rest_no_route":
        cure = "turn on the WooCommerce plugin, and check that the address is the shop's"
        kind = NoRoute if response.status == 404 else StoreMisconfigured
        return kind(f"{response.host_and_path} has no WooCommerce REST API v3; {cure}")
    if body.code == AUTHENTICATION:
        return _authentication_error(told, body.message.lower())
    if response.status == 403:
        return ScopeMissing(f"{told}; give the key's user the rights of a shop manager ({_KEYS})")
    if response.status == 401:
        return CredentialsRejected(
            f"the shop does not know the consumer_key ({told}); copy it anew from {_KEYS}, or, if it is right, the web server"
            " drops the Authorization header: set auth=query"
        )
    if response.status == 404:
        return StoreMisconfigured(f"{told}; check the address{_FOLDER}")
    return StoreMisconfigured(f"{told}; check the address and the settings of this store")


def _authentication_error(told: str, message: str) -> SyncError:
    if "read permission" in message:
        return ScopeMissing(f"the key may not read ({told}); set its permissions to Read at {_KEYS}")
    if "timestamp" in message:
        return CredentialsRejected(f"the shop's clock and this one differ ({told}); set both by NTP")
    if "nonce" in message:
        return CredentialsRejected(f"the shop takes a request for a repeated one ({told}); let no proxy repeat requests")
    what = "consumer_key" if "key is invalid" in message else "consumer_secret"
    if "signature" in message:
        return CredentialsRejected(
            f"the shop refuses the signature made with the {what} ({told}); copy both anew from {_KEYS}, and write the store's"
            " address as WordPress has it"
        )
    return CredentialsRejected(f"the shop refuses the {what} ({told}); copy key and secret anew from {_KEYS}")
