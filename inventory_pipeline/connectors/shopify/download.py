"""The result of a bulk operation, streamed line by line from the signed address of a storage service.

Another host on purpose, and so another client: this one has no token to give away.
"""

import logging
from urllib.parse import urlsplit

from inventory_pipeline.connectors.shopify.blocks import Blocks
from inventory_pipeline.connectors.shopify.bulk import Export
from inventory_pipeline.connectors.shopify.nodes import decode_lines
from inventory_pipeline.connectors.shopify.received import Received
from inventory_pipeline.core.errors import IncompleteRead, PlatformUnavailable, StoreMisconfigured
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.reply import host_and_path

logger = logging.getLogger(__name__)

DEADLINE = 3 * 3600.0  # seconds; exports may be gigabytes
ATTEMPTS = 3


class Expired(IncompleteRead):
    """The signed address is no longer good: only a new export gives another one."""


async def download(http: HttpClient, export: Export, received: Received, *, plain_allowed: bool = False) -> None:
    """Reads the export into `received`. A download that breaks off starts again, the address being good for days.

    Raises IncompleteRead where the file is not whole or its address has expired, StoreMisconfigured for an address
    that is not https (unless `plain_allowed`), PlatformUnavailable.
    """
    if export.url is None:
        return
    if urlsplit(export.url).scheme != "https" and not plain_allowed:
        raise StoreMisconfigured(f"Shopify leaves the export at {host_and_path(export.url)}, which is not https")
    for _ in range(ATTEMPTS - 1):
        try:
            await _attempt(http, export, export.url, received)
        except Expired:
            raise
        except (IncompleteRead, PlatformUnavailable) as error:
            logger.warning("The download broke off (%s); starting it again", error)
            received.clear()
        else:
            return
    await _attempt(http, export, export.url, received)


async def _attempt(http: HttpClient, export: Export, url: str, received: Received) -> None:
    size = 0
    blocks = Blocks()
    async with http.stream(url, deadline=DEADLINE) as response:
        if response.status != 200:
            raise Expired(
                f"the signed address of bulk operation {export.id} answers {response.status}: it has expired or was changed"
            )
        async for chunk in response:
            size += len(chunk)
            for block in blocks.add(chunk):
                received.add(decode_lines(block, received.nodes + 1))
        received.add(decode_lines(blocks.rest(), received.nodes + 1))
    if export.size is not None and size < export.size:
        raise IncompleteRead(f"bulk operation {export.id} has {export.size:,} bytes, of which {size:,} came")
