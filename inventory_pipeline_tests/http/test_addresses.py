"""Where a request may go is judged when it connects: whatever leads there, nothing is connected to that is refused."""

import asyncio
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from inventory_pipeline.core.addresses import AddressPolicy, AllowedHosts
from inventory_pipeline.core.errors import PlatformUnavailable, StoreMisconfigured
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.retry import RetryPolicy
from inventory_pipeline_tests.http.certificates import self_signed, server_context
from inventory_pipeline_tests.http.local_server import Answer, LocalServer

PUBLIC = "93.184.216.34"
STRICT = AddressPolicy(subject="store 'berlin'", way_out="`stores set berlin --allow-private`")
PRIVATE = AddressPolicy(allow_private=True)


class Names(AbstractResolver):
    """Looks names up in a book of its own; `asked` holds what it was asked for."""

    def __init__(self, **book: str) -> None:
        self.book = {name.replace("_", "."): addresses.split() for name, addresses in book.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:  # noqa: ARG002 - aiohttp's own
        self.asked.append(host)
        if host not in self.book:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.book[host]
        ]

    async def close(self) -> None:
        """Nothing is open."""


_connected: list[list[object]] = []


def _watch(event: str, arguments: tuple) -> None:
    if event == "socket.connect":
        for watched in _connected:
            watched.append(arguments[1])


sys.addaudithook(_watch)


@pytest.fixture
def connections() -> Iterator[list[object]]:
    """The address of each connection that this process tries to open, told by Python itself."""
    watched: list[object] = []
    _connected.append(watched)
    yield watched
    _connected.remove(watched)


def get(url: str, policy: AddressPolicy, names: Names | None = None, verify: bool = True) -> bytes:
    async def ask() -> bytes:
        client = HttpClient(policy=policy, resolver=names or Names(), verify=verify, retry=RetryPolicy(attempts=1), timeout=2)
        async with client:
            return (await client.get(url)).body

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "0", "10.0.0.5", "192.168.1.1", "100.64.0.1"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fc00::1]"),
        *("localhost", "LOCALHOST.", "nas", "224.0.0.1", "127。0。0。1", "127.0.0.1."),
    ],
)
def test_no_spelling_of_a_private_address_is_connected_to(host: str, connections: list[object]) -> None:
    for scheme in ("https", "http"):
        with pytest.raises(
            StoreMisconfigured, match=r"store 'berlin': .*stores set berlin --allow-private.* allows it"
        ) as caught:
            get(f"{scheme}://{host}:9/", STRICT, Names(localhost="127.0.0.1"))
        assert "INVENTORY_ALLOW_PRIVATE_HOSTS" in str(caught.value)
    assert connections == []


@pytest.mark.parametrize("address", ["10.0.0.5", "127.0.0.1", "::1", "64:ff9b::a00:5", "100.100.1.1", "0.0.0.0"])
def test_a_name_is_judged_by_what_it_resolves_to(address: str, connections: list[object]) -> None:
    with pytest.raises(StoreMisconfigured, match=f"shop.example resolves to {address}, a"):
        get("https://shop.example/", STRICT, Names(shop_example=address))
    assert connections == []


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "64:ff9b::a9fe:a9fe"])
def test_link_local_and_metadata_addresses_are_refused_whoever_allows_them(address: str, connections: list[object]) -> None:
    policy = AddressPolicy(allow_private=True, allowed=AllowedHosts.parse("0.0.0.0/0 ::/0 shop.example"))
    bracketed = f"[{address}]" if ":" in address else address
    for url in ("http://shop.example/", "https://shop.example/", f"http://{bracketed}/"):
        with pytest.raises(StoreMisconfigured, match="a link-local or metadata address; nothing is ever read from there"):
            get(url, policy, Names(shop_example=address))
    assert connections == []


def test_of_several_addresses_only_allowed_ones_are_connected_to(connections: list[object]) -> None:
    """A closed port stands for the public address, so that nothing leaves this machine."""
    office = AddressPolicy(allowed=AllowedHosts.parse("127.0.0.0/8"))
    with pytest.raises(PlatformUnavailable, match="cannot be reached"):
        get("http://shop.example:9/", office, Names(shop_example="10.0.0.5 ::1 127.0.0.1"))
    assert {address for address, *_ in connections} == {"127.0.0.1"}  # pyright: ignore[reportGeneralTypeIssues]


def test_plain_http_is_refused_before_anything_is_looked_up(connections: list[object]) -> None:
    names = Names(shop_example=PUBLIC)
    with pytest.raises(StoreMisconfigured, match=r"http://shop\.example is not encrypted.*give an https address"):
        get("http://shop.example/", STRICT, names)
    assert (connections, names.asked) == ([], [])


def test_each_way_of_allowing_lets_a_private_shop_be_read() -> None:
    with LocalServer(lambda _: Answer(200, b"well")) as server:
        port = server.url.rpartition(":")[2]
        for entry in ("shop.example", "*.example", "127.0.0.1", "127.0.0.0/8"):
            policy = AddressPolicy(allowed=AllowedHosts.parse(entry))
            assert get(f"http://shop.example:{port}/", policy, Names(shop_example="127.0.0.1")) == b"well"
        assert get(f"http://shop.example:{port}/", PRIVATE, Names(shop_example="127.0.0.1")) == b"well"
        assert get(server.url, PRIVATE) == b"well"


def test_what_is_refused_over_tls_never_reaches_the_server(tmp_path: Path) -> None:
    secure: ssl.SSLContext = server_context(self_signed(tmp_path))
    with LocalServer(lambda _: Answer(200, b"secret"), secure) as server:
        port = server.url.rpartition(":")[2]
        for url in (server.url, f"https://shop.example:{port}/"):
            with pytest.raises(StoreMisconfigured, match="a loopback address"):
                get(url, STRICT, Names(shop_example="127.0.0.1"), verify=False)
        assert (server.connections, server.requests) == (0, [])
        assert get(f"https://shop.example:{port}/", PRIVATE, Names(shop_example="127.0.0.1"), verify=False) == b"secret"


def test_a_name_that_changes_between_two_requests_is_judged_again(connections: list[object]) -> None:
    """DNS rebinding: the first answer is good, a later one leads inside."""
    names = Names(shop_example="127.0.0.1")
    only_loopback = AddressPolicy(allowed=AllowedHosts.parse("127.0.0.1"))

    async def ask(server: LocalServer) -> None:
        port = server.url.rpartition(":")[2]
        for address, refused in (("127.0.0.1", False), ("10.0.0.5", True)):
            names.book["shop.example"] = [address]
            client = HttpClient(policy=only_loopback, resolver=names, retry=RetryPolicy(attempts=1), timeout=2)
            async with client:
                if refused:
                    with pytest.raises(StoreMisconfigured, match=r"resolves to 10\.0\.0\.5, a private address"):
                        await client.get(f"http://shop.example:{port}/")
                else:
                    await client.get(f"http://shop.example:{port}/")

    with LocalServer(lambda _: Answer()) as server:
        asyncio.run(ask(server))
    assert {address for address, *_ in connections} == {"127.0.0.1"}  # pyright: ignore[reportGeneralTypeIssues]


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://127.0.0.1:9/", "https://10.0.0.5/", "//[::1]:9/"])
def test_a_redirect_leads_to_no_other_host(target: str, connections: list[object]) -> None:
    with LocalServer(lambda _: Answer(302, b"", {"Location": target})) as server:
        with pytest.raises(StoreMisconfigured, match="sends on to"):
            get(server.url, PRIVATE)
        assert connections == [("127.0.0.1", int(server.url.rpartition(":")[2]))]


PROXIED = [
    ("https://10.0.0.5/", "10.0.0.5 is a private address"),
    ("https://2130706433/", "2130706433 is 127.0.0.1, a loopback address"),
    ("http://169.254.169.254/latest/", "a link-local or metadata address"),
    ("https://localhost/", "is the name of a host in a private network"),
    ("https://metadata.google.internal/", "is where a cloud keeps its keys"),
    ("https://inside.example/", r"inside.example resolves to 10\.0\.0\.7, a private address"),
    ("http://unknown.example/", "is not encrypted"),
]


@pytest.mark.parametrize(("url", "told"), PROXIED)
def test_behind_a_proxy_the_host_is_judged_and_the_proxy_not_asked(
    url: str, told: str, monkeypatch: pytest.MonkeyPatch, connections: list[object]
) -> None:
    with LocalServer(lambda _: Answer(200, b"through the proxy")) as proxy:
        for scheme in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(scheme, proxy.url)
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(StoreMisconfigured, match=told):
            get(url, STRICT, Names(inside_example="10.0.0.7"))
        assert (proxy.connections, connections) == (0, [])


def test_a_proxy_may_have_any_address_but_is_not_read_as_a_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    named = AddressPolicy(allowed=AllowedHosts.parse("shop.example"))
    with LocalServer(lambda request: Answer(200, request.target.encode())) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert get("http://shop.example/x", named) == b"http://shop.example/x"
        asked = proxy.connections
        with pytest.raises(StoreMisconfigured, match=r"127\.0\.0\.1 is a loopback address"):
            get(proxy.url, named)
        assert proxy.connections == asked
