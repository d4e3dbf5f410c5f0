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

from inventory_pipeline.core.addresses import AddressPolicy
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import SYNC_INTERVAL
from inventory_pipeline.core.thresholds import checked_threshold
from inventory_pipeline.db.alerts import notices
from inventory_pipeline.db.alerts.thresholds import put_thresholds
from inventory_pipeline.db.database import Database
from inventory_pipeline.notify.channels import AppriseChannel, DeliveryFailed, WebhookChannel, kind_of, shown, sign
from inventory_pipeline.services.alerts.alerting import Alerting
from inventory_pipeline.services.alerts.delivery import HOLD, SHOWN_FOR, Delivered, wait_after
from inventory_pipeline.services.integrations.vault import Vault
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.times import HOUR, MINUTE, NOON
from inventory_pipeline_tests.notify.receivers import HttpServer, SmtpServer, running

KEY = Fernet.generate_key().decode()


class Desk:
    """Alerts over one database with a clock that the test sets."""

    def __init__(self, database: Database, **fields: Any) -> None:
        self.database = database
        self.now: datetime = NOON + 2 * HOUR
        vault = Vault([KEY])
        self.alerting = Alerting(database=database, clock=lambda: self.now, interval=SYNC_INTERVAL, vault=lambda: vault, **fields)

    def route(self, url: str, name: str = "shop", /, **filters: Any) -> str | None:
        return self.alerting.routes.add(name, url, "test", **{"allow_private": True, **filters}).signing_secret

    def undelivered(self) -> list[notices.Notice]:
        with self.database.connect() as connection:
            return notices.undelivered(connection, self.now - SHOWN_FOR)

    def letters(self) -> list[notices.Notice]:
        with self.database.connect() as connection:
            return notices.list_notices(connection)


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
    assert "First look at berlin: what is low there already is told once, here." in mail.text
    assert "cup (store berlin): out of stock, 0 available; rule global default: 5 or fewer\r\n" in mail.text
    assert "Store berlin as of 2026-11-23T12:59:00Z" in mail.text
    assert f"ref {desk.letters()[0].key}" in mail.text


def test_a_mail_says_what_one_can_do(database: Database) -> None:
    desk = Desk(database, site="https://stock.example")
    with database.begin() as connection:
        put_thresholds(connection, [checked_threshold("store", 5, None, 14, store_key="berlin")], NOON)
    shop = Shop(database)
    shop.now -= 400 * HOUR
    for units in (60, 49, 40, 31, 20, 4):
        shop.sync([line("tea", units, sku="TEA", title="Green tea")])
        shop.now += 60 * HOUR
    Shop(database, "paris").sync([line("8", 7, sku="TEA")])
    desk.now = shop.now - 59 * HOUR
    with running(SmtpServer()) as smtp:
        desk.route(smtp.url)
        desk.alerting.check.run()
        desk.alerting.delivery.run()
    [mail] = smtp.mails
    text = " ".join(mail.text.split())
    assert "TEA Green tea (store berlin): low, 4 available;" in text
    assert "; reorder about 58 for 14 days; left in paris 7 " in text
    [told] = [fact for fact in desk.letters()[0].payload["alerts"] if fact["store"] == "berlin"]
    assert (told["reorder"], told["cover_days"], told["elsewhere"]) == (58, 14, [{"store": "paris", "available": 7}])
    assert told["links"] == {"alert": "https://stock.example/alerts/1", "store": "https://stock.example/stores/berlin"}


@pytest.mark.parametrize("items", [1, 2])
def test_a_notice_leads_to_the_site_where_one_has_an_address(desk: Desk, items: int) -> None:
    desk.alerting = Alerting(
        database=desk.database,
        clock=lambda: desk.now,
        interval=SYNC_INTERVAL,
        vault=lambda: Vault([KEY]),
        site="https://stock.example",
    )
    with running(SmtpServer()) as smtp:
        desk.route(smtp.url)
        Shop(desk.database).sync([line(f"tea{number}", 3) for number in range(items)])
        desk.alerting.check.run()
        assert desk.alerting.delivery.run().sent == 1
    where = "https://stock.example/alerts/1" if items == 1 else "https://stock.example/alerts?store=berlin"
    assert f"acknowledge or snooze them: {where}\r\n" in smtp.mails[0].text


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
    shops = [Shop(desk.database, key) for key in ("berlin", "paris")]
    desk.route(http.url, "all")
    desk.route(http.url, "paris-only", stores=["paris"])
    desk.route(http.url, "tea-only", skus=["TEA-*"])
    desk.route(http.url, "grave", severity="critical")
    for shop in shops:
        shop.sync([line(f"v{number}", 3, sku=f"CUP-{number}") for number in range(100)])
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


def test_a_removed_route_is_no_trouble_and_its_notices_go_to_the_next_of_its_name(desk: Desk, http: HttpServer) -> None:
    desk.route("http://127.0.0.1:9/wrong", "a")
    desk.route(http.url, "b")
    Shop(desk.database).sync([line("tea", 3)])
    desk.alerting.check.run()
    assert desk.alerting.delivery.run() == Delivered(sent=1, failed=1)
    desk.alerting.routes.remove("a", "test")
    desk.now += HOUR
    assert desk.alerting.delivery.run() == Delivered()
    assert desk.undelivered() == []
    desk.route(http.url, "a")
    assert desk.alerting.delivery.run() == Delivered(sent=1)
    assert [json.loads(request.body)["route"] for request in http.requests] == ["b", "a"]


def test_a_notice_that_was_given_up_stays_in_sight_for_a_while(desk: Desk) -> None:
    desk.route("http://127.0.0.1:9/nobody")
    Shop(desk.database).sync([line("tea", 3)])
    desk.alerting.check.run()
    desk.now += timedelta(days=2)
    assert desk.alerting.delivery.run() == Delivered(given_up=1)
    assert [letter.status for letter in desk.undelivered()] == ["given_up"]
    desk.now += timedelta(days=7, minutes=1)
    assert desk.undelivered() == []


def test_a_test_of_a_route_says_why_it_failed_whatever_else_is_due(desk: Desk, http: HttpServer) -> None:
    desk.route(http.url, "well")
    desk.route("http://127.0.0.1:9/nobody", "ill")
    Shop(desk.database).sync([line("tea", 3)])
    desk.alerting.check.run()
    with pytest.raises(DeliveryFailed, match="the test of route ill did not arrive: ConnectError"):
        desk.alerting.routes.test("ill")
    desk.alerting.routes.test("well")
    [request] = http.requests
    assert json.loads(request.body)["test"] is True


def test_a_mail_server_that_cannot_be_reached_is_named(desk: Desk) -> None:
    desk.route("mailto://lena:hunter22@127.0.0.1:9/?from=stock@shop.example&to=lena@shop.example")
    with pytest.raises(DeliveryFailed, match="Connection error while submitting email"):
        desk.alerting.routes.test("shop")


def test_what_a_mail_server_says_to_a_wrong_password_is_told_and_the_password_is_not(desk: Desk) -> None:
    with running(SmtpServer()) as smtp:
        smtp.refusal = "535 5.7.8 the password hunter2222 of lena is not accepted"
        address = smtp.url.replace("mailto://", "mailto://lena:hunter2222@")
        desk.route(f"{address}&smtp=127.0.0.1&mode=insecure")
        with pytest.raises(DeliveryFailed, match=r"535 5.7.8 the password") as told:
            desk.alerting.routes.test("shop")
    assert "hunter2222" not in str(told.value)


def test_what_a_receiver_says_to_a_refused_notice_is_told_without_its_secrets(desk: Desk, http: HttpServer) -> None:
    http.status, http.says = 400, b'{"error": "no channel for T0KEN-which-is-secret"}\n' + b"x" * 100_000
    desk.route(http.url)
    with pytest.raises(DeliveryFailed, match=r'the receiver answered 400: .*"no channel for') as told:
        desk.alerting.routes.test("shop")
    assert "T0KEN" not in str(told.value)
    assert len(str(told.value)) < 400


def test_a_notice_lists_the_fewest_first_and_the_variants_of_a_pool(desk: Desk) -> None:
    with running(SmtpServer()) as smtp:
        shop = Shop(desk.database)
        desk.route(smtp.url)
        lines = [line(f"v{units}", units) for units in (5, 2, 4)]
        shop.sync([*lines, line("r", 3, sku="RED", shared_pool="p"), line("b", 3, sku="BLUE", shared_pool="p")])
        desk.alerting.check.run()
        desk.alerting.delivery.run()
    [mail] = smtp.mails
    listed = [row.removeprefix("- ") for row in mail.text.splitlines() if row.startswith("- ")]
    assert [row.split()[0] for row in listed] == ["v2", "BLUE", "v4", "v5"]
    assert listed[1].endswith("3 available; rule global default: 5 or fewer; one quantity for variants BLUE, RED")
    assert "Days of cover of 4 of these: too little data." in mail.text


def test_each_notice_says_as_of_when_its_numbers_are(desk: Desk, http: HttpServer) -> None:
    with running(SmtpServer()) as smtp:
        shops = [Shop(desk.database, f"shop-{number:02}") for number in range(40)]
        desk.route(smtp.url, "mail")
        desk.route(http.url, "hook")
        for shop in shops[:-1]:
            shop.sync([line("tea", 3)])
        shops[-1].sync([line("cup", -3, sku="CUP")])
        sku_rule = checked_threshold("sku", 3, group="default", sku="CUP")
        desk.alerting.rules.set([sku_rule], "test")
        desk.alerting.check.run()
        desk.alerting.delivery.run()
    payload = json.loads(http.requests[0].body)
    assert {fact["store"] for fact in payload["alerts"][:2]} == {"", "shop-39"}
    assert set(payload["as_of"]) == {fact["store"] for fact in payload["alerts"] if fact["store"]}
    assert all(fact["as_of"] == "2026-11-23T12:59:00Z" for fact in payload["alerts"])
    assert smtp.mails[0].subject == "inventory: 2 oversold, 39 low (41 stores)"
    assert "Store shop-39 as of 2026-11-23T12:59:00Z" in smtp.mails[0].text
    assert "Group default as of 2026-11-23T12:59:00Z or later" in smtp.mails[0].text


def test_what_has_recovered_is_not_counted_as_low(desk: Desk) -> None:
    with running(SmtpServer()) as smtp:
        shop = Shop(desk.database)
        desk.route(smtp.url, events=["opened", "resolved"])
        for tea, cup in ((-2, 50), (50, 50), (50, 3)):
            shop.sync([line("tea", tea), line("cup", cup)])
            desk.now = shop.now + MINUTE
            desk.alerting.check.run()
        desk.alerting.delivery.run()
    assert [mail.subject for mail in smtp.mails] == [
        "inventory: 1 oversold (berlin)",
        "inventory: 1 resolved (berlin)",
        "inventory: 1 low (berlin)",
    ]


def test_routes_hear_of_alerts_that_end_because_nothing_is_judged_any_more(desk: Desk) -> None:
    with running(SmtpServer()) as smtp:
        shop = Shop(desk.database)
        desk.route(smtp.url, events=["opened", "resolved"])
        for status in ("active", "draft"):
            shop.sync([line("tea", 3, sku="TEA", title="Green tea", status=status)])
            desk.now = shop.now + MINUTE
            desk.alerting.check.run()
        desk.alerting.delivery.run()
    assert [mail.subject for mail in smtp.mails] == ["inventory: 1 low (berlin)", "inventory: 1 resolved (berlin)"]
    assert "Resolved:\r\n- TEA Green tea (store berlin): low, 3 available; rule global default: 5 or fewer" in smtp.mails[1].text
    assert "no longer judged" in smtp.mails[1].text


def test_routes_look_at_skus_without_surrounding_space(desk: Desk, http: HttpServer) -> None:
    desk.route(http.url, skus=["TEA-?"])
    Shop(desk.database).sync([line("tea", 3, sku=" TEA-1 ")])
    desk.alerting.check.run()
    assert desk.alerting.delivery.run().sent == 1
    assert json.loads(http.requests[0].body)["alerts"][0]["sku"] == "TEA-1"


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        ({"stores": ["berlni"]}, "no store 'berlni' is registered"),
        ({"groups": ["defualt"]}, "no store is in group 'defualt'"),
        ({"platforms": ["woo"]}, "platform 'woo' is not known"),
    ],
)
def test_a_filter_that_nothing_can_pass_is_refused(desk: Desk, filters: dict[str, list[str]], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        desk.route("http://127.0.0.1:9/hook", **filters)
    assert desk.alerting.routes.list_routes() == []


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://erp.example/hook?key=s3cr3t-s3cr3t", "s3cr3t-s3cr3t"),
        ("mailtos://lena:hunter22@mail.example", "hunter22"),
        ("mailtos://lena:hunter%2122@mail.example", "hunter!22"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", "abcdefg_hijklmnop"),
    ],
)
def test_the_secrets_of_an_address_are_hidden_wherever_they_stand(url: str, secret: str) -> None:
    AppriseChannel(url, AddressPolicy()) if kind_of(url) == "apprise" else WebhookChannel(url, "signing secret", AddressPolicy())
    assert redact(f"it said {secret} there") == "it said *** there"


def test_the_end_of_a_sync_is_told_with_its_counts_or_its_reason(desk: Desk) -> None:
    with running(SmtpServer()) as smtp:
        shop = Shop(desk.database)
        desk.route(smtp.url, events=["opened", "sync_completed"])
        shop.sync([line("tea", 50)])
        reason = "quarantined: not provably complete"
        desk.alerting.sync_notices.sync_ended("berlin", "run-1", "published", None, shop.now)
        desk.alerting.sync_notices.sync_ended("berlin", "run-2", "quarantined", reason, shop.now + HOUR)
        desk.alerting.delivery.run()
    completed, quarantined = smtp.mails
    counts = "1 seen, 1 created, 0 updated, 0 skipped, 0 rejected, 0 missing"
    assert f"- store berlin: sync completed: run run-1: {counts}\r\n" in completed.text
    assert "- store berlin: sync quarantined: not provably complete\r\n" in quarantined.text


def test_a_late_word_of_a_sync_that_was_made_good_tells_nothing(desk: Desk) -> None:
    shop = Shop(desk.database)
    desk.route("http://127.0.0.1:9/hook")
    failed_at = shop.now + MINUTE
    shop.sync([line("tea", 50)])
    desk.now = shop.now + MINUTE
    assert desk.alerting.sync_notices.sync_ended("berlin", "late", "failed", "503", failed_at) == 0
    assert desk.alerting.sync_notices.sync_ended("berlin", "fresh", "failed", "503", desk.now) == 1


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
        assert notices.claim(connection, desk.now, HOLD) is not None
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


@pytest.mark.parametrize("url", ["", "gopher://x", "just words", "https://", "https://erp.example:99999/hook"])
def test_an_address_for_no_channel_is_refused_unseen(url: str) -> None:
    with pytest.raises(UsageError, match="none that Apprise understands"):
        kind_of(url)
