"""Feeds on the web: unlocked, fetched whole, and not fetched at all while nothing changed."""

import base64
import gzip
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from inventory_pipeline.core.errors import (
    CredentialsRejected,
    IncompleteRead,
    PlatformUnavailable,
    StoreMisconfigured,
    UsageError,
)
from inventory_pipeline.core.stock import Completeness
from inventory_pipeline_tests.connectors.feeding import feed, read_url
from inventory_pipeline_tests.connectors.reading import Whole
from inventory_pipeline_tests.http.local_server import Answer, App, LocalServer, Request, wire

STOCK = b"sku,stock\nA,5\nB,6\n"
NOW = "Mon, 23 Nov 2026 12:00:00 GMT"
OLD = {"Last-Modified": "Mon, 20 Jan 2020 08:00:00 GMT"}


@contextmanager
def serving(body: bytes = STOCK, status: int = 200, **headers: str) -> Iterator[LocalServer]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with LocalServer(lambda _: Answer(status, body, {"Content-Type": "text/csv"} | named)) as server:
        yield server


def read_from(answer: Answer | App, path: str = "/stock.csv", settings: Mapping[str, str] | None = None, **more: object) -> Whole:
    app = (lambda _: answer) if isinstance(answer, Answer) else answer
    with LocalServer(app) as server:
        try:
            return read_url(server.url + path, settings, **more)
        finally:
            assert server.all_closed()


@pytest.mark.parametrize(
    "url",
    ["http://supplier.example/x.csv", "http://10.0.0.5/x.csv", "http://[2001:db8::1]/x.csv", "HTTP://localhost.evil.example/"],
)
def test_a_feed_is_read_over_https_from_public_addresses_unless_its_store_may_be_private(url: str):
    with pytest.raises(StoreMisconfigured, match=r"store 'depot': .*INVENTORY_ALLOW_PRIVATE_HOSTS"):
        read_url(url, allow_private=False)


@pytest.mark.parametrize("url", ["https://supplier.example/x.csv", "http://127.0.0.1:1/x.csv"])
def test_making_a_feed_calls_nothing(url: str):
    assert feed(url).api_calls == 0


@pytest.mark.parametrize("url", ["gopher://supplier.example/x.csv", "ssh://host/x.csv", "https:///x.csv"])
def test_other_schemes_and_no_host_are_refused(url: str):
    with pytest.raises(UsageError, match=r"give an https address|names no host"):
        feed(url)


def test_a_feed_is_one_call_and_its_length_proves_the_end():
    with serving() as server:
        whole = read_url(f"{server.url}/stock.csv")
    assert {item_id for item_id, _ in whole.lines} == {"A", "B"}
    assert whole.api_calls == 1
    assert whole.proof == Completeness(None, 2, "read to the end of 18 bytes (as many as Content-Length says)")


def test_a_told_end_needs_no_line_break_and_an_untold_one_does():
    body = STOCK.removesuffix(b"\n")
    assert len(read_from(Answer(200, body)).lines) == 2
    chunked = wire(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n", body, b"\r\n0\r\n\r\n")
    whole = read_from(chunked)
    assert (len(whole.lines), whole.proof.how) == (2, "read to the end of 17 bytes (the last chunk came)")
    hung_up = wire(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", body)
    with pytest.raises(IncompleteRead, match="may be cut off"):
        read_from(hung_up)
    assert read_from(wire(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", STOCK)).proof.how == "read to the end of 18 bytes"


@pytest.mark.parametrize(
    "broken",
    [
        wire(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", STOCK),
        wire(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n12\r\n", STOCK),
        wire(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n", gzip.compress(STOCK, mtime=0)[:-5]),
        Answer(200, gzip.compress(STOCK, mtime=0)[:-5]),
        Answer(200, b""),
        Answer(206, STOCK[:9]),
    ],
    ids=["short length", "missing chunk", "cut-off compression", "cut-off file", "empty", "partial"],
)
def test_a_feed_that_breaks_off_never_looks_whole(broken: Answer):
    with pytest.raises((IncompleteRead, StoreMisconfigured)):
        read_from(broken)


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, {}])
def test_compression_of_the_answer_and_of_the_file_are_both_undone(headers: dict[str, str]):
    assert len(read_from(Answer(200, gzip.compress(STOCK), headers), "/stock.csv.gz").lines) == 2


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/csv; charset=utf-8", STOCK),
        ("text/tab-separated-values", STOCK.replace(b",", b"\t")),
        ("application/json", b'[{"sku": "A", "stock": 5}, {"sku": "B", "stock": 6}]'),
        ("application/x-ndjson", b'{"sku": "A", "stock": 5}\n{"sku": "B", "stock": 6}\n'),
    ],
)
def test_the_content_type_says_the_format_where_the_name_does_not(content_type: str, body: bytes):
    assert len(read_from(Answer(200, body, {"Content-Type": content_type}), "/export.php?kind=stock").lines) == 2


def test_a_format_that_nobody_says_is_seen_in_the_first_bytes():
    answer = Answer(200, STOCK, {"Content-Type": "application/octet-stream"})
    assert len(read_from(answer, "/export").lines) == 2


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (401, CredentialsRejected, "answers 401; check the store's credentials"),
        (403, CredentialsRejected, "answers 403"),
        (404, StoreMisconfigured, "there is no feed at this address; mend the store's url"),
        (410, StoreMisconfigured, "answers 410"),
        (204, StoreMisconfigured, "answers 204 where a feed was expected"),
        (304, StoreMisconfigured, "answers 304 where a feed was expected"),
        (418, StoreMisconfigured, "answers 418"),
        (500, PlatformUnavailable, "500"),
        (503, PlatformUnavailable, "503"),
    ],
)
def test_a_refusal_says_what_to_do(status: int, error: type[Exception], told: str):
    with pytest.raises(error, match=told):
        read_from(Answer(status))


def test_a_log_in_page_is_no_feed():
    with pytest.raises(StoreMisconfigured, match="is a web page, not a feed; correct the address, or give the credentials"):
        read_from(Answer.html("Log in", 200))


def test_a_redirect_to_another_host_is_not_followed():
    with serving() as elsewhere, LocalServer(lambda _: Answer(302, b"", {"Location": f"{elsewhere.url}/x.csv"})) as server:
        with pytest.raises(StoreMisconfigured, match="sends on to"):
            read_url(f"{server.url}/stock.csv", credentials={"token": "token-0123456789"})
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("credentials", "header", "query"),
    [
        ({}, None, {}),
        ({"username": "lager", "password": "p:w"}, "Basic " + base64.b64encode(b"lager:p:w").decode(), {}),
        ({"token": "t0ken"}, "Bearer t0ken", {}),
        ({"query.key": "a+b&c", "query.id": "7"}, None, {"key": "a+b&c", "id": "7"}),
        ({"query.self": "x"}, None, {"self": "x"}),
        ({"query": "?sv=2024&sig=a%2Bb%3D#c"}, None, {"sv": "2024", "sig": "a+b=#c"}),
    ],
)
def test_credentials_are_sent_as_their_names_say(credentials: dict[str, str], header: str | None, query: dict[str, str]):
    with serving() as server:
        read_url(f"{server.url}/stock.csv?format=csv", credentials=credentials)
    (request,) = server.requests
    assert request.headers.get("authorization") == header
    assert request.query == {"format": "csv", **query}


@pytest.mark.parametrize("path", ["/stock.csv?csv&b=a%20c", "/stock.csv?a=%2f&a=", "/stock.csv#part"])
def test_a_secret_in_the_query_leaves_the_rest_of_the_address_as_it_is(path: str):
    with serving() as server:
        read_url(f"{server.url}{path}", {"format": "csv"}, credentials={"query.key": "k"})
    (request,) = server.requests
    place = path.partition("#")[0]
    assert request.target == f"{place}{'&' if '?' in place else '?'}key=k"


@pytest.mark.parametrize("credentials", [{"query.key": "value-0123456789"}, {"query": "key=value-0123456789"}])
def test_a_redirect_within_the_host_carries_the_secret_once(credentials: dict[str, str]):
    def app(request: Request) -> Answer:
        if request.path == "/stock.csv":
            return Answer(302, b"", {"Location": request.target.replace("stock.csv", "new.csv")})
        return Answer(200, STOCK, {"Content-Type": "text/csv"})

    with LocalServer(app) as server:
        read_url(f"{server.url}/stock.csv", credentials=credentials)
    assert [request.target for request in server.requests] == ["/stock.csv?key=value-0123456789", "/new.csv?key=value-0123456789"]


@pytest.mark.parametrize(
    "names",
    [
        ("username",),
        ("password",),
        ("token", "username"),
        ("token", "query.key"),
        ("api_key",),
        ("query.",),
        ("query", "query.a"),
    ],
)
def test_credentials_that_no_feed_takes_are_refused(names: tuple[str, ...]):
    with pytest.raises(UsageError, match="a feed takes the credentials username and password, or token, or query"):
        feed("https://supplier.example/x.csv", credentials=dict.fromkeys(names, "value-0123456789"))


def test_a_file_takes_no_credentials(tmp_path):
    with pytest.raises(UsageError, match="a feed file needs no credentials"):
        feed("stock.csv", tmp_path, credentials={"token": "value-0123456789"})


def supplier(etag: str = '"v1"', **headers: str) -> App:
    """Answers 304 to whoever has this version."""

    def answer(request: Request) -> Answer:
        if request.headers.get("if-none-match") == etag or request.headers.get("if-modified-since") == OLD["Last-Modified"]:
            return Answer(304)
        return Answer(200, STOCK, {name.replace("_", "-"): value for name, value in headers.items()})

    return answer


@pytest.mark.parametrize("validators", [{"ETag": '"v1"'}, {"ETag": '"v1"', **OLD}, OLD])
def test_a_feed_that_did_not_change_is_not_fetched_again(validators: dict[str, str]):
    with LocalServer(supplier(**{name.replace("-", "_"): value for name, value in validators.items()})) as server:
        url = f"{server.url}/stock.csv"
        first = read_url(url)
        second = read_url(url, memo=first.proof.memo)
        third = read_url(url, memo=second.proof.memo)
    assert (first.proof.unchanged, len(first.lines)) == (False, 2)
    assert (
        second.items
        == third.items
        == [
            Completeness(
                None,
                0,
                "not modified since it was last read",
                unchanged=True,
                memo=first.proof.memo,
                modified=first.proof.modified,
            )
        ]
    )
    assert second.api_calls == 1


def test_other_settings_fetch_the_same_feed_again():
    with LocalServer(supplier(ETag='"v1"')) as server:
        url = f"{server.url}/stock.csv"
        first = read_url(url)
        second = read_url(url, {"untracked_values": "5"}, memo=first.proof.memo)
    assert second.lines["A", "default"].quantity.state == "untracked"
    assert "if-none-match" not in server.requests[1].headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Last-Modified": NOW, "Date": NOW},
        {"ETag": '"v1"', "Last-Modified": NOW, "Date": NOW},
        {"Last-Modified": "yesterday", "Date": NOW},
        OLD,
    ],
    ids=["no validator", "changed this very second", "an ETag derived from it", "no date", "nothing to compare it with"],
)
def test_a_validator_that_could_hide_a_change_is_not_kept(headers: dict[str, str]):
    body = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    )
    assert read_from(wire(body + b"\r\n", STOCK)).proof.memo == {}


def test_a_feed_in_part_larger_than_memory_allows_is_read_from_disk():
    body = b"sku,title,stock\n" + b"".join(b"S%d,%s,%d\n" % (number, b"x" * 1000, number) for number in range(9000))
    assert len(body) > 8 << 20
    assert len(read_from(Answer(200, body)).lines) == 9000
