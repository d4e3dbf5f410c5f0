"""The call that says that all is well: a monitor elsewhere tells somebody when it no longer comes.

As healthchecks.io, Uptime Kuma and others take it: https://healthchecks.io/docs/http_api/
"""

import asyncio
import logging

import httpx

from inventory_pipeline.core.addresses import AddressPolicy, AddressRefused
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.notify.channels import address_refusal, hide

logger = logging.getLogger(__name__)

# What called for it must not wait long: the next call follows within the hour.
SECONDS = 10.0


def call_heartbeat(url: str | None, policy: AddressPolicy) -> bool:
    """Calls the address, which is a secret, once; nothing without one. Returns whether the monitor took it.

    What goes wrong is logged and harms nothing else: that the call does not come is what the monitor is for.
    """
    if url is None:
        return False
    hide(url)
    trouble = address_refusal(url, policy)
    if trouble is None:
        try:
            status = asyncio.run(_get(url, policy))
            trouble = None if 200 <= status < 300 else f"it answered {status}"
        except (httpx.HTTPError, TimeoutError) as error:
            refused = error.__cause__ if isinstance(error.__cause__, AddressRefused) else None
            trouble = str(refused) if refused else f"{type(error).__name__}: {error}"
    if trouble is not None:
        logger.warning("The monitor of %s did not take its call: %s", policy.subject, redact(one_line(trouble, 200)))
    return trouble is None


async def _get(url: str, policy: AddressPolicy) -> int:
    from inventory_pipeline.http.transport import AiohttpTransport  # a check without a monitor need not wait for aiohttp

    transport = AiohttpTransport(connections=1, timeout=SECONDS, policy=policy)
    async with (
        asyncio.timeout(SECONDS),
        httpx.AsyncClient(transport=transport, follow_redirects=False) as client,
        client.stream("GET", url) as response,
    ):
        return response.status_code
