"""What the client sends, follows, reports and keeps to itself."""

import asyncio
import gzip
import logging
from typing import Any

import httpx
import pytest

from inventory_pipeline.core.errors import IncompleteRead, PlatformUnavailable, StoreMisconfigured
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.retry import RetryPolicy
from inventory_pipeline_tests.http.asking import Asked
from inventory_pipeline_tests.http.local_server import LOOPBACK, Answer, LocalServer, Request, silence, wire

SECRET = "cs_very-secret-value-of-a-test"


def echo(request: Request) -> Answer:
    return Answer.json({"method": request.method, "query": request.query, "body": request.body.decode()})


def test_parameters_join_the_query_that_the_address_has() -> None:
    asked = Asked(echo)
    response = asked.get("/index.php?rest_route=/wc/v3", params={"page": 2, "_fields": "id,name"})
    assert b'"rest_route": "/wc/v3"' in response.body
    assert b'"page": "2"' in response.body
    assert asked.server.requests[0].target.endswith("_fields=id%2Cname")


def test_a_question_may_be_posted() -> None:
    async def post(server: LocalServer) -> bytes:
        async with HttpClient(policy=LOOPBACK) as client:
            return (await client.post(server.url, json={"query": "{ shop }"})).body

    with LocalServer(echo) as server:
        assert b"{ shop }" in asyncio.run(post(server))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_on_the_same_host_are_followed_and_counted(status: int) -> None:
    asked = Asked(lambda request: Answer(status, b"", {"Location": "/y/"}) if request.path == "/x" else echo(request))
    assert asked.get().status == 200
    assert (asked.calls, len(asked.records)) == (2, 1)


@pytest.mark.parametrize("target", ["http://localhost:1/x", "https://127.0.0.1/x", "//elsewhere.example/x"])
def test_credentials_never_follow_to_another_host(target: str) -> None:
    asked = Asked(Answer(302, b"", {"Location": target}), auth=httpx.BasicAuth("key", SECRET))
    with pytest.raises(StoreMisconfigured, match="if that is the shop, make it the store's address"):
        asked.get()
    assert asked.calls == 1


def test_a_post_is_not_sent_on() -> None:
    async def post(server: LocalServer) -> None:
        async with HttpClient(policy=LOOPBACK) as client:
            await client.post(server.url, json={})

    with LocalServer(lambda _: Answer(308, b"", {"Location": "/y"})) as server:  # noqa: SIM117
        with pytest.raises(StoreMisconfigured, match="sends a POST on to"):
            asyncio.run(post(server))


def test_gzip_is_asked_for_and_undone_member_by_member() -> None:
    members = gzip.compress(b"first ") + gzip.compress(b"second")
    asked = Asked(Answer(200, members, {"Content-Encoding": "gzip"}))
    assert asked.get().body == b"first second"
    assert asked.server.requests[0].headers["accept-encoding"] == "gzip, deflate"


def test_a_damaged_gzip_body_is_not_a_read() -> None:
    with pytest.raises(IncompleteRead, match="a damaged compressed body after 6 attempts"):
        Asked(Answer(200, b"not gzip at all", {"Content-Encoding": "gzip"})).get()


def test_a_body_past_its_limit_is_refused_however_small_it_came() -> None:
    bomb = gzip.compress(b"0" * 5_000_000)
    with pytest.raises(StoreMisconfigured, match="more than 1,000,000 bytes"):
        Asked(Answer(200, bomb, {"Content-Encoding": "gzip"})).get(limit=1_000_000)


def test_secrets_are_in_no_log_exchange_or_error(caplog: pytest.LogCaptureFixture) -> None:
    redact.add(SECRET)
    asked = Asked(Answer(500, SECRET.encode()), auth=httpx.BasicAuth("key", SECRET))
    with caplog.at_level(logging.DEBUG), pytest.raises(PlatformUnavailable) as caught:
        asked.get("/x", params={"consumer_secret": "another-secret", "signed": SECRET})
    told = caplog.text + str(caught.value) + repr(caught.value) + "".join(map(str, asked.records))
    assert "/x" in told
    assert SECRET not in told
    assert "another-secret" not in told


def test_a_credential_with_a_line_break_is_explained_without_being_shown() -> None:
    asked = Asked(Answer())
    with pytest.raises(StoreMisconfigured, match="hold a line break") as caught:
        asked.get(headers={"Authorization": f"Bearer {SECRET}\n"})
    assert SECRET not in str(caught.value)


def test_each_exchange_is_one_debug_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "inventory_pipeline.http"):
        asked = Asked(lambda request: Answer(503 if request.number == 1 else 200))
        asked.get()
    first, second = (record.getMessage() for record in caplog.records if record.name == "inventory_pipeline.http")
    assert "GET http://127.0.0.1" in first
    assert "/x 503 in " in first
    assert "attempt 1: " in first
    assert "; next in 0." in first
    assert second.endswith("attempt 2")


@pytest.mark.parametrize("url", ["ftp://shop.example/", "shop.example", "http://"])
def test_an_address_that_cannot_be_used_is_a_person_s_to_mend(url: str) -> None:
    async def ask() -> None:
        async with HttpClient(policy=LOOPBACK) as client:
            await client.get(url)

    with pytest.raises(StoreMisconfigured, match="cannot be used"):
        asyncio.run(ask())


# Streams


async def streamed(url: str, deadline: float = 60) -> bytes:
    async with (
        HttpClient(policy=LOOPBACK, retry=RetryPolicy(attempts=2)) as client,
        client.stream(url, deadline=deadline) as response,
    ):
        return b"".join([chunk async for chunk in response])


def test_a_stream_is_read_while_it_comes_and_its_beginning_is_tried_again() -> None:
    content = bytes(range(256)) * 4000
    body = gzip.compress(content)
    answer = Answer(200, body, {"Content-Encoding": "gzip"})
    with LocalServer(lambda request: Answer(500) if request.number == 1 else answer) as server:
        assert asyncio.run(streamed(server.url)) == content
        assert server.all_closed()


def test_a_stream_that_breaks_off_is_an_incomplete_read() -> None:
    broken = wire(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    with LocalServer(lambda _: broken) as server, pytest.raises(IncompleteRead, match="a body that breaks off"):
        asyncio.run(streamed(server.url))


def test_a_stream_that_never_ends_is_ended() -> None:
    drip = wire(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"xy", every=0.01, forever=True)
    with LocalServer(lambda _: drip) as server:
        with pytest.raises(PlatformUnavailable, match=r"has not ended after 0.1 s"):
            asyncio.run(streamed(server.url, deadline=0.1))
        assert server.all_closed()


def test_leaving_a_stream_early_closes_its_connection() -> None:
    async def leave(url: str) -> None:
        async with HttpClient(policy=LOOPBACK) as client, client.stream(url) as response:
            assert response.status == 200

    drip = wire(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"xy", every=0.01, forever=True)
    with LocalServer(lambda _: drip) as server:
        asyncio.run(leave(server.url))
        assert server.all_closed()


async def _all(url: str, number: int, **options: Any) -> HttpClient:
    async with HttpClient(policy=LOOPBACK, **options) as client:
        await asyncio.gather(*(client.get(f"{url}/{n}") for n in range(number)))
    return client


def test_a_platform_that_fails_under_many_requests_at_once_gets_half_as_many_and_the_next_read_remembers() -> None:
    # As three PHP workers with a full queue: whoever is one too many waits for ever.
    with LocalServer(lambda _: Answer()) as server:
        server.app = lambda _: Answer() if server.open_connections <= 3 else silence()
        retry = RetryPolicy(attempts=5, first_wait=0.01)
        client = asyncio.run(_all(server.url, 16, connections=8, timeout=0.5, retry=retry))
    # Two, or one where the server still counted connections that had been given up.
    assert client.memo in ({"connections": "2"}, {"connections": "1"})
    with LocalServer(lambda _: Answer()) as server:
        client = asyncio.run(_all(server.url, 4, connections=8, remembered=2))
        assert client.memo == {"connections": "3"}, "raised slowly"
        assert asyncio.run(_all(server.url, 4, connections=8, remembered=7)).memo == {}


def test_one_request_alone_that_fails_lowers_nothing() -> None:
    with LocalServer(lambda request: Answer(503 if request.number == 1 else 200)) as server:
        client = asyncio.run(_all(server.url, 1, connections=8, retry=RetryPolicy(first_wait=0.01)))
    assert client.memo == {}


def test_an_error_that_gives_up_says_what_was_tried_in_one_sentence() -> None:
    asked = Asked(Answer(503), retry=RetryPolicy(attempts=2, first_wait=0.01))
    with pytest.raises(PlatformUnavailable) as told:
        asked.get()
    assert isinstance(told.value.args[0], str)
    assert str(told.value).startswith("127.0.0.1")
    assert str(told.value).endswith("the next sync tries again")
