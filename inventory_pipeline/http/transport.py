"""httpx's transport over aiohttp, which takes an eighth of the CPU of httpx's own connection pool.

URLs are sent as they are, since some are signed, and each request is sent once: the client decides on retries and counts them.
"""

import asyncio
import re
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
from inventory_pipeline.http.body import BODY_LIMIT, BodyLimits, MinimumRate, Truncated, decode_body
from inventory_pipeline.http.response import host_and_path

# Hosts put long policies and links into their headers; aiohttp stops at 8 KiB.
_HEADER_LIMIT = 64 * 1024
# The request extension that limits the length of the response's body.
LIMIT = "body_limit"
# For looking up a name here that a proxy will look up by itself.
_LOOK_UP_SECONDS = 5.0
# The URL that a connection is opened for, since aiohttp's callbacks below get the address only. None: for a proxy.
_target: ContextVar[httpx.URL | None] = ContextVar("target", default=None)


class AiohttpTransport(httpx.AsyncBaseTransport):
    """To be made in the loop that uses it. Raises httpx's own exceptions.

    `timeout` bounds the connecting and each wait for bytes, in seconds; `verify` may be a file of certificates to trust.
    An address that `policy` refuses is never connected to, whichever name resolves to it: that raises httpx.ConnectError,
    caused by AddressRefused. `resolver` looks names up; the system does unless given.

    Response bodies are decoded here. Reading one raises as `decode_body` does: where it is longer than the request's
    extension LIMIT allows (in bytes; BODY_LIMIT unless given, None for no limit), or slower than `minimum_rate`.

    Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY` …), as with httpx. A proxy may have any address. A host
    that is requested through it is checked by its name, and by its addresses where this machine can look them up.
    """

    def __init__(
        self,
        *,
        verify: bool | str = True,
        connections: int,
        timeout: float,
        policy: AddressPolicy,
        minimum_rate: MinimumRate | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._verify = verify
        self._minimum_rate = minimum_rate or MinimumRate()
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
        with _as_httpx_errors():
            _raise_refusal(self._policy.refusal(request.url.scheme, request.url.host))
            if proxy is not None:
                await self._check_for_proxy(request.url)
            token = _target.set(None if proxy else request.url)
            try:
                response = await self._session.request(
                    request.method,
                    URL(str(request.url), encoded=True),
                    headers=_header_pairs(request.headers),
                    data=await request.aread() or None,
                    proxy=proxy,
                    ssl=self._trusted if request.url.scheme == "https" else True,
                    allow_redirects=False,
                )
            finally:
                _target.reset(token)
        limits = BodyLimits(host_and_path(str(request.url)), request.extensions.get(LIMIT, BODY_LIMIT), self._minimum_rate)
        headers = [(name, value) for name, value in response.raw_headers if name.lower() != b"content-encoding"]
        return httpx.Response(response.status, headers=headers, stream=_Body(response, limits))

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        if isinstance(self._verify, str):
            return ssl.create_default_context(cafile=self._verify)
        return httpx.create_ssl_context(self._verify)

    def _proxy_for(self, url: httpx.URL) -> str | None:
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        return proxy if proxy and not proxy_bypass(url.host) else None

    def _make_socket(self, info: tuple) -> socket.socket:
        """aiohttp's socket factory: sees every address, also literal ones, which aiohttp asks no resolver for."""
        family, kind, protocol, _, address = info
        url = _target.get()
        if url is not None:
            _raise_refusal(self._policy.refusal(url.scheme, url.host, ip_address(address[0])))
        return socket.socket(family, kind, protocol)

    async def _check_for_proxy(self, url: httpx.URL) -> None:
        """Raises AddressRefused where an address that this machine resolves the host to is refused.

        Behind some proxies public names cannot be looked up here; then only the name is checked.
        """
        try:
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                found = await self._resolver.resolve(url.raw_host.decode(), url.port or 0, socket.AF_UNSPEC)
        except (OSError, TimeoutError):
            _raise_refusal(self._policy.refusal(url.scheme, url.host, final=True))
            return
        for each in found:
            _raise_refusal(self._policy.refusal(url.scheme, url.host, ip_address(each["host"])))

    async def aclose(self) -> None:
        await self._session.close()
        await self._resolver.close()


class _AllowedAddresses(AbstractResolver):
    """Resolves a name to those of its addresses that the policy allows. Raises AddressRefused where it allows none."""

    def __init__(self, resolver: AbstractResolver, policy: AddressPolicy) -> None:
        self._resolver = resolver
        self._policy = policy

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        url = _target.get()
        if url is None:
            return found
        refusals = [self._policy.refusal(url.scheme, url.host, ip_address(each["host"])) for each in found]
        allowed = [each for each, refusal in zip(found, refusals, strict=True) if refusal is None]
        if not allowed:
            _raise_refusal(next(iter(refusals), None))
        return allowed

    async def close(self) -> None:
        await self._resolver.close()


def _header_pairs(headers: httpx.Headers) -> list[tuple[str, str]]:
    """Names keep their capitals, which `multi_items` drops: some webhook receivers compare them."""
    names = (raw.decode("ascii") for raw, _ in headers.raw)
    return [(name, value) for name, (_, value) in zip(names, headers.multi_items(), strict=True)]


def _raise_refusal(refusal: str | None) -> None:
    if refusal is not None:
        raise AddressRefused(refusal)


class _Body(httpx.AsyncByteStream):
    """The decoded body. Decoding it here bounds it for httpx too, which by itself reads whole what a sign-in receives."""

    def __init__(self, response: aiohttp.ClientResponse, limits: BodyLimits) -> None:
        self._response = response
        self._limits = limits

    async def __aiter__(self) -> AsyncIterator[bytes]:
        encoding = self._response.headers.get("Content-Encoding", "")
        async with aclosing(decode_body(self._raw_chunks(), encoding, self._limits)) as pieces:
            async for piece in pieces:
                yield piece

    async def _raw_chunks(self) -> AsyncGenerator[bytes]:
        try:
            with _as_httpx_errors():
                while chunk := await self._response.content.readany():
                    yield chunk
        except (httpx.RemoteProtocolError, httpx.ReadError):
            raise Truncated("a body that breaks off") from None

    async def aclose(self) -> None:
        # A body that was read to its end has freed its connection already; any other connection is of no more use.
        self._response.close()


# aiohttp shows Python's object among its words: "Cannot connect to host a.example:443 ssl:<ssl.SSLContext object at 0x…>".
_SSL_OBJECT = re.compile(r" ssl:(?:<[^>]*>|\w+)")


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Turns failures into httpx's before aiohttp sees its own, which it would silently retry."""
    with _as_httpx_errors():
        return await handler(request)


@contextmanager
def _as_httpx_errors() -> Iterator[None]:
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
        raise httpx.ConnectError(_SSL_OBJECT.sub("", str(error))) from error.__cause__ or error
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise httpx.ReadError(str(error)) from error
    except ValueError as error:
        # A header that holds a line break; the text may quote it.
        raise httpx.LocalProtocolError("a header cannot be sent") from error
