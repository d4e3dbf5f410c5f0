"""What every platform must keep to, whichever it is. A platform without a case in `platforms/` fails here."""

import asyncio
import logging
import time
from base64 import b64decode
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import get_args
from urllib.parse import unquote

import pytest

from inventory_pipeline.connectors.base import AskedItem, AsksForItems, CheckName
from inventory_pipeline.connectors.registry import connector_for, platform_names, platforms
from inventory_pipeline.core.errors import CredentialsRejected, IncompleteRead, PlatformUnavailable, SyncError, UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stock import Completeness, Page, StockLine, checked_line
from inventory_pipeline.http.hosts import Host
from inventory_pipeline_tests.connectors.platform_case import Live, PlatformCase, case_of
from inventory_pipeline_tests.connectors.reading import Whole, read_whole
from inventory_pipeline_tests.http.local_server import Answer, LocalServer, Request


@pytest.fixture(params=platform_names())
def platform(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def case(platform: str) -> PlatformCase:
    case = case_of(platform)
    redact.add(*case.secrets)
    return case


def read(live: Live) -> Whole:
    whole = asyncio.run(read_whole(live.connector()))
    assert live.server.all_closed()
    return whole


def failing(live: Live) -> SyncError:
    with pytest.raises(SyncError) as caught:
        read(live)
    assert live.server.all_closed()
    return caught.value


def test_the_registry_knows_each_platform_by_its_file() -> None:
    assert [info.platform for info in platforms()] == list(platform_names())
    with pytest.raises(UsageError, match=r"known are: .*woocommerce"):
        connector_for("registry")


def test_a_platform_describes_itself_to_people(platform: str) -> None:
    info = connector_for(platform).info
    texts = [info.title, info.versions, info.auth, info.calls_per_100k, info.proved_by, *info.all_settings.values()]
    assert all(text.strip() and "\n" not in text for text in texts)


def test_the_case_shows_every_state(case: PlatformCase) -> None:
    values = [quantity.value for quantity in case.lines.values() if quantity.value is not None]
    assert {quantity.state for quantity in case.lines.values()} == case.states
    assert 0 in values
    assert min(values) < 0


def test_a_read_ends_with_exactly_one_proof_and_holds_every_line(case: PlatformCase) -> None:
    with case.whole() as live:
        whole = read(live)
    kinds = [type(item) for item in whole.items]
    assert kinds == [Page] * (len(kinds) - 1) + [Completeness]
    assert whole.proof.gap == 0
    assert whole.proof.how
    assert whole.proof.read >= len(whole.lines)
    assert {identity: line.quantity for identity, line in whole.lines.items()} == case.lines
    assert [checked_line(line).item_id for line in whole.lines.values()] == [item_id for item_id, _ in whole.lines]


def test_a_null_is_never_a_zero(case: PlatformCase) -> None:
    with case.whole() as live:
        whole = read(live)
    for identity, line in whole.lines.items():
        assert (line.quantity.value is None) == (case.lines[identity].value is None)


def test_one_bad_item_costs_only_itself(case: PlatformCase) -> None:
    with case.whole() as live:
        whole = read(live)
    assert len(whole.rejected) == case.bad_items
    assert all(line.reason for line in whole.rejected)


def test_two_reads_of_one_store_are_alike(case: PlatformCase) -> None:
    with case.whole() as live:
        assert read(live).lines == read(live).lines


def asked(live: Live, items: Sequence[AskedItem], sku: str) -> tuple[dict[tuple[str, str], StockLine], int]:
    """The lines that the platform gives for an item, and the requests that it took."""
    connector = live.connector()
    assert isinstance(connector, AsksForItems)
    page = asyncio.run(connector.read_items(items, sku))
    return {(line.item_id, line.location_id): line for line in page.lines}, connector.api_calls


def test_what_is_asked_for_one_item_is_what_a_read_publishes(case: PlatformCase) -> None:
    """By the ids that a read gave, and by an SKU alone; a server that finds what is only written alike misleads nobody."""
    with case.whole() as live:
        if not isinstance(live.connector(), AsksForItems):
            pytest.skip("the platform can only be read whole")
        lines = read(live).lines
        for item_id in {item_id for item_id, _ in lines}:
            own = {identity: line for identity, line in lines.items() if identity[0] == item_id}
            line = next(iter(own.values()))
            found, calls = asked(live, [AskedItem(item_id, line.product_id)], line.sku or "")
            assert found == own
            assert calls <= 5
            assert line.sku
            assert asked(live, [], line.sku)[0] == own
            assert asked(live, [], line.sku.swapcase())[0] == {}
        assert asked(live, [AskedItem("999999999", "999999999")], "SKU")[0] == {}
        assert live.server.all_closed()


def test_calls_are_counted_as_the_platform_counts_them(case: PlatformCase) -> None:
    with case.whole() as live:
        connector = live.connector()
        assert connector.api_calls == 0
        whole = asyncio.run(read_whole(connector))
        assert whole.api_calls == len(live.server.requests)


def test_a_read_left_in_the_middle_leaves_no_task_and_no_connection(case: PlatformCase) -> None:
    async def leave(live: Live) -> None:
        async with aclosing(live.connector().read()) as items:
            async for _ in items:
                break
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with case.whole() as live:
        asyncio.run(leave(live))
        assert live.server.all_closed()


def test_a_read_that_waits_for_an_answer_is_cancelled_at_once(case: PlatformCase) -> None:
    async def cancel(live: Live) -> None:
        task = asyncio.create_task(read_whole(live.connector()))
        await asyncio.to_thread(live.server.asked, 1)
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun < 1
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with case.silent() as live:
        asyncio.run(cancel(live))
        assert live.server.all_closed()


def test_refused_credentials_are_called_so(case: PlatformCase) -> None:
    with case.refusing() as live:
        assert isinstance(failing(live), CredentialsRejected)


def test_a_platform_that_is_down_is_called_unavailable(case: PlatformCase) -> None:
    with case.down() as live:
        assert isinstance(failing(live), PlatformUnavailable)


def test_a_read_that_breaks_off_never_looks_whole(case: PlatformCase) -> None:
    with case.breaking_off() as live:
        assert isinstance(failing(live), IncompleteRead)


@pytest.mark.parametrize("fault", ["refusing", "down", "breaking_off", "whole"])
def test_secrets_are_in_no_error_log_exchange_or_repr(case: PlatformCase, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    with caplog.at_level(logging.DEBUG), getattr(case, fault)() as live:
        live = replace(live, context=replace(live.context, on_request=lambda record: told.append(f"{record} {record!r}")))
        told += [repr(live.context), repr(live.connector())]
        if fault == "whole":
            told.append(repr(read(live).items))
        else:
            error = failing(live)
            assert "\n" not in str(error)
            told += [str(error), repr(error), repr(error.__cause__), *map(str, asyncio.run(live.connector().check()))]
    told.append(caplog.text)
    for secret in case.secrets:
        assert secret not in "\n".join(told)


@pytest.mark.parametrize("fault", ["whole", "refusing", "down"])
def test_a_check_finds_and_never_raises(case: PlatformCase, fault: str) -> None:
    with getattr(case, fault)() as live:
        items = asyncio.run(live.connector().check())
        assert live.server.all_closed()
    assert items
    assert {item.check for item in items} <= set(get_args(CheckName))
    assert all(item.detail for item in items)
    if fault != "whole":
        assert any(not item.ok and item.cure for item in items)


def test_a_setting_or_a_missing_credential_is_refused_before_any_request(case: PlatformCase, platform: str) -> None:
    with case.whole() as live:
        for settings, text in (({"colour": "red"}, "colour"), ({"connections": "none"}, "connections")):
            store = replace(live.context.store, settings={**live.context.store.settings, **settings})
            with pytest.raises(UsageError, match=text):
                connector_for(platform)(replace(live.context, store=store))
        for name in connector_for(platform).info.credentials:
            credentials = {other: value for other, value in live.context.credentials.items() if other != name}
            with pytest.raises(UsageError, match=name):
                connector_for(platform)(replace(live.context, credentials=credentials))
        assert live.server.requests == []


@pytest.mark.parametrize("rate", ["0.01", "1000"])
def test_the_lowest_and_the_highest_request_rate_are_taken(case: PlatformCase, platform: str, rate: str) -> None:
    with case.whole() as live:
        settings = {**live.context.store.settings, "requests_per_second": rate}
        connector_for(platform)(replace(live.context, store=replace(live.context.store, settings=settings)))


@pytest.mark.parametrize("rate", ["0.0099", "0", "-1", "1000.1", "nan", "inf"])
def test_a_request_rate_beyond_them_is_refused_with_what_it_may_be(case: PlatformCase, rate: str) -> None:
    with case.whole() as live:
        settings = {**live.context.store.settings, "requests_per_second": rate}
        with pytest.raises(UsageError, match=r"requests_per_second='.*' is not a number from 0\.01 to 1000"):
            replace(live.context, store=replace(live.context.store, settings=settings))


@pytest.mark.parametrize("url", ["https://[::1", "https://shop.example:99999"])
def test_an_address_that_is_none_is_refused_before_any_request(case: PlatformCase, url: str) -> None:
    with case.whole() as live, pytest.raises(UsageError, match="address cannot be read"):
        replace(live.context, store=replace(live.context.store, url=url))


def test_credentials_are_sent_to_the_hosts_that_the_platform_declares(case: PlatformCase) -> None:
    """What a secret is bound to is what the platform says here: so it must be true."""
    with case.whole() as live:
        read(live)
        sent = [request for request in live.server.requests if _carries(request, case.secrets)]
    assert sent
    assert Host.of_address(live.server.url) in live.connector().info.recipients(live.context.store)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_given_nothing(case: PlatformCase, status: int) -> None:
    with LocalServer(lambda _: Answer(200)) as elsewhere, case.whole() as live:
        foreign = elsewhere.url.replace("127.0.0.1", "localhost")
        with LocalServer(lambda request: Answer(status, b"", {"Location": f"{foreign}{request.target}"})) as server:
            url = live.context.store.url.replace(live.server.url, server.url)
            moved = Live(replace(live.context, store=replace(live.context.store, url=url)), server)
            assert "sends on to" in str(failing(moved))
            assert not all(item.ok for item in asyncio.run(moved.connector().check()))
            assert [request for request in server.requests if _carries(request, case.secrets)]
        assert (elsewhere.requests, elsewhere.connections) == ([], 0)


def _carries(request: Request, secrets: tuple[str, ...]) -> bool:
    login = request.headers.get("authorization", "").removeprefix("Basic ")
    texts = [unquote(request.target), *request.headers.values(), unquote(request.body.decode())]
    if login != request.headers.get("authorization", ""):
        texts.append(b64decode(login).decode())
    return any(secret in text for secret in secrets for text in texts)
