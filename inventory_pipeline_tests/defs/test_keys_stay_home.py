"""Whoever may launch a job tries to have a credential sent to a host of theirs: on both databases, with a real socket there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRunStatus

from inventory_pipeline.db.integrations import stores
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.environment import load_environment
from inventory_pipeline.services.integrations.service import Integrations
from inventory_pipeline.wiring import Services, open_services
from inventory_pipeline_tests.defs.runs import execute, sync
from inventory_pipeline_tests.http.local_server import Answer, LocalServer
from inventory_pipeline_tests.services.integrations.integrating import web_feed

VALUE = "token-0123456789"
FEED = Answer(200, b"id,stock\nA1,5\n", {"Content-Type": "text/csv"})


@pytest.fixture
def services(database_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """As everywhere in this room, but on the database of the test."""
    monkeypatch.setenv("INVENTORY_DATABASE_URL", database_url)
    with open_services(load_environment()) as services:
        yield services


@pytest.fixture
def supplier() -> Iterator[LocalServer]:
    with LocalServer(lambda _: FEED) as server:
        yield server


@pytest.fixture
def evil() -> Iterator[LocalServer]:
    with LocalServer(lambda _: FEED) as server:
        server.url = server.url.replace("127.0.0.1", "localhost")
        yield server
        assert (server.requests, server.connections) == ([], 0)


@pytest.fixture(params=["secret:TOKEN", "env:INVENTORY_CRED_TOKEN"])
def reference(request: pytest.FixtureRequest, services: Services, supplier: LocalServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A credential of the store `web`, bound to its host at the command line."""
    monkeypatch.setenv("INVENTORY_CRED_TOKEN", VALUE)
    at_line = Integrations(services.database, services.vault, services.connect, actor="cli:me", may_bind=True)
    at_line.put_credential("TOKEN", VALUE, ["127.0.0.1"])
    at_line.put_credential("OF_ANOTHER_MERCHANT", "value-9876543210", ["another.example"])
    at_line.add(web_feed(url=f"{supplier.url}/stock.csv", credentials={"token": request.param}))
    return request.param


def refused(instance: DagsterInstance, job: str, form: dict[str, Any]) -> str:
    executed = execute(instance, job, form)
    assert executed.run.status is DagsterRunStatus.FAILURE
    assert VALUE not in executed.texts
    assert "ANOTHER" not in executed.texts
    return executed.failure


def test_registering_and_changing_send_no_credential_to_a_foreign_host(
    instance: DagsterInstance, services: Services, supplier: LocalServer, evil: LocalServer, reference: str
) -> None:
    told = f"{reference} may be sent to http://127.0.0.1 and not to http://localhost; if that is meant"
    form = {"key": "evil", "platform": "feed", "url": f"{evil.url}/x.csv", "credentials": {"token": reference}, "auto_sync": True}
    before = services.integrations.list()
    assert told in refused(instance, "register_store_integration", form)
    change = {"key": "web", "action": "change", "url": f"{evil.url}/x.csv", "credentials": {"token": reference}}
    assert told in refused(instance, "manage_store_integration", change)
    assert services.integrations.list() == before
    executed, row = sync(instance, "web")
    assert (row.outcome, executed.run.status) == ("published", DagsterRunStatus.SUCCESS)
    assert {request.headers["authorization"] for request in supplier.requests} == {f"Bearer {VALUE}"}


def test_a_sync_and_a_check_of_a_store_that_is_there_send_none_either(
    instance: DagsterInstance, services: Services, evil: LocalServer, reference: str
) -> None:
    with services.database.begin() as connection:
        foreign = web_feed("evil", url=f"{evil.url}/x.csv", credentials={"token": reference})
        stores.insert_store(connection, foreign, services.clock())
    add_partitions(instance, ["evil"])
    told = f"{reference} may be sent to http://127.0.0.1 and not to http://localhost"
    executed, row = sync(instance, "evil")
    assert executed.run.status is DagsterRunStatus.FAILURE
    assert told in (row.error or "")
    assert "on the command line moves it" in (row.error or "")  # whole, within what a tag holds
    assert told in refused(instance, "manage_store_integration", {"key": "evil", "action": "check"})


def test_a_redirect_of_the_own_host_takes_none_along(
    instance: DagsterInstance, supplier: LocalServer, evil: LocalServer, reference: str
) -> None:
    supplier.app = lambda _: Answer(302, b"", {"Location": f"{evil.url}/x.csv"})
    executed, row = sync(instance, "web")
    assert executed.run.status is DagsterRunStatus.FAILURE
    assert "sends on to" in (row.error or "")
    assert len(supplier.requests) >= 1
