"""What a failed connection means: trouble that may pass, or an address that a person must mend."""

import socket
import ssl
from collections.abc import Iterator

import httpx

from inventory_pipeline.core.addresses import AddressRefused
from inventory_pipeline.core.errors import PlatformUnavailable, StoreMisconfigured, SyncError
from inventory_pipeline.http.reply import place

# What OpenSSL says where the other side does not speak TLS.
_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}


def meaning(error: httpx.TransportError | httpx.InvalidURL, url: str, timeout: float) -> SyncError:
    """PlatformUnavailable where another attempt may help, StoreMisconfigured where not. The text holds no header."""
    where = place(url)
    if isinstance(error, httpx.TimeoutException):
        return PlatformUnavailable(f"{where} gives no answer within {timeout:g} s")
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
        return StoreMisconfigured(f"the address {where} cannot be used: it needs the form https://shop.example")
    if isinstance(error, httpx.LocalProtocolError):
        # Its own text may quote the header, and with it the secret.
        return StoreMisconfigured(f"the request to {where} cannot be sent: does a credential or setting hold a line break?")
    for cause in _causes(error):
        if isinstance(cause, AddressRefused):
            return StoreMisconfigured(str(cause))
        if isinstance(cause, ssl.SSLCertVerificationError):
            return StoreMisconfigured(
                f"{where}: its certificate is not trusted ({cause.verify_message}); give the shop a valid one, or set"
                " verify_tls=false for a shop in your own network"
            )
        if isinstance(cause, ssl.SSLError) and cause.reason in _NOT_TLS:
            return StoreMisconfigured(f"{where} does not speak https at this address; try http:// or another port")
        if isinstance(cause, socket.gaierror):
            return PlatformUnavailable(f"the host of {where} is not found; is the address right?")
    if isinstance(error, httpx.ConnectError):
        return PlatformUnavailable(f"{where} cannot be reached (connection refused or no route)")
    # Some servers meet http on their https port by hanging up.
    hint = "; does it speak https?" if url.startswith("http://") else ""
    return PlatformUnavailable(f"{where} breaks the connection off ({type(error).__name__}{hint})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
