"""Where a shop's REST API v3 is, how one page of it is requested, and what its refusals mean.

Seen on real servers (7.0, 10.3, 11.0) and read in WooCommerce's WC_REST_Authentication. Messages are translated on shops in
other languages: the codes decide, the English only sharpens.
"""

import msgspec

from inventory_pipeline.connectors.toolkit.addresses import web_page_error
from inventory_pipeline.core.errors import CredentialsRejected, ScopeMissing, StoreMisconfigured, SyncError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.reply import Reply

NAMESPACE = "/wc/v3"
_KEYS = "WooCommerce > Settings > Advanced > REST API"


class NoRoute(StoreMisconfigured):
    """WordPress answers, but has no such list: WooCommerce is off, or of a version without it."""


class WooApi:
    """One shop. `rest_route` says whether its API is behind `?rest_route=`, which the first answer may find out."""

    def __init__(self, http: HttpClient, address: str, *, rest_route: bool) -> None:
        self.rest_route = rest_route
        self._found = rest_route
        self._http = http
        self._address = address

    async def get(self, route: str, params: dict[str, str | int]) -> Reply:
        """The 200 of one route below wc/v3. Raises what any other answer means; NoRoute for a list that is not there."""
        reply = await self._get(route, params)
        if not self._found and reply.is_html and reply.status in (200, 404):
            # Without pretty permalinks a shop answers /wp-json/ with a web page of its own.
            self.rest_route = True
            second = await self._get(route, params)
            self.rest_route = not second.is_html
            reply = second if self.rest_route else reply
        self._found = True
        if reply.status != 200:
            raise error_of(reply)
        return reply

    async def _get(self, route: str, params: dict[str, str | int]) -> Reply:
        if self.rest_route:
            # By its file name: WooCommerce checks an OAuth signature against an address that lacks the bare slash.
            return await self._http.get(f"{self._address}/index.php", params={"rest_route": f"{NAMESPACE}{route}", **params})
        return await self._http.get(f"{self._address}/wp-json{NAMESPACE}{route}", params=params)


class _ErrorBody(msgspec.Struct):
    code: str = ""
    message: str = ""


_ERROR_BODY = msgspec.json.Decoder(_ErrorBody)


def error_of(reply: Reply) -> SyncError:
    """The meaning of any answer other than 200, 429 and 5xx."""
    if reply.is_html:
        return web_page_error(reply, "the REST API of a WordPress shop")
    try:
        body = _ERROR_BODY.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = _ErrorBody()
    told = f"{reply.place} answers {reply.status} {body.code}: {one_line(redact(body.message), 120)}"
    if body.code == "rest_no_route":
        cure = "turn on the WooCommerce plugin, and check that the address is the shop's"
        kind = NoRoute if reply.status == 404 else StoreMisconfigured
        return kind(f"{reply.place} has no WooCommerce REST API v3; {cure}")
    if body.code == "woocommerce_rest_authentication_error":
        return _authentication_error(told, body.message.lower())
    if reply.status == 403:
        return ScopeMissing(f"{told}; give the key's user the rights of a shop manager ({_KEYS})")
    if reply.status == 401:
        return CredentialsRejected(
            f"the shop does not know the consumer_key ({told}); copy it anew from {_KEYS}, or, if it is right, the web server"
            " drops the Authorization header: set auth=query"
        )
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
