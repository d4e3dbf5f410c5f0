"""Whoever may launch a job tries to have a stored secret sent to a host of theirs. A real socket listens there."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product

import pytest
import stamina

from inventory_pipeline.core.addresses import AllowedHosts
from inventory_pipeline.core.errors import InventoryError, UsageError
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.services.integrations.credentials import resolve
from inventory_pipeline.services.sync.service import InventorySyncService
from inventory_pipeline_tests.db.times import NOON
from inventory_pipeline_tests.http.local_server import Answer, LocalServer, Request
from inventory_pipeline_tests.services.integrations.integrating import Workplace, web_feed

VALUE = "token-0123456789"
REFERENCES = ("secret:TOKEN", "env:INVENTORY_CRED_TOKEN")


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=100, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def workplace(workplace: Workplace) -> Workplace:
    """Where connections to this machine are allowed, under both of its names: only the binding stands in the way."""
    return replace(workplace, allowed_hosts=AllowedHosts.parse("127.0.0.1 localhost"))


@pytest.fixture
def supplier() -> Iterator[LocalServer]:
    with LocalServer(lambda _: Answer(200, b"id,stock\nA1,5\n", {"Content-Type": "text/csv"})) as server:
        yield server


@pytest.fixture
def evil() -> Iterator[LocalServer]:
    """The same machine under another name, which is another host. Nothing may come here, not even a connection."""
    with LocalServer(lambda _: Answer(200, b"id,stock\n")) as server:
        server.url = server.url.replace("127.0.0.1", "localhost")
        yield server
        assert (server.requests, server.connections) == ([], 0)


@pytest.fixture(params=REFERENCES)
def reference(
    request: pytest.FixtureRequest, workplace: Workplace, supplier: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A credential that belongs to the supplier's host, and is used by the store `web` there."""
    monkeypatch.setenv("INVENTORY_CRED_TOKEN", VALUE)
    at_line = workplace.from_command_line
    at_line.put_credential("TOKEN", VALUE, ["127.0.0.1"])
    at_line.add(web_feed(url=f"{supplier.url}/stock.csv", credentials={"token": request.param}))
    return request.param


def sync(workplace: Workplace, key: str) -> None:
    InventorySyncService(database=workplace.database, connect=workplace.connect, clock=lambda: NOON).sync_all_products(
        key, run_id=f"sync of {key}"
    )


def test_the_store_itself_gets_its_secret(workplace: Workplace, supplier: LocalServer, reference: str):
    """Else the others would prove nothing."""
    assert all(item.ok for item in workplace.integrations.check("web"))
    sync(workplace, "web")
    assert {request.headers["authorization"] for request in supplier.requests} == {f"Bearer {VALUE}"}


def test_a_store_at_a_foreign_address_is_not_registered(workplace: Workplace, evil: LocalServer, reference: str):
    for name in ("token", "query.key", "query"):
        store = web_feed("evil", url=f"{evil.url}/x.csv", credentials={name: reference}, auto_sync=True)
        with pytest.raises(UsageError, match=rf"{reference} may be sent to http://127.0.0.1 and not to http://localhost"):
            workplace.integrations.add(store)
    assert [store.key for store in workplace.integrations.list()] == ["web"]


def test_another_platform_gets_it_no_more(workplace: Workplace, evil: LocalServer, reference: str):
    for platform, names in (("woocommerce", ("consumer_key", "consumer_secret")), ("shopify", ("access_token",))):
        credentials = dict.fromkeys(names, reference)
        with pytest.raises(UsageError, match=r"not to http://localhost|belongs to feed"):
            workplace.integrations.add(StoreIntegration(key="evil", platform=platform, url=evil.url, credentials=credentials))


def test_a_row_that_is_there_already_sends_nothing(workplace: Workplace, evil: LocalServer, reference: str):
    """However it came there: sync and check make their connectors in the one place that looks."""
    with workplace.database.begin() as connection:
        stores.insert_store(connection, web_feed("evil", url=f"{evil.url}/x.csv", credentials={"token": reference}), NOON)
    with pytest.raises(InventoryError, match="not to http://localhost"):
        sync(workplace, "evil")
    (found,) = workplace.integrations.check("evil")
    assert "not to http://localhost" in found.detail
    assert workplace.integrations.get("evil").needs_reauthorization


def test_an_address_that_is_changed_takes_no_secret_along(workplace: Workplace, evil: LocalServer, reference: str):
    before = workplace.integrations.get("web")
    url, host = f"{evil.url}/x.csv", evil.url.removeprefix("http://")
    for spelling in (url, f"http://127.0.0.1@{host}/x.csv", f"http://127.0.0.1\\@{host}/x.csv", f"http://{host}\\.127.0.0.1/"):
        for credentials in ({"token": reference}, {"token": "", "query.key": reference}):
            with pytest.raises(UsageError):
                workplace.integrations.set("web", url=spelling, credentials=credentials)
    assert workplace.integrations.get("web") == before
    assert workplace.integrations.set("web", url=url).store.credentials == {}
    with pytest.raises(UsageError, match="not to http://localhost"):
        workplace.integrations.set("web", credentials={"token": reference})


def test_a_redirect_takes_no_secret_along(workplace: Workplace, supplier: LocalServer, evil: LocalServer, reference: str):
    host = evil.url.removeprefix("http://")
    targets = (f"{evil.url}/x.csv", f"//{host}/x.csv", f"http://127.0.0.1@{host}/", f"http:\\\\{host}/", f"https://{host}/")
    for status, target in product((302, 307), targets):
        supplier.app = partial(_redirect, status, target)
        with pytest.raises(InventoryError):
            sync(workplace, "web")
        assert not all(item.ok for item in workplace.integrations.check("web"))
    assert len(supplier.requests) >= 2 * 2 * len(targets)


def _redirect(status: int, target: str, _: Request) -> Answer:
    return Answer(status, b"", {"Location": target})


def test_any_spelling_of_the_own_host_is_the_own_host(workplace: Workplace, reference: str):
    store = workplace.integrations.get("web")
    with workplace.database.connect() as connection:
        for host in ("2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "127.0.0.1."):
            assert resolve(connection, workplace.vault, replace(store, url=f"http://{host}:81/x.csv")) == {"token": VALUE}
        for host in ("localhost", "127.0.0.2", "2130706434", "[::1]", "[::ffff:127.0.0.2]"):
            with pytest.raises(InventoryError, match=f"{reference} may be sent to http://127.0.0.1 and not to"):
                resolve(connection, workplace.vault, replace(store, url=f"http://{host}:81/x.csv"))


def test_a_refusal_names_no_other_secret(workplace: Workplace, evil: LocalServer, reference: str):
    workplace.integrations.put_credential("OF_ANOTHER_MERCHANT", "value-9876543210", ["another.example"])
    attempts: list[Callable[[], object]] = [
        lambda: workplace.integrations.add(web_feed("evil", url=f"{evil.url}/x.csv", credentials={"token": reference})),
        lambda: workplace.integrations.add(web_feed("evil", credentials={"token": "secret:GUESSED"})),
        lambda: workplace.integrations.add(web_feed("evil", credentials={"token": "env:INVENTORY_CRED_GUESSED"})),
        lambda: workplace.integrations.set("web", url=f"{evil.url}/x.csv", credentials={"token": reference}),
    ]
    for attempt in attempts:
        with pytest.raises(UsageError) as caught:
            attempt()
        assert "ANOTHER" not in str(caught.value)
        assert "another.example" not in str(caught.value)
