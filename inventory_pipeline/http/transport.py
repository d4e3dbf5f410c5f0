"""What carries httpx's requests: aiohttp, an eighth of the CPU that httpx's own connection pool takes.

The addresses go out as they are, since some are signed, and a request is sent once: trying again is the client's to decide
and to count.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from functools import cached_property
from ipaddress import ip_address
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from inventory_pipeline.core.addresses import AddressPolicy, AddressRefused
from inventory_pipeline.http.body import BODY_LIMIT, Bounds, RateFloor, Truncated, bounded
from inventory_pipeline.http.reply import place

# Hosts put long policies and links into their headers; aiohttp stops at 8 KiB.
_HEADER_LIMIT = 64 * 1024
# The name of a request's extension.
LIMIT = "body_limit"
# How long a name may take to be looked up that a proxy will look up itself.
_LOOK_UP_SECONDS = 5.0
# The request that a connection is being made for: what aiohttp calls below is told only the address. None: to a proxy.
_connecting_for: ContextVar[httpx.URL | None] = ContextVar("connecting_for", default=None)


class AiohttpTransport(httpx.AsyncBaseTransport):
    """`timeout` bounds, in seconds, the connecting and each wait for bytes; `verify` may be a file of certificates to trust.

    Nothing is connected to that `policy` refuses, whatever name leads there: then httpx.ConnectError, caused by
    AddressRefused. `resolver` looks names up; the system's unless given.

    Bodies come decoded, in pieces of bounded size, not below the `floor`, and up to the request's extension LIMIT in bytes
    (BODY_LIMIT unless given, None for no limit); reading one raises as `body.bounded`.

    Made in the loop that uses it. Raises httpx's own exceptions. Proxies are the environment's (`HTTPS_PROXY`, `NO_PROXY`
    …), as with httpx. A proxy may have any address; what is asked of it is judged by its name, and by its addresses
    where this machine can look them up.
    """

    def __init__(
        self,
        *,
        verify: bool | str = True,
        connections: int,
        timeout: float,
        policy: AddressPolicy,
        floor: RateFloor | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._verify = verify
        self._floor = floor or RateFloor()
        self._policy = policy
        self._proxies = getproxies()
        self._resolver = resolver or aiohttp.ThreadedResolver()
        allowed = _AllowedAddresses(self._resolver, policy)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, resolver=allowed, socket_factory=self._make_socket),
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
        proxy = self._proxy_for(request.url)
        with _in_httpx_words():
            _raise_refusal(self._policy.refusal(request.url.scheme, request.url.host))
            if proxy is not None:
                await self._check_for_proxy(request.url)
            token = _connecting_for.set(None if proxy else request.url)
            try:
                response = await self._session.request(
                    request.method,
                    URL(str(request.url), encoded=True),
                    headers=_as_written(request.headers),
                    data=await request.aread() or None,
                    proxy=proxy,
                    ssl=self._trusted if request.url.scheme == "https" else True,
                    allow_redirects=False,
                )
            finally:
                _connecting_for.reset(token)
        bounds = Bounds(place(str(request.url)), request.extensions.get(LIMIT, BODY_LIMIT), self._floor)
        headers = [(name, value) for name, value in response.raw_headers if name.lower() != b"content-encoding"]
        return httpx.Response(response.status, headers=headers, stream=_Body(response, bounds))

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        if isinstance(self._verify, str):
            return ssl.create_default_context(cafile=self._verify)
        return httpx.create_ssl_context(self._verify)

    def _proxy_for(self, url: httpx.URL) -> str | None:
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        return proxy if proxy and not proxy_bypass(url.host) else None

    def _make_socket(self, info: tuple) -> socket.socket:
        """Every connection is made here, those to literal addresses too, which no resolver is asked for."""
        family, kind, protocol, _, address = info
        url = _connecting_for.get()
        if url is not None:
            _raise_refusal(self._policy.refusal(url.scheme, url.host, ip_address(address[0])))
        return socket.socket(family, kind, protocol)

    async def _check_for_proxy(self, url: httpx.URL) -> None:
        """Raises AddressRefused where this machine knows an address of the host that is refused.

        Behind some proxies no public name can be looked up here; of those only the name is judged.
        """
        try:
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                found = await self._resolver.resolve(url.raw_host.decode(), url.port or 0, socket.AF_UNSPEC)
        except (OSError, TimeoutError):
            _raise_refusal(self._policy.refusal(url.scheme, url.host, is_last=True))
            return
        for each in found:
            _raise_refusal(self._policy.refusal(url.scheme, url.host, ip_address(each["host"])))

    async def aclose(self) -> None:
        await self._session.close()
        await self._resolver.close()


class _AllowedAddresses(AbstractResolver):
    """Of a name's addresses those that may be connected to: a host that has one in a private network too goes on."""

    def __init__(self, resolver: AbstractResolver, policy: AddressPolicy) -> None:
        self._resolver = resolver
        self._policy = policy

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        url = _connecting_for.get()
        if url is None:
            return found
        refusals = [self._policy.refusal(url.scheme, url.host, ip_address(each["host"])) for each in found]
        allowed = [each for each, refusal in zip(found, refusals, strict=True) if refusal is None]
        if not allowed:
            _raise_refusal(next(iter(refusals), None))
        return allowed

    async def close(self) -> None:
        await self._resolver.close()


def _as_written(headers: httpx.Headers) -> list[tuple[str, str]]:
    """With the capitals that they were given with: httpx compares without them, and some receivers do not."""
    names = (raw.decode("ascii") for raw, _ in headers.raw)
    return [(name, value) for name, (_, value) in zip(names, headers.multi_items(), strict=True)]


def _raise_refusal(refusal: str | None) -> None:
    if refusal is not None:
        raise AddressRefused(refusal)


class _Body(httpx.AsyncByteStream):
    """Decoded and bounded here, so that whoever reads it, httpx included, meets neither a bomb nor a body without end."""

    def __init__(self, response: aiohttp.ClientResponse, bounds: Bounds) -> None:
        self._response = response
        self._bounds = bounds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        encoding = self._response.headers.get("Content-Encoding", "")
        async with aclosing(bounded(self._arriving(), encoding, self._bounds)) as pieces:
            async for piece in pieces:
                yield piece

    async def _arriving(self) -> AsyncGenerator[bytes]:
        try:
            with _in_httpx_words():
                while chunk := await self._response.content.readany():
                    yield chunk
        except (httpx.RemoteProtocolError, httpx.ReadError):
            raise Truncated("a body that breaks off") from None

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
    except AddressRefused as error:
        raise httpx.ConnectError(str(error)) from error
    except aiohttp.InvalidURL as error:
        raise httpx.UnsupportedProtocol("the host is not written as a host") from error
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
