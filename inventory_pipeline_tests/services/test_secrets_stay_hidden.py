"""Known secrets are planted wherever one can stand; then everything that people can see is searched for them."""

import asyncio
import base64
import logging
import secrets
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import quote, quote_plus

import pytest
import sqlalchemy as sa
import stamina

from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline_tests.connectors.reading import read_whole
from inventory_pipeline_tests.http.local_server import Answer, LocalServer, Request
from inventory_pipeline_tests.services.integrations.integrating import Workplace, feed_store, web_feed


# New for each test: what hides a value must be what the test does, not what an earlier one did in this process.
@pytest.fixture
def planted() -> str:
    return f"Planted+/ {secrets.token_hex(8)}"


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=100, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def seen(caplog: pytest.LogCaptureFixture, workplace: Workplace) -> Callable[..., str]:
    """All that was logged, what the database holds as any client sees it, and whatever else is passed."""
    caplog.set_level(logging.DEBUG)

    def everything(*more: object) -> str:
        with workplace.database.connect() as connection:
            tables = sa.inspect(connection).get_table_names()
            rows = [str(connection.execute(sa.text(f'SELECT * FROM "{table}"')).all()) for table in tables]
        return "\n".join([caplog.text, *rows, *map(repr, more), *map(str, more)])

    return everything


def check_hidden(planted: str, text: str) -> None:
    core = planted.split()[1]
    login = base64.b64encode(f"lager:{planted}".encode()).decode()
    assert [secret for secret in (core, login, quote(planted), quote_plus(planted)) if secret in text] == []


@pytest.mark.parametrize(
    ("credentials", "sent"),
    [
        ({"token": "secret:PLANTED"}, "authorization"),
        ({"token": "env:INVENTORY_CRED_PLANTED"}, "authorization"),
        ({"username": "secret:USER", "password": "env:INVENTORY_CRED_PLANTED"}, "authorization"),
        ({"query.key": "secret:PLANTED"}, "query"),
        ({"query.key": "env:INVENTORY_CRED_PLANTED"}, "query"),
        ({"query": "secret:PLANTED"}, "whole query"),
    ],
)
@pytest.mark.parametrize("status", [200, 401, 503])
def test_a_sync_and_a_check_show_no_secret(
    workplace: Workplace,
    seen: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    planted: str,
    credentials: dict[str, str],
    sent: str,
    status: int,
):
    def supplier(request: Request) -> Answer:
        assert "query" in sent or request.headers.get("authorization")
        assert "query" not in sent or request.query["key"] == planted
        if status == 200:
            return Answer(200, b"id,stock\nA1,5\n", {"Content-Type": "text/csv"})
        return Answer.html(f"{request.headers.get('authorization')} {request.target}", status)  # it repeats what it was sent

    integrations = workplace.from_command_line
    monkeypatch.setenv("INVENTORY_CRED_PLANTED", planted)
    integrations.put_credential("USER", "lager", ["127.0.0.1"])
    value = f"v=1&key={quote_plus(planted)}" if sent == "whole query" else planted
    integrations.put_credential("PLANTED", value, ["127.0.0.1"])
    with LocalServer(supplier) as server:
        store = integrations.add(web_feed(url=f"{server.url}/stock.csv", credentials=credentials, allow_private=True)).store
        found = integrations.check("web")
        connector = workplace.connect(store, {})
        failure: list[str] = []
        try:
            asyncio.run(read_whole(connector))
        except InventoryError:
            failure.append(traceback.format_exc())
        assert len(server.requests) >= 2
    assert all(item.ok for item in found) == (status == 200)
    text = seen(found, failure, store, connector, workplace.connect, workplace.vault, integrations.list_credentials())
    assert f"GET {server.url}/stock.csv" in text
    check_hidden(planted, text)


def test_a_value_in_the_wrong_place_shows_nowhere(workplace: Workplace, seen: Callable[..., str]):
    raw = f"cs_{secrets.token_hex(8)}"
    failures: list[str] = []
    wrong = [
        {"credentials": {"token": raw}},
        {"credentials": {raw: "token"}},
        {"credentials": {"token": f"secret:{raw}"}},
        {"credentials": {"token": f"env:{raw}"}},
        {"url": f"https://lager:{raw}@supplier.example/stock.csv"},
        {"url": f"https://supplier.example/stock.csv?token={raw}"},
        {"settings": {"password": raw}},
    ]
    for change in wrong:
        try:
            workplace.integrations.add(feed_store(**change))
        except InventoryError:
            failures.append(traceback.format_exc())
    assert len(failures) == len(wrong)
    with suppress(InventoryError):
        workplace.integrations.put_credential("two lines", raw, ["shop.example"])
    assert raw not in seen(failures)
