"""Where a shop's REST API v3 is, how one page of it is requested, and what its refusals mean.

Seen on real servers (7.0, 10.3, 11.0) and read in WooCommerce's WC_REST_Authentication. Messages are translated on shops in
other languages: the codes decide, the English only sharpens.
"""

import logging
import re
from collections.abc import Mapping

import msgspec

from inventory_pipeline.connectors.toolkit.addresses import web_page_error
from inventory_pipeline.connectors.toolkit.limits import Width
from inventory_pipeline.core.errors import CredentialsRejected, PlatformUnavailable, ScopeMissing, StoreMisconfigured, SyncError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.response import Response

logger = logging.getLogger(__name__)

NAMESPACE = "/wc/v3"
CANNOT_VIEW, AUTHENTICATION = "woocommerce_rest_cannot_view", "woocommerce_rest_authentication_error"
_KEYS = "WooCommerce > Settings > Advanced > REST API"
_FOLDER = " (a shop in a folder of its host needs the folder too: https://shop.example/shop)"
_WP_CONFIG = "if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') $_SERVER['HTTPS'] = 'on';"
_SERVER_ERROR = re.compile(r" answers 5(?!03)\d\d")
_TOO_SLOW = re.compile(r"no answer within|not answered whole within|not ended after|stopped sending")

# How addresses are made up: below /wp-json (any permalinks but plain ones), below /index.php/wp-json (permalinks that begin
# with /index.php/), or there with ?rest_route= besides, which a shop with plain permalinks needs and every shop understands.
WAYS = {"pretty": "/wp-json", "index": "/index.php/wp-json", "plain": "/index.php/wp-json with ?rest_route="}
Params = Mapping[str, str | int]


class NoRoute(StoreMisconfigured):
    """WordPress answers, but has no such list: WooCommerce is off, or of a version without it."""


class TooSlow(PlatformUnavailable):
    """The shop did not answer within the time-out."""


class WooApi:
    """One shop. `way` is one of WAYS, as the last read found it; `other_http`, which may be None, proves itself in another way,
    to find out why a key is refused over https.

    The way depends on the shop's permalinks. The first answer finds it out, and a later one that is a web page finds it out
    again: somebody may change the permalinks at any time.
    """

    def __init__(self, http: HttpClient, address: str, *, way: str = "", other_http: HttpClient | None = None) -> None:
        self.way = way if way in WAYS else "pretty"
        self.width = Width(http.connections)
        self._http = http
        self._other_http = other_http
        self._other_tried = False
        self._address = address

    @property
    def calls(self) -> int:
        return self._http.calls + (self._other_http.calls if self._other_http else 0)

    async def get(self, route: str, params: Params) -> Response:
        """The 200 of one route below wc/v3. Raises what any other answer means; NoRoute for a list that is not there.

        Where the shop does not answer in time, fewer requests are sent at once before it is given up.
        """
        while True:
            async with self.width as sent_with:
                try:
                    return await self._answer(route, params)
                except TooSlow:
                    if not self.width.lower(sent_with):
                        raise
            logger.warning("The shop does not answer in time; from now on %d requests at once are sent", self.width.now)

    async def _answer(self, route: str, params: Params) -> Response:
        way = self.way
        response = await self._get(self._http, way, route, params)
        if _is_no_api(response):
            for other in [other for other in WAYS if other != way]:
                second = await self._get(self._http, other, route, params)
                if not _is_no_api(second):
                    self.way, response = other, second
                    break
        if response.status == 200:
            return response
        raise await self._refusal_over_https(route, params, response) or error_of(response)

    async def _get(self, http: HttpClient, way: str, route: str, params: Params) -> Response:
        # WooCommerce looks at keys only where the address holds wp-json/wc/, so not at a bare ?rest_route=.
        path = f"{'' if way == 'pretty' else '/index.php'}/wp-json{NAMESPACE}{route}"
        if way == "plain":
            params = {"rest_route": f"{NAMESPACE}{route}", **params}
        try:
            return await http.get(f"{self._address}{path}", params=params)
        except PlatformUnavailable as error:
            told = str(error)
            if _TOO_SLOW.search(told):
                raise TooSlow(f"{told}, or give the store a longer timeout, a smaller per_page or fewer connections") from None
            if _SERVER_ERROR.search(told):
                cure = ", or look in the shop's error log and at WooCommerce > Status > Logs"
                raise PlatformUnavailable(f"{told}{cure}") from None
            raise

    async def _refusal_over_https(self, route: str, params: Params, response: Response) -> SyncError | None:
        """What a key that is not looked at over https means: the other way of proving it tells. None where it does not.

        WooCommerce takes Basic only where WordPress knows that the visitor came by https, and checks an OAuth signature
        against the address as WordPress knows it. So a proxy that ends https unknown to WordPress has both refused.
        """
        body = _error_body(response)
        ignored = body.code == CANNOT_VIEW or "signature" in body.message.lower()
        if self._other_http is None or self._other_tried or response.status != 401 or not ignored or response.is_html:
            return None
        self._other_tried = True  # once: requests under way at the same time are refused alike
        async with self._other_http:
            second = await self._get(self._other_http, self.way, route, params)
        told = _told(response, body)
        if second.status == 200:
            return CredentialsRejected(f"{told}; the web server drops the Authorization header: set auth=query or auth=oauth1")
        other = _error_body(second)
        if {body.code, other.code} == {CANNOT_VIEW, AUTHENTICATION} and "signature" in (body.message + other.message).lower():
            return CredentialsRejected(
                f"the shop refuses the key by Basic and by OAuth over https ({told}): a proxy ends https and WordPress does not"
                f" know it; have the proxy send X-Forwarded-Proto and write into wp-config.php: {_WP_CONFIG}"
            )
        return None


def _is_no_api(response: Response) -> bool:
    """Whether it is a page of the site itself, as where the permalinks are others."""
    return response.is_html and response.status in (200, 404)


class _ErrorBody(msgspec.Struct):
    code: str = ""
    message: str = ""


_ERROR_BODY = msgspec.json.Decoder(_ErrorBody)


def _error_body(response: Response) -> _ErrorBody:
    try:
        return _ERROR_BODY.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _ErrorBody()


def _told(response: Response, body: _ErrorBody) -> str:
    """What the shop says, in its own words where it has some."""
    words = f" {body.code}: {one_line(redact(body.message), 120)}" if body.code or body.message else ""
    return f"{response.host_and_path} answers {response.status}{words}"


def error_of(response: Response) -> SyncError:
    """The meaning of any answer other than 200, 429 and 5xx."""
    if response.is_html:
        return web_page_error(response, "the REST API of a WordPress shop", _FOLDER)
    body = _error_body(response)
    told = _told(response, body)
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
