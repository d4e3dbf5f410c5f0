"""Where notices may go: judged when a route is added, and at each connection that its channel opens, whoever opens it."""

import socket
import threading
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path

import pytest

from inventory_pipeline.core.addresses import AddressPolicy, AddressRefused, AllowedHosts
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.notices import Payload
from inventory_pipeline.db.database import Database
from inventory_pipeline.http.outbound import checked_connections
from inventory_pipeline.notify.channels import AppriseChannel, DeliveryFailed, WebhookChannel, address_refusal
from inventory_pipeline_tests.notify.receivers import HttpServer, SmtpServer, running
from inventory_pipeline_tests.notify.test_delivery import Desk

STRICT = AddressPolicy(subject="route 'office'", way_out="`notify add office --allow-private`")
HERE = AddressPolicy(allowed=AllowedHosts.parse("127.0.0.1"))
MAIL = "from=stock@shop.example&to=lena@shop.example"
NOTICE: Payload = {"schema": "s", "key": "k", "route": "office", "created_at": "now", "test": True, "alerts": []}


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def http() -> Iterator[HttpServer]:
    with running(HttpServer()) as server:
        yield server


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with running(SmtpServer()) as server:
        yield server


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:9/hook", "https://10.0.0.5/hook", "https://localhost/hook", "https://2130706433/hook"),
        *("http://erp.example/hook", "https://nas/hook", "https://[::ffff:10.0.0.5]/"),
        *("json://192.168.1.5", "jsons://localhost", f"mailto://127.0.0.1:2525/?{MAIL}", f"mailtos://lena:pw@nas?{MAIL}"),
        *("gotify://10.0.0.5/AbCdEfGhIjKlMnO", "xml://localhost", "matrixs://u:p@[fc00::5]/#room"),
    ],
)
def test_a_route_to_a_private_address_is_added_only_where_that_is_allowed(desk: Desk, url: str) -> None:
    with pytest.raises(UsageError, match=r"route 'office': .*`inventory-pipeline notify add office --allow-private` allows it"):
        desk.route(url, "office", allow_private=False)
    assert desk.alerting.routes.list_routes() == []
    desk.route(url, "office", allow_private=True)
    [route] = desk.alerting.routes.list_routes()
    assert route.allow_private


@pytest.mark.parametrize("url", ["https://169.254.169.254/latest", "http://[fd00:ec2::254]/", "json://100.100.100.200"])
def test_a_route_to_a_metadata_address_is_never_added(desk: Desk, url: str) -> None:
    with pytest.raises(UsageError, match="a link-local or metadata address"):
        desk.route(url, "office", allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://erp.example/hook",
            "slack://TokenA/TokenB/TokenC",
            "tgram://2130706433:token/1/",
            "mailtos://l:p@mail.example",
        ),
        *("mailto://lena:hunter22@mail.example", "json://erp.example", "pover://user@token"),
    ],
)
def test_what_stands_in_the_place_of_a_host_is_not_taken_for_one(url: str) -> None:
    assert address_refusal(url, STRICT) is None


def test_a_webhook_is_judged_when_it_connects(http: HttpServer) -> None:
    with pytest.raises(DeliveryFailed, match=r"^route 'office': 127\.0\.0\.1 is a loopback address; where that is meant"):
        WebhookChannel(http.url, "secret", STRICT).send(NOTICE)
    assert http.requests == []
    WebhookChannel(http.url, "secret", HERE).send(NOTICE)
    assert len(http.requests) == 1


def test_a_webhook_follows_no_redirect(http: HttpServer) -> None:
    http.status, http.location = 302, "http://169.254.169.254/latest"
    with pytest.raises(DeliveryFailed, match="the receiver answered 302"):
        WebhookChannel(http.url, "secret", HERE).send(NOTICE)


def test_mail_is_judged_when_it_connects(smtp: SmtpServer) -> None:
    with pytest.raises(DeliveryFailed, match=r"^route 'office': 127\.0\.0\.1 is a loopback address"):
        AppriseChannel(smtp.url, STRICT).send(NOTICE)
    assert smtp.mails == []
    AppriseChannel(smtp.url, HERE).send(NOTICE)
    assert len(smtp.mails) == 1


def test_a_name_is_judged_by_what_it_resolves_to(http: HttpServer) -> None:
    """`localhost` is in the machine's own book, as a name in a private network is in somebody's DNS."""
    url = f"json://localhost:{http.server_port}/hook"
    with pytest.raises(DeliveryFailed, match=r"^route 'office': localhost resolves to 127\.0\.0\.1, a loopback address"):
        AppriseChannel(url, STRICT).send(NOTICE)
    assert http.requests == []
    for entry in ("localhost", "127.0.0.0/8"):
        AppriseChannel(url, AddressPolicy(allowed=AllowedHosts.parse(entry))).send(NOTICE)
    assert len(http.requests) == 2


def test_a_redirect_that_a_service_follows_is_judged_too(http: HttpServer) -> None:
    http.status, http.location = 302, "http://127.0.0.2:9/inside"
    with pytest.raises(DeliveryFailed, match=r"127\.0\.0\.2 is a loopback address"):
        AppriseChannel(f"json://127.0.0.1:{http.server_port}/hook", HERE).send(NOTICE)
    assert len(http.requests) == 1


def test_behind_a_proxy_the_host_is_judged_and_the_proxy_not_asked(http: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", http.url)
    monkeypatch.setenv("https_proxy", http.url)
    monkeypatch.setenv("no_proxy", "")
    for url, told in (
        ("json://10.0.0.5/x", "10.0.0.5 is a private"),
        ("json://localhost/x", "localhost resolves to 127.0.0.1, a"),
    ):
        with pytest.raises(DeliveryFailed, match=told):
            AppriseChannel(url, STRICT).send(NOTICE)
    with pytest.raises(DeliveryFailed, match=r"10\.0\.0\.5 is a private"):
        WebhookChannel("https://10.0.0.5/x", "secret", STRICT).send(NOTICE)
    assert http.requests == []
    AppriseChannel("json://receiver.example/x", STRICT).send(NOTICE)
    assert len(http.requests) == 1


def test_every_way_to_open_a_connection_is_seen_and_only_within_the_block(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket() as stream,
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_UNIX) as local,
    ):
        target = server.getsockname()
        with checked_connections(STRICT) as check:
            for opening in (
                lambda: socket.create_connection(target),
                lambda: stream.connect_ex(target),
                lambda: stream.connect(("localhost", target[1])),
                lambda: datagrams.sendto(b"log", target),
                lambda: datagrams.sendmsg([b"log"], (), 0, target),
                lambda: copy_context().run(socket.create_connection, target),
            ):
                with pytest.raises(AddressRefused, match="a loopback address"):
                    opening()
            assert len(check.refused) == 6
            with pytest.raises(FileNotFoundError):
                local.connect(str(tmp_path / "no socket"))
            thread = threading.Thread(target=lambda: socket.create_connection(target).close())
            thread.start()
            thread.join()
        socket.create_connection(target).close()
        assert len(check.refused) == 6


def test_existing_routes_are_judged_by_their_own_permission(database: Database, http: HttpServer) -> None:
    desk = Desk(database)
    desk.route(http.url, "office", allow_private=True)
    desk.alerting.routes.test("office")
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE notification_routes SET allow_private = false")
    with pytest.raises(DeliveryFailed, match="`inventory-pipeline notify remove office`, then `notify add office"):
        desk.alerting.routes.test("office")
    assert len(http.requests) == 1
