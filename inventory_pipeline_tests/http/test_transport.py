"""What aiohttp does under httpx's words: each request sent once, its address untouched, proxies as the environment says."""

import asyncio

import pytest

from inventory_pipeline.core.addresses import AddressPolicy, AllowedHosts
from inventory_pipeline.core.errors import PlatformUnavailable
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.retry import RetryPolicy
from inventory_pipeline_tests.http.asking import Asked
from inventory_pipeline_tests.http.local_server import Answer, LocalServer, Request, wire

TWICE = RetryPolicy(attempts=2)


def test_a_request_that_is_hung_up_on_is_sent_again_only_by_the_client_which_counts_it() -> None:
    asked = Asked(wire(b""), retry=TWICE)
    with pytest.raises(PlatformUnavailable, match="breaks the connection off"):
        asked.get()
    assert asked.calls == len(asked.server.requests) == 2


@pytest.mark.parametrize("target", ["/x?a=%2Fb%2fc&d=e+f%20g", "/p%61th;v=1/%E2%82%AC?sig=a%2Bb%3D%3D&x=~!*'()"])
def test_an_address_goes_out_letter_for_letter_since_it_may_be_signed(target: str) -> None:
    asked = Asked(Answer())
    asked.get(target)
    assert asked.server.requests[0].target == target


def test_long_headers_are_taken() -> None:
    link = "<https://shop.example/?x=" + "y" * 20_000 + '>; rel="next"'
    assert Asked(Answer(200, b"[]", {"Link": link})).get().headers["link"] == link


def test_the_proxy_of_the_environment_is_asked_and_no_proxy_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    allowing = AddressPolicy(allowed=AllowedHosts.parse("127.0.0.1, shop.example"))

    async def get(url: str) -> bytes:
        async with HttpClient(policy=allowing, retry=RetryPolicy(attempts=1)) as client:
            return (await client.get(url)).body

    def proxied(request: Request) -> Answer:
        return Answer(200, request.target.encode())

    with LocalServer(proxied) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert asyncio.run(get("http://shop.example/x?y=1")) == b"http://shop.example/x?y=1"
        with LocalServer(lambda _: Answer(200, b"directly")) as server:
            assert asyncio.run(get(server.url)) == b"directly"
