"""What goes wrong at a WooCommerce shop, over real sockets: each fault has its error, and the error its way out."""

import gzip
import json
from collections.abc import Callable

import pytest

from inventory_pipeline.core.errors import (
    CredentialsRejected,
    IncompleteRead,
    PlatformUnavailable,
    RateLimited,
    ScopeMissing,
    StoreMisconfigured,
    SyncError,
)
from inventory_pipeline.http.client import RequestRecord
from inventory_pipeline_tests.connectors.made_up_shop import MadeUpShop, product
from inventory_pipeline_tests.connectors.reading import check_shop, read_shop
from inventory_pipeline_tests.connectors.recorded_shop import recorded_answer
from inventory_pipeline_tests.connectors.woocommerce_protocol import KEY, SECRET, Gate, authentication_error, error
from inventory_pipeline_tests.http.local_server import Answer, Request, silence, wire

Fault = Callable[[Request], Answer | None]
GOODS = [product(number) for number in range(1, 6)]


def always(answer: Answer) -> Fault:
    return lambda _: answer


def on_products(answer: Answer, times: int = 1_000_000) -> Fault:
    left = iter(range(times))

    def fault(request: Request) -> Answer | None:
        is_products = request.query.get("rest_route", request.path).endswith("/products")
        return answer if is_products and next(left, None) is not None else None

    return fault


def failing(fault: Fault, **settings: str) -> tuple[SyncError, list[RequestRecord]]:
    exchanges: list[RequestRecord] = []
    with MadeUpShop(GOODS, fault=fault).serve() as server:
        with pytest.raises(SyncError) as caught:
            read_shop(server.url, settings, on_request=exchanges.append)
        assert server.all_closed()
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    assert KEY not in text
    assert SECRET not in text
    return caught.value, exchanges


# Recorded faults: what real servers answered

RECORDED = [
    ("wc-11.0.1-sample-wrong_secret", CredentialsRejected, "refuses the consumer_secret"),
    ("wc-11.0.1-sample-wrong_key", CredentialsRejected, "does not know the consumer_key"),
    ("wc-11.0.1-sample-plain_http_basic", CredentialsRejected, "does not know the consumer_key"),
    ("wc-11.0.1-sample-writekey_get", ScopeMissing, "the key may not read"),
    ("wc-11.0.1-sample-fault_plugin_missing", StoreMisconfigured, "turn on the WooCommerce plugin"),
    ("wc-11.0.1-sample-fault_maintenance", PlatformUnavailable, "503 “Maintenance” and asks to wait 600 s, longer"),
    ("wc-11.0.1-sample-fault_db_down", PlatformUnavailable, "500 “Database Error” after 6 attempts"),
    ("wc-11.0.1-sample-fault_fpm_down", PlatformUnavailable, "502 “502 Bad Gateway” after 6 attempts"),
    ("wc-11.0.1-sample-products_perpage101", StoreMisconfigured, "400 rest_invalid_param"),
    ("wc-11.0.1-sample-jsonp", IncompleteRead, "cut off or malformed"),
    ("wc-11.0.1-sample-envelope", IncompleteRead, "JSON dict where a list should be"),
    ("wc-7.0.0-sample-wrong_secret", CredentialsRejected, "refuses the consumer_secret"),
    ("wc-7.0.0-sample-wrong_key", CredentialsRejected, "does not know the consumer_key"),
]


@pytest.mark.parametrize(("name", "kind", "text"), RECORDED)
def test_recorded_faults_get_their_meaning(name: str, kind: type[SyncError], text: str) -> None:
    error, _ = failing(on_products(recorded_answer(name)))
    assert isinstance(error, kind)
    assert isinstance(error, ScopeMissing) == (kind is ScopeMissing)
    assert text in str(error)


@pytest.mark.parametrize("name", ["fault_maintenance", "fault_db_down", "fault_fpm_down"])
def test_a_shop_that_is_down_is_unavailable_from_its_first_answer(name: str) -> None:
    error, _ = failing(always(recorded_answer(f"wc-11.0.1-sample-{name}")))
    assert type(error) is PlatformUnavailable


# Faults of the road between

PAGE = json.dumps(GOODS).encode()
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nX-WP-Total: 5\r\n"


def body(content: bytes, length: int, *headers: bytes) -> Answer:
    return wire(HEAD + b"".join(header + b"\r\n" for header in headers) + b"Content-Length: %d\r\n\r\n" % length + content)


FAULTS = [
    ("security plugin 403", Answer.html("Blocked", 403), StoreMisconfigured, "security plugin or firewall"),
    ("security plugin 406", Answer.html("Not Acceptable", 406), StoreMisconfigured, "security plugin or firewall"),
    ("server password", Answer.html("Unauthorized", 401), StoreMisconfigured, "the web server itself asks for a password"),
    (
        "http to an https port",
        Answer.html("400 The plain HTTP request was sent to HTTPS port", 400),
        StoreMisconfigured,
        "https://",
    ),
    ("web page at 200", Answer.html("Log in", 200), StoreMisconfigured, "200 “Log in” with a web page where JSON should be"),
    ("PHP notice", Answer(200, b"<br />\n<b>Notice</b>: Undefined index in x.php\n[]"), StoreMisconfigured, "WP_DEBUG_DISPLAY"),
    (
        "PHP notice after the JSON",
        Answer(200, PAGE + b"<br />\n<b>Warning</b>: Undefined array key in x.php on line 3"),
        StoreMisconfigured,
        "puts PHP messages after its JSON; set WP_DEBUG_DISPLAY to false",
    ),
    ("database down", Answer.html("Database Error", 500), PlatformUnavailable, "error log and at WooCommerce > Status > Logs"),
    ("folder forgotten", Answer(404, b""), StoreMisconfigured, "answers 404; check the address (a shop in a folder of its host"),
    ("folder forgotten on a site", Answer.html("Not Found", 404), StoreMisconfigured, "https://shop.example/shop"),
    ("truncated JSON", Answer(200, PAGE[:200]), IncompleteRead, "cut off or malformed (200 bytes)"),
    ("empty body", Answer(200, b""), IncompleteRead, "cut off or malformed (0 bytes)"),
    ("truncated body", body(PAGE[:100], len(PAGE)), IncompleteRead, "a body that breaks off"),
    (
        "truncated gzip",
        body(gzip.compress(PAGE, mtime=0)[:60], 60, b"Content-Encoding: gzip"),
        IncompleteRead,
        "a compressed body that breaks off after 6 attempts",
    ),
    ("brotli", body(b"xx", 2, b"Content-Encoding: br"), StoreMisconfigured, "in the encoding 'br'"),
    (
        "cut line",
        wire(b""),
        PlatformUnavailable,
        "(RemoteProtocolError; does it speak https?) after 6 attempts",
    ),
    ("no HTTP", wire(b"SSH-2.0-OpenSSH\r\n\r\n"), PlatformUnavailable, "breaks the connection off"),
    (
        "500 storm",
        error(500, "internal_server_error", "A critical error."),
        PlatformUnavailable,
        "after 6 attempts",
    ),
    ("429", error(429, "too_many", "Slow down"), RateLimited, "answers 429 after 6 attempts"),
    ("429 for an hour", Answer.json({}, 429, Retry_After="3600"), RateLimited, "asks to wait 3,600 s, longer than a sync waits"),
    (
        "other host",
        Answer(301, b"", {"Location": "https://www.shop.example/x?y"}),
        StoreMisconfigured,
        "https://www.shop.example/x;",
    ),
    ("circles", Answer(302, b"", {"Location": "/wp-json/wc/v3/products"}), StoreMisconfigured, "around in circles"),
    ("user without rights", error(403, "woocommerce_rest_cannot_view", "Sorry"), ScopeMissing, "rights of a shop manager"),
    ("wrong clock", authentication_error("Invalid timestamp."), CredentialsRejected, "NTP"),
    ("unknown 401", error(401, "jwt_auth_invalid_token", "x"), CredentialsRejected, "jwt_auth_invalid_token"),
]


@pytest.mark.parametrize(("answer", "kind", "text"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_faults_of_the_road_get_their_meaning(answer: Answer, kind: type[SyncError], text: str) -> None:
    error, _ = failing(on_products(answer))
    assert type(error) is kind
    assert text in str(error)


@pytest.mark.parametrize(
    "answer",
    [
        Answer.html("Error", 500),
        Answer.json({}, 429),
        wire(b""),
        body(PAGE[:100], len(PAGE)),
        body(gzip.compress(PAGE)[:60], 60, b"Content-Encoding: gzip"),
    ],
    ids=["500", "429", "cut line", "truncated body", "truncated gzip"],
)
def test_trouble_that_passes_costs_nothing_but_time(answer: Answer) -> None:
    with MadeUpShop(GOODS, fault=on_products(answer, times=3)).serve() as server:
        whole = read_shop(server.url)
    assert len(whole.lines) == 5
    assert whole.api_calls == 4 + 1


def test_retry_after_is_waited_for_to_the_second() -> None:
    exchanges: list[RequestRecord] = []
    busy = Answer.json({}, 429, Retry_After="7")
    with MadeUpShop(GOODS, fault=on_products(busy, times=2)).serve() as server:
        read_shop(server.url, on_request=exchanges.append)
    assert [exchange.wait for exchange in exchanges if exchange.status == 429] == [7.0, 7.0]


def test_every_attempt_is_signed_with_its_own_nonce() -> None:
    with MadeUpShop(GOODS, fault=on_products(Answer.html("Error", 500), times=4)).serve() as server:
        read_shop(server.url)
        nonces = [request.query["oauth_nonce"] for request in server.requests]
    assert len(set(nonces)) == len(nonces) == 5 + 1


@pytest.mark.parametrize(
    ("gate", "text"),
    [
        (Gate(secret="cs_another"), "refuses the signature made with the consumer_secret"),
        (Gate(key="ck_another"), "refuses the consumer_key"),
    ],
)
def test_a_wrong_key_or_secret_is_named(gate: Gate, text: str) -> None:
    with MadeUpShop(GOODS, gate=gate).serve() as server:
        with pytest.raises(CredentialsRejected, match=text):
            read_shop(server.url)
        items = check_shop(server.url)
    assert (items["address"].ok, items["credentials"].ok, items["permissions"].ok) == (True, False, False)
    assert text in items["credentials"].detail
    assert "WooCommerce > Settings" in items["credentials"].cure
    assert items["permissions"].detail == "not looked at yet"


def test_a_fault_in_the_middle_of_a_list_fails_the_read_and_leaves_nothing_behind() -> None:
    def third_page(request: Request) -> Answer | None:
        return Answer.html("Error", 500) if request.query.get("page") == "3" else None

    error, exchanges = failing(third_page, per_page="1")
    assert type(error) is PlatformUnavailable
    assert sum(exchange.status == 500 for exchange in exchanges) == 6


def test_a_shop_that_is_slower_than_the_time_out_is_told_what_to_set() -> None:
    error, _ = failing(on_products(silence()), timeout="1", connections="8")
    assert isinstance(error, PlatformUnavailable)
    assert "gives no answer within 1 s after 6 attempts" in str(error)
    assert str(error).endswith("a longer timeout, a smaller per_page or fewer connections")
