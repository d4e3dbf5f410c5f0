"""Redirects, followed only where the credentials may go too: the same scheme, host and port."""

import httpx

from inventory_pipeline.core.errors import StoreMisconfigured
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import host_of
from inventory_pipeline.http.reply import host_and_path

MOST_REDIRECTS = 5
_STATUSES = {301, 302, 303, 307, 308}


def redirect_target(response: httpx.Response) -> str | None:
    """Where the answer sends us on to, or None. Raises StoreMisconfigured naming the new address if it is another host."""
    location = response.headers.get("location")
    if response.status_code not in _STATUSES or not location:
        return None
    here, there = str(response.url), str(response.url.join(location))
    where = host_and_path(here)
    if host_of(there) != host_of(here):
        target = redact(there.partition("?")[0])
        raise StoreMisconfigured(f"{where} sends on to {target:.200}; if that is the shop, make it the store's address")
    if response.request.method != "GET":
        method = response.request.method
        raise StoreMisconfigured(f"{where} sends a {method} on to {host_and_path(there)}; correct the address")
    return there
