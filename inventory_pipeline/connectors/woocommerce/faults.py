"""What a refusal by WordPress or WooCommerce means, and what a person can do about it.

Seen on real servers (7.0, 10.3, 11.0) and read in WooCommerce's WC_REST_Authentication. Its messages are translated on
shops in other languages: its codes decide, its English only sharpens.
"""

from typing import NamedTuple

import msgspec

from inventory_pipeline.core.errors import CredentialsRejected, ScopeMissing, StoreMisconfigured, SyncError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.reply import Response


class Fault(NamedTuple):
    kind: type[SyncError]
    detail: str
    cure: str

    @property
    def error(self) -> SyncError:
        return self.kind(f"{self.detail}; {self.cure}")


class _Said(msgspec.Struct):
    code: str = ""
    message: str = ""


_SAID = msgspec.json.Decoder(_Said)
_KEYS = "WooCommerce > Settings > Advanced > REST API"


def is_no_route(response: Response) -> bool:
    return response.status == 404 and _said(response).code == "rest_no_route"


def fault_of(response: Response) -> Fault:
    """The meaning of any answer other than 200, 429 and 5xx."""
    if response.is_html:
        return _page_fault(response)
    said = _said(response)
    told = f"{response.host_and_path} answers {response.status} {said.code}: {one_line(redact(said.message), 120)}"
    if said.code == "rest_no_route":
        return Fault(
            StoreMisconfigured,
            f"{response.host_and_path} has no WooCommerce REST API v3",
            "turn on the WooCommerce plugin, and check that the address is the shop's",
        )
    if said.code == "woocommerce_rest_authentication_error":
        return _authentication_fault(told, said.message.lower())
    if response.status == 403:
        return Fault(ScopeMissing, told, f"give the key's user the rights of a shop manager ({_KEYS})")
    if response.status == 401:
        return Fault(
            CredentialsRejected,
            f"the shop does not know the consumer_key ({told})",
            f"copy it anew from {_KEYS}, or, if it is right, the web server drops the Authorization header: set auth=query",
        )
    return Fault(StoreMisconfigured, told, "check the address and the settings of this store")


def _authentication_fault(told: str, message: str) -> Fault:
    if "read permission" in message:
        return Fault(ScopeMissing, f"the key may not read ({told})", f"set its permissions to Read at {_KEYS}")
    if "timestamp" in message:
        return Fault(CredentialsRejected, f"the shop's clock and this one differ ({told})", "set both by NTP")
    if "nonce" in message:
        return Fault(CredentialsRejected, f"the shop takes a request for a repeated one ({told})", "let no proxy repeat requests")
    what = "consumer_key" if "key is invalid" in message else "consumer_secret"
    if "signature" in message:
        cure = f"copy both anew from {_KEYS}, and write the store's address as WordPress has it"
        return Fault(CredentialsRejected, f"the shop refuses the signature made with the {what} ({told})", cure)
    return Fault(CredentialsRejected, f"the shop refuses the {what} ({told})", f"copy key and secret anew from {_KEYS}")


def _page_fault(response: Response) -> Fault:
    told = f"{response.host_and_path} answers {response.summary} with a web page"
    if response.status in (200, 404):
        return Fault(StoreMisconfigured, told, "check the address: the REST API of a WordPress shop was not found there")
    if response.status == 401:
        return Fault(StoreMisconfigured, told, "the web server itself asks for a password: let this program pass its protection")
    if response.status == 400 and "HTTPS port" in response.summary:
        return Fault(StoreMisconfigured, told, "write https:// in the store's address")
    return Fault(
        StoreMisconfigured,
        told,
        "a security plugin or firewall in front of the shop blocks this program: allow its address there",
    )


def _said(response: Response) -> _Said:
    try:
        return _SAID.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Said()
