"""The site over a real socket, in this process: no code server, so that syncs can be looked at and not started."""

import re
import socket
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser

import httpx
from dagster import DagsterRunStatus
from starlette.types import Receive, Scope, Send

from inventory_pipeline.core.alerts import AlertState
from inventory_pipeline.core.clock import system_clock
from inventory_pipeline.core.stock import StockLine
from inventory_pipeline.db.alerts import records
from inventory_pipeline.db.sync import leases
from inventory_pipeline.db.sync.publish import publish
from inventory_pipeline.db.sync.snapshots import QuarantinedRead, keep_quarantined
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline.definitions import defs
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.names import OUTCOME_TAG, PARTITION_TAG, RUN_TAG, SYNC_JOB
from inventory_pipeline.environment import load_environment
from inventory_pipeline.services.users.sign_in import Browser
from inventory_pipeline.services.users.users import Users
from inventory_pipeline.web.behind import PATH, BehindTheDoor
from inventory_pipeline.web.gate import Gate
from inventory_pipeline.web.runs import SyncRuns
from inventory_pipeline.web.site import create_site
from inventory_pipeline.web.state import Site
from inventory_pipeline.web.web_server import WebServer
from inventory_pipeline.wiring import Services, open_services
from inventory_pipeline_tests.db.shop import Shop, publication

PASSWORD = "correct horse battery"


@dataclass
class StandIn:
    """In the place of Dagster's application: whatever reaches it is written down."""

    reached: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached.append(f"{scope['type']} {scope['path']}")
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"Dagster"})


@dataclass
class SiteServer:
    services: Services
    site: Site
    dagster: StandIn
    port: int
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def shop(self, key: str, lines: list[StockLine], group: str) -> None:
        """A store that has just been synced."""
        shop = Shop(self.services.database, key, group=group, name=key.title())
        now = system_clock() - timedelta(minutes=5)
        with Stage(shop.database, key) as stage:
            stage.add(lines, ())
            leases.acquire(shop.database, key, f"run-{key}", now, timedelta(hours=1))
            publish(stage, publication(key, f"run-{key}", now))
            leases.release(shop.database, key, f"run-{key}")

    def quarantined(self, key: str, accepts: tuple[str, ...] | None) -> None:
        """The store's latest sync was not believed; None: it broke off, so that nothing of it was kept."""
        with open_instance() as instance:
            add_partitions(instance, [key])
            job, status = defs.resolve_job_def(SYNC_JOB), DagsterRunStatus.FAILURE
            run = instance.create_run_for_job(job, status=status, tags={PARTITION_TAG: key})
            instance.add_run_tags(run.run_id, {RUN_TAG: run.run_id, OUTCOME_TAG: "quarantined"})
        if accepts is None:
            return
        now = system_clock()
        lost = {"item_id": "A1", "location_id": "7", "sku": "SKU-1", "title": "<b>A title", "location": "Cellar"}
        rejected = {"item_id": "A2", "location_id": "7", "reason": "stock 'five' is not a number", "excerpt": "{…}"}
        read = QuarantinedRead(
            store_key=key, run_id=run.run_id, started_at=now, ended_at=now, why="much is gone", rejected=1,
            rejected_lines=[rejected], accepts=accepts, does="1,200 lines will be missing", lost=1_200,
            lost_lines=[lost | {"was": "7", "becomes": "missing"}],
        )  # fmt: skip
        with self.services.database.begin() as connection:
            keep_quarantined(connection, read)

    def alert(self, key: str, group: str, item: str = "A1") -> int:
        """An open alert about an item of the store."""
        identity = ("variant", key, item, "", group)
        state = AlertState("open", "low", "low")
        now = system_clock()
        row = dict(zip(records.IDENTITY, identity, strict=True)) | {
            "item_id": item, "sku": "SKU-1", "title": "A title", "status": state.status, "level": state.level,
            "worst": state.worst, "available": 1, "at_least": False, "ambiguous": False, "threshold": 5, "rule": "everything",
            "detail": "", "baseline": False, "opened_at": now, "changed_at": now,
        }  # fmt: skip
        with self.services.database.begin() as connection:
            records.insert_alerts(connection, [row])
            return records.unresolved_id(connection, identity)

    def user(self, name: str, role: str, groups: list[str] | None) -> httpx.Client:
        """A browser in which a new user has signed in."""
        users = Users(self.services.database, self.services.clock, actor="cli:tester")
        self.site.sign_in.with_link(users.add(name, role, groups), PASSWORD, Browser("127.0.0.1"))
        client = self.browser()
        answer = client.post("/sign-in", data={"name": name, "password": PASSWORD, "form": form_token(client, "/sign-in")})
        assert answer.status_code == 303, answer.text
        return client

    def browser(self) -> httpx.Client:
        self.clients.append(httpx.Client(base_url=self.url, headers={"Origin": self.url}, timeout=60))
        return self.clients[-1]


def form_token(client: httpx.Client, path: str) -> str:
    """The token of the forms on this page."""
    found = re.search(r'name="form" value="([0-9a-f]{64})"', client.get(path).text)
    assert found is not None, path
    return found[1]


def post(client: httpx.Client, path: str, **fields: object) -> httpx.Response:
    """Sends a form as the page before it would."""
    return client.post(path, data={"form": form_token(client, "/account"), **fields})


@contextmanager
def site_server(dagsters: StandIn | None = None) -> Iterator[SiteServer]:
    environment, dagster = load_environment(), dagsters or StandIn()
    with open_instance() as instance, open_services(environment) as services, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        site = Site(services, SyncRuns(instance), timedelta(hours=4))
        app = Gate(create_site(site, BehindTheDoor(lambda: dagster, site.sign_in)), environment.web_hosts, PATH)
        web = WebServer(app, Namespace(listener=[listener.detach()], proxies="", certificate=None, key=None))
        web.start()
        server = SiteServer(services, site, dagster, port)
        try:
            yield server
        finally:
            for client in server.clients:
                client.close()
            web.stop()


class Markup(HTMLParser):
    """What of a page could execute or style by itself: there is none of it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.links: list[str] = []
        self._script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._script = tag == "script"
        if tag == "style" or (tag == "script" and "src" not in given):
            self.faults.append(tag)
        self.faults += [f"{tag} {name}" for name in given if name == "style" or name.startswith(("on", "hx-on"))]
        for name in ("href", "src", "action", "formaction", "hx-get", "hx-post"):
            if given.get(name):
                self.links.append(given[name] or "")

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.faults.append(f"script {data[:40]}")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser gives it
        self._script = False
