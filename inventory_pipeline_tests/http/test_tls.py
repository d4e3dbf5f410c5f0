"""TLS: what is wrong is a person's to mend, and is said so at once."""

import asyncio
import ssl
from pathlib import Path

import pytest

from inventory_pipeline.core.errors import PlatformUnavailable, StoreMisconfigured
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline_tests.http.certificates import self_signed, server_context
from inventory_pipeline_tests.http.local_server import LOOPBACK, Answer, LocalServer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


def ask(url: str, verify: bool | str = True) -> int:
    async def get() -> int:
        async with HttpClient(policy=LOOPBACK, verify=verify) as client:
            try:
                return (await client.get(url)).status
            finally:
                assert client.calls == 1, "trying again cannot help"

    return asyncio.run(get())


@pytest.fixture
def secure(certificate: Path) -> ssl.SSLContext:
    return server_context(certificate)


def test_a_self_signed_certificate_is_refused_and_the_way_out_named(secure: ssl.SSLContext) -> None:
    with LocalServer(lambda _: Answer(), secure) as server, pytest.raises(StoreMisconfigured, match="verify_tls=false"):
        ask(server.url)


def test_a_self_signed_certificate_is_taken_where_the_store_says_so(secure: ssl.SSLContext, certificate: Path) -> None:
    with LocalServer(lambda _: Answer(), secure) as server:
        assert ask(server.url, verify=False) == 200
        assert ask(server.url, verify=str(certificate)) == 200


def test_a_server_that_hangs_up_on_http_may_speak_https(secure: ssl.SSLContext) -> None:
    async def get(url: str) -> None:
        async with HttpClient(policy=LOOPBACK) as client:
            await client.get(url)

    with LocalServer(lambda _: Answer(), secure) as server, pytest.raises(PlatformUnavailable, match="does it speak https"):
        asyncio.run(get(server.url.replace("https", "http")))


def test_https_written_for_http_is_told() -> None:
    with LocalServer(lambda _: Answer()) as server, pytest.raises(StoreMisconfigured, match="does not speak https"):
        ask(server.url.replace("http", "https"))
