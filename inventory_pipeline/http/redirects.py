"""Redirects, followed only where the credentials may go too: the same scheme, host and port."""

import httpx

from inventory_pipeline.core.errors import StoreMisconfigured
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import host_of
from inventory_pipeline.http.reply import place

MOST_REDIRECTS = 5
_STATUSES = {301, 302, 303, 307, 308}


def next_address(response: httpx.Response) -> str | None:
    """Where the answer sends us on to, or None. Raises StoreMisconfigured naming the new address if it is another host."""
    location = response.headers.get("location")
    if response.status_code not in _STATUSES or not location:
        return None
    here = str(response.url)
    there = str(response.url.join(location))
    if host_of(there) != host_of(here):
        target = redact(there.partition("?")[0])
        raise StoreMisconfigured(f"{place(here)} sends on to {target:.200}; if that is the shop, make it the store's address")
    if response.request.method != "GET":
        raise StoreMisconfigured(f"{place(here)} sends a {response.request.method} on to {place(there)}; correct the address")
    return there
