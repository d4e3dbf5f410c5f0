"""What carries httpx's requests: aiohttp, an eighth of the CPU that httpx's own connection pool takes.

The addresses go out as they are, since some are signed, and a request is sent once: trying again is the client's to decide
and to count.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cached_property
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from yarl import URL

# Hosts put long policies and links into their headers; aiohttp stops at 8 KiB.
_HEADER_LIMIT = 64 * 1024


class AiohttpTransport(httpx.AsyncBaseTransport):
    """`timeout` bounds, in seconds, the connecting and each wait for bytes; `verify` may be a file of certificates to trust.

    Made in the loop that uses it. Raises httpx's own exceptions. Proxies are the environment's (`HTTPS_PROXY`, `NO_PROXY`
    …), as with httpx.
    """

    def __init__(self, *, verify: bool | str, connections: int, timeout: float) -> None:
        self._verify = verify
        self._proxies = getproxies()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=_HEADER_LIMIT,
            max_field_size=_HEADER_LIMIT,
            middlewares=(_send_once,),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in ("http", "https") or not request.url.host:
            raise httpx.UnsupportedProtocol("an address needs http:// or https:// and a host")
        with _in_httpx_words():
            response = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                data=await request.aread() or None,
                proxy=self._proxy_for(request.url),
                ssl=self._trusted if request.url.scheme == "https" else True,
                allow_redirects=False,
            )
        return httpx.Response(response.status, headers=list(response.raw_headers), stream=_Body(response))

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        if isinstance(self._verify, str):
            return ssl.create_default_context(cafile=self._verify)
        return httpx.create_ssl_context(self._verify)

    def _proxy_for(self, url: httpx.URL) -> str | None:
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        return proxy if proxy and not proxy_bypass(url.host) else None

    async def aclose(self) -> None:
        await self._session.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _in_httpx_words():
            while chunk := await self._response.content.readany():
                yield chunk

    async def aclose(self) -> None:
        # Read to its end the connection is free again already; else nobody can use it any more.
        self._response.close()


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Gives failures their httpx names before aiohttp sees them, which would silently ask a second time."""
    with _in_httpx_words():
        return await handler(request)


@contextmanager
def _in_httpx_words() -> Iterator[None]:
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout(str(error)) from error
    except TimeoutError as error:
        raise httpx.ReadTimeout(str(error)) from error
    except aiohttp.ClientConnectorError as error:
        # What OpenSSL or the resolver said is the cause, not aiohttp's wrapping of it.
        raise httpx.ConnectError(str(error)) from error.__cause__ or error
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise httpx.ReadError(str(error)) from error
    except ValueError as error:
        # A header that holds a line break; the text may quote it.
        raise httpx.LocalProtocolError("a header cannot be sent") from error
