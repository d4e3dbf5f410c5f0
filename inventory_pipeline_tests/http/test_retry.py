"""When the client asks again, how long it waits, and when it stops."""

import asyncio
import time
from datetime import UTC, datetime
from itertools import count

import httpx
import pytest
import stamina

from inventory_pipeline.core.errors import PlatformUnavailable, RateLimited
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.retry import RetryPolicy, retry_after
from inventory_pipeline_tests.http.asking import Asked
from inventory_pipeline_tests.http.local_server import LOOPBACK, Answer, App, LocalServer, silence, wire


def failing(times: int, answer: Answer) -> App:
    numbers = count(1)
    return lambda _: answer if next(numbers) <= times else Answer.json("well")


def test_waits_double_to_their_longest_and_half_of_each_is_chance() -> None:
    policy = RetryPolicy(attempts=9, budget=1000, first_wait=1, longest_wait=16)
    for attempt, longest in enumerate([1, 2, 4, 8, 16, 16, 16, 16], 1):
        waits = [policy.wait_before_next(attempt, 0, None) or 0 for _ in range(50)]
        assert longest / 2 <= min(waits) < max(waits) <= longest
    assert policy.wait_before_next(9, 0, None) is None


def test_no_attempt_starts_past_the_budget() -> None:
    policy = RetryPolicy(budget=60)
    assert policy.wait_before_next(1, 10, 50.0) == 50.0
    assert policy.wait_before_next(1, 10, 50.1) is None
    assert policy.wait_before_next(2, 59.9, None) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("9" * 40, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert retry_after(httpx.Headers({"Retry-After": text}), now) == seconds


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520])
def test_a_status_that_may_pass_is_tried_again(status: int) -> None:
    asked = Asked(failing(2, Answer(status)))
    assert asked.get().body == b'"well"'
    assert asked.calls == 3
    assert [(exchange.status, exchange.attempt) for exchange in asked.exchanges] == [(status, 1), (status, 2), (200, 3)]
    assert [exchange.wait > 0 for exchange in asked.exchanges] == [True, True, False]


@pytest.mark.parametrize("status", [200, 204, 304, 400, 401, 403, 404, 418])
def test_every_other_status_is_the_callers(status: int) -> None:
    asked = Asked(Answer(status))
    assert asked.get().status == status
    assert asked.calls == 1


def test_a_wait_longer_than_the_budget_is_given_up_at_once_and_named() -> None:
    asked = Asked(Answer(503, headers={"Retry-After": "600"}))
    with pytest.raises(PlatformUnavailable, match="answers 503 and asks to wait 600 s, longer than a sync waits"):
        asked.get()
    assert asked.calls == 1


def test_too_many_requests_ends_as_rate_limited_with_the_wait_it_named() -> None:
    with pytest.raises(RateLimited) as caught:
        Asked(Answer(429, headers={"Retry-After": "601"})).get()
    assert caught.value.retry_after == 601


def test_waits_are_really_waited() -> None:
    stamina.set_testing(False)
    policy = RetryPolicy(attempts=3, first_wait=0.1, longest_wait=0.1)
    begun = time.monotonic()
    asked = Asked(failing(2, Answer(500)), retry=policy)
    asked.get()
    assert time.monotonic() - begun >= sum(exchange.wait for exchange in asked.exchanges) >= 0.1


def test_cancelling_ends_a_long_wait_at_once() -> None:
    stamina.set_testing(False)

    async def cancel_while_waiting(server: LocalServer) -> None:
        waiting = asyncio.Event()
        async with HttpClient(policy=LOOPBACK, on_exchange=lambda _: waiting.set()) as client:
            task = asyncio.create_task(client.get(server.url))
            await waiting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with LocalServer(lambda _: Answer(429, headers={"Retry-After": "170"})) as server:
        begun = time.monotonic()
        asyncio.run(cancel_while_waiting(server))
        assert time.monotonic() - begun < 1


def test_cancelling_ends_a_request_that_gets_no_answer_and_its_connection() -> None:
    async def cancel_while_asking(server: LocalServer) -> None:
        async with HttpClient(policy=LOOPBACK) as client:
            task = asyncio.create_task(client.get(server.url))
            await asyncio.to_thread(server.asked, 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with LocalServer(lambda _: silence()) as server:
        begun = time.monotonic()
        asyncio.run(cancel_while_asking(server))
        assert time.monotonic() - begun < 1
        assert server.all_closed()


def test_silence_ends_at_the_timeout() -> None:
    asked = Asked(silence(), timeout=0.05, retry=RetryPolicy(attempts=2))
    with pytest.raises(PlatformUnavailable, match=r"gives no answer within 0.05 s after 2 attempts"):
        asked.get()


def test_a_slow_drip_ends_at_the_deadline() -> None:
    """Every byte comes in time, the whole never does: the time-out alone would wait for ever."""
    drip = wire(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ", every=0.01, forever=True)
    asked = Asked(drip, deadline=0.1, retry=RetryPolicy(attempts=2))
    with pytest.raises(PlatformUnavailable, match=r"has not answered whole within 0.1 s after 2 attempts"):
        asked.get()


def test_nobody_there_is_unavailable() -> None:
    with LocalServer(lambda _: Answer()) as server:
        gone = server.url

    async def ask() -> None:
        async with HttpClient(policy=LOOPBACK) as client:
            await client.get(gone)

    with pytest.raises(PlatformUnavailable, match="cannot be reached"):
        asyncio.run(ask())


def test_an_unknown_host_is_unavailable_and_asks_whether_the_address_is_right() -> None:
    async def ask() -> None:
        async with HttpClient(policy=LOOPBACK, retry=RetryPolicy(attempts=2)) as client:
            await client.get("http://no-such-host.invalid/")

    with pytest.raises(PlatformUnavailable, match="is the address right"):
        asyncio.run(ask())


def test_the_rate_is_kept_however_many_tasks_ask() -> None:
    async def ask(server: LocalServer) -> float:
        async with HttpClient(policy=LOOPBACK, per_second=50) as client:
            begun = time.monotonic()
            await asyncio.gather(*(client.get(server.url) for _ in range(10)))
            return time.monotonic() - begun

    with LocalServer(lambda _: Answer()) as server:
        assert asyncio.run(ask(server)) >= 9 / 50
