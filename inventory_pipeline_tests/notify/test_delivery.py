"""The outbox, to real receivers: at least once, under one key, given up visibly, and nothing secret on the way."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import SYNC_INTERVAL
from inventory_pipeline.db import outbox
from inventory_pipeline.db.database import Database
from inventory_pipeline.notify.channels import kind_of, shown, sign
from inventory_pipeline.services.alerts.alerting import Alerting
from inventory_pipeline.services.alerts.delivery import HOLD, wait_after
from inventory_pipeline.services.vault import Vault
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.times import HOUR, MINUTE, NOON
from inventory_pipeline_tests.notify.receivers import HttpServer, SmtpServer, running

KEY = Fernet.generate_key().decode()


class Desk:
    """Alerts over one database with a clock that the test sets."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now: datetime = NOON + 2 * HOUR
        vault = Vault([KEY])
        self.alerting = Alerting(database=database, clock=lambda: self.now, interval=SYNC_INTERVAL, vault=lambda: vault)

    def route(self, url: str, name: str = "shop", **filters: Any) -> str | None:
        return self.alerting.routes.add(name, url, "test", **filters).signing_secret

    def letters(self) -> list[outbox.Letter]:
        with self.database.connect() as connection:
            return outbox.list_letters(connection)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def http() -> Iterator[HttpServer]:
    with running(HttpServer()) as server:
        yield server


def test_a_digest_reaches_a_mail_box(desk: Desk) -> None:
    with running(SmtpServer()) as smtp:
        desk.route(smtp.url)
        Shop(desk.database).sync([line("tea", 3, sku="TEA", title="Green tea"), line("cup", 0), line("pot", 50)])
        desk.alerting.check.run()
        assert desk.alerting.delivery.run().sent == 1
    [mail] = smtp.mails
    assert mail.subject == "inventory: 1 out of stock, 1 low (berlin)"
    assert "- TEA Green tea (store berlin): low, 3 available; rule global default: 5 or fewer" in mail.text
    assert "First look at store berlin" in mail.text
    assert "Store berlin as of 2026-11-23T12:59:00Z" in mail.text
    assert f"ref {desk.letters()[0].key}" in mail.text


def test_a_webhook_gets_signed_json(desk: Desk, http: HttpServer) -> None:
    secret = desk.route(http.url)
    assert secret is not None
    Shop(desk.database).sync([line("tea", 3)])
    desk.alerting.check.run()
    desk.alerting.delivery.run()
    [request] = http.requests
    payload = json.loads(request.body)
    assert payload["schema"] == "inventory-pipeline/notice/1"
    assert [alert["level"] for alert in payload["alerts"]] == ["low"]
    assert request.headers["Idempotency-Key"] == payload["key"] == desk.letters()[0].key
    expected = sign(secret, request.headers["X-Inventory-Timestamp"], request.body)
    assert request.headers["X-Inventory-Signature"] == f"sha256={expected}"


def test_one_digest_per_route_and_check_however_much_is_low(desk: Desk, http: HttpServer) -> None:
    desk.route(http.url, "all")
    desk.route(http.url, "paris-only", stores=["paris"])
    desk.route(http.url, "tea-only", skus=["TEA-*"])
    desk.route(http.url, "grave", severity="critical")
    for key in ("berlin", "paris"):
        Shop(desk.database, key).sync([line(f"v{number}", 3, sku=f"CUP-{number}") for number in range(100)])
    desk.alerting.check.run()
    desk.alerting.delivery.run()
    told = {json.loads(request.body)["route"]: json.loads(request.body) for request in http.requests}
    assert {route: payload["counts"] for route, payload in told.items()} == {"all": {"low": 200}, "paris-only": {"low": 100}}
    assert (len(told["all"]["alerts"]), told["all"]["omitted"]) == (30, 170)
    desk.now += HOUR
    desk.alerting.check.run()
    assert desk.alerting.delivery.run().sent == 0


def test_what_is_not_taken_is_tried_again_later_and_given_up_after_a_day(desk: Desk, http: HttpServer) -> None:
    desk.route(http.url)
    Shop(desk.database).sync([line("tea", 3)])
    desk.alerting.check.run()
    http.status = 503
    assert desk.alerting.delivery.run().failed == 1
    assert desk.alerting.delivery.run().failed == 0
    assert desk.letters()[0].error == "the receiver answered 503"
    desk.now += MINUTE
    assert desk.alerting.delivery.run().failed == 1
    desk.now += timedelta(days=1)
    assert desk.alerting.delivery.run().given_up == 1
    assert [letter.status for letter in desk.letters()] == ["given_up"]
    assert len({request.headers["Idempotency-Key"] for request in http.requests}) == 1


def test_waits_double_from_a_minute_to_two_hours() -> None:
    assert [wait_after(attempt) // MINUTE for attempt in (1, 2, 3, 8, 500)] == [1, 2, 4, 120, 120]


def test_a_removed_route_holds_up_no_other(desk: Desk, http: HttpServer) -> None:
    desk.route(http.url, "a")
    desk.route(http.url, "b")
    Shop(desk.database).sync([line("tea", 3)])
    desk.alerting.check.run()
    desk.alerting.routes.remove("a", "test")
    assert desk.alerting.delivery.run() == type(desk.alerting.delivery.run())(sent=1, failed=1)
    assert desk.letters()[-1].error == "route a was removed"


def test_a_rolled_back_check_tells_nothing(desk: Desk, http: HttpServer) -> None:
    desk.route(http.url)
    Shop(desk.database).sync([line("tea", 3)])
    desk.alerting.check.run(dry_run=True)
    assert desk.letters() == []


_WORKER = """
import sys
import threading
from datetime import datetime
from inventory_pipeline_tests.notify.test_delivery import Desk
from inventory_pipeline.db.database import Database
import inventory_pipeline_tests.notify.test_delivery as module
module.KEY = sys.argv[2]
desk = Desk(Database(sys.argv[1]))
desk.now = datetime.fromisoformat(sys.argv[3])
if sys.argv[4] == "check":
    desk.alerting.check.run()
    print("committed", flush=True)
    sys.stdin.read()
desk.alerting.delivery.run()
"""


def worker(database_url: str, desk: Desk, what: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _WORKER, database_url, KEY, desk.now.isoformat(), what]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def kill(process: "subprocess.Popen[str]") -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def test_killed_between_commit_and_delivery_nothing_is_lost(database_url: str, desk: Desk, http: HttpServer) -> None:
    desk.route(http.url)
    Shop(desk.database).sync([line("tea", 3)])
    process = worker(database_url, desk, "check")
    assert process.stdout is not None
    assert process.stdout.readline() == "committed\n"
    kill(process)
    assert http.requests == []
    desk.alerting.check.run()
    assert desk.alerting.delivery.run().sent == 1
    assert [json.loads(request.body)["counts"] for request in http.requests] == [{"low": 1}]


def test_killed_during_delivery_it_is_told_again_under_the_same_key(database_url: str, desk: Desk, http: HttpServer) -> None:

    desk.route(http.url)
    Shop(desk.database).sync([line("tea", 3)])
    desk.alerting.check.run()
    http.hang = threading.Event()
    process = worker(database_url, desk, "deliver")
    assert http.got.wait(60)
    kill(process)
    http.hang.set()
    assert desk.alerting.delivery.run().sent == 0, "it may still be under way"
    desk.now += HOLD
    assert desk.alerting.delivery.run().sent == 1
    assert len(http.requests) == 2
    assert len({request.headers["Idempotency-Key"] for request in http.requests}) == 1


def test_two_deliverers_at_once_tell_once(desk: Desk, http: HttpServer, database: Database) -> None:
    desk.route(http.url)
    Shop(desk.database).sync([line("tea", 3)])
    desk.alerting.check.run()
    with database.begin() as connection:
        assert outbox.claim(connection, desk.now, HOLD) is not None
    assert desk.alerting.delivery.run().sent == 0


def test_no_address_leaks(desk: Desk, http: HttpServer) -> None:
    url = http.url
    desk.route(url)
    http.shutdown()
    http.server_close()
    Shop(desk.database).sync([line("tea", 3)])
    desk.alerting.check.run()
    desk.alerting.delivery.run()
    assert "T0KEN" not in repr(desk.letters()) + repr(desk.alerting.routes.list_routes())


@pytest.mark.parametrize(
    ("url", "kind", "seen"),
    [
        ("https://erp.example/hook?key=s3cr3t", "webhook", "https://erp.example"),
        ("https://user:hunter22@erp.example/", "webhook", "https://erp.example"),
        ("slack://TOKENA123/TOKENB1234/TOKENCabcdefgh", "apprise", "slack://…"),
        ("mailtos://lena:hunter22@mail.example", "apprise", "mailtos://mail.example"),
    ],
)
def test_the_address_decides_the_channel_and_shows_no_secret(url: str, kind: str, seen: str) -> None:
    assert (kind_of(url), shown(url)) == (kind, seen)


@pytest.mark.parametrize("url", ["", "gopher://x", "just words", "https://"])
def test_an_address_for_no_channel_is_refused_unseen(url: str) -> None:
    with pytest.raises(UsageError, match="none that Apprise understands"):
        kind_of(url)
