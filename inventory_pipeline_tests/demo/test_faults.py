"""Each fault really happens on the wire, where http.client sees it, and stops when it should."""

import http.client
import json
import time
from collections.abc import Iterator

import pytest

from inventory_pipeline.demo.shops import synthetic_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.demo.woocommerce.faults import ABSURD_QUANTITY, HUGE_TITLE, NUL_TITLE, SURROGATE_TITLE
from inventory_pipeline_tests.demo.client import V3, get, listed, signed

LIST = f"{V3}/products?per_page=10&orderby=id&order=asc"


@pytest.fixture
def store() -> Iterator[DemoStore]:
    with DemoStore(synthetic_catalogue(40, variations=0.25)) as running:
        yield running


def statuses(store: DemoStore, count: int) -> list[int]:
    return [get(store, LIST).status for _ in range(count)]


def test_429_comes_with_and_without_retry_after(store: DemoStore) -> None:
    store.faults.rate_limited(times=1)
    store.faults.rate_limited(7, times=1)
    store.faults.rate_limited("Wed, 21 Oct 2026 07:28:00 GMT", times=1)
    replies = [get(store, LIST) for _ in range(4)]
    assert [reply.status for reply in replies] == [429, 429, 429, 200]
    assert [reply.headers.get("retry-after") for reply in replies[:3]] == [None, "7", "Wed, 21 Oct 2026 07:28:00 GMT"]


def test_a_storm_of_500s_ends_after_its_number(store: DemoStore) -> None:
    store.faults.server_errors(times=3)
    assert statuses(store, 5) == [500, 500, 500, 200, 200]


def test_skip_lets_requests_pass_first_and_on_picks_them(store: DemoStore) -> None:
    store.faults.server_errors(skip=1, times=1)
    store.faults.fail(502, "Bad Gateway", on="page=2")
    assert [get(store, f"{LIST}&page={page}").status for page in (1, 1, 2, 3)] == [200, 500, 502, 200]


def test_clear_ends_every_fault(store: DemoStore) -> None:
    store.faults.maintenance()
    assert get(store, LIST).status == 503
    store.faults.clear()
    assert get(store, LIST).status == 200


def test_maintenance_and_a_lost_database_are_html(store: DemoStore) -> None:
    store.faults.maintenance(times=1)
    store.faults.database_down(times=1)
    updating, down = get(store, LIST), get(store, LIST)
    assert (updating.status, updating.headers["retry-after"]) == (503, "600")
    assert (down.status, down.headers["content-type"]) == (500, "text/html; charset=UTF-8")


def test_html_comes_with_200(store: DemoStore) -> None:
    store.faults.html()
    reply = get(store, LIST)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html")
    assert reply.body.startswith(b"<html>")


def test_an_error_in_json_can_be_any(store: DemoStore) -> None:
    store.faults.error(403, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
    reply = get(store, LIST)
    assert (reply.status, reply.json["data"]) == (403, {"status": 403})


def test_truncated_json_has_the_length_it_says(store: DemoStore) -> None:
    store.faults.truncated_json()
    reply = get(store, LIST)
    assert int(reply.headers["content-length"]) == len(reply.body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.body)


def test_a_notice_stands_before_the_json(store: DemoStore) -> None:
    store.faults.notice()
    body = get(store, LIST).body
    assert body.startswith(b"<br />")
    assert json.loads(body[body.index(b"[") :])


def test_a_cut_connection_ends_amid_the_body(store: DemoStore) -> None:
    store.faults.cut(at=50, times=1)
    with pytest.raises(http.client.IncompleteRead) as cut:
        get(store, LIST)
    assert len(cut.value.partial) == 50
    assert get(store, LIST).status == 200


def test_a_server_can_hang_up_without_a_word(store: DemoStore) -> None:
    store.faults.hang_up(times=1)
    with pytest.raises(http.client.RemoteDisconnected):
        get(store, LIST)
    assert [request.status for request in store.requests] == [0]
    assert get(store, LIST).status == 200


def test_truncated_gzip_cannot_be_unpacked(store: DemoStore) -> None:
    store.faults.truncated_gzip()
    with pytest.raises(EOFError):
        get(store, LIST)


def test_a_drip_takes_its_time_and_arrives_whole(store: DemoStore) -> None:
    store.faults.drip(pause=0.01, chunk=500)
    began = time.monotonic()
    reply = get(store, LIST)
    assert time.monotonic() - began >= 0.01 * (len(reply.body) // 500)
    assert len(reply.json) == 10


def test_closing_does_not_wait_for_a_drip() -> None:
    with DemoStore(synthetic_catalogue(40)) as store:
        store.faults.drip(pause=600, chunk=1)
        target, headers = signed(store, LIST)
        connection = http.client.HTTPConnection("127.0.0.1", store.port, timeout=20)
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    response.close()
    connection.close()


def test_latency_delays_every_answer(store: DemoStore) -> None:
    store.faults.latency(0.15)
    began = time.monotonic()
    assert statuses(store, 2) == [200, 200]
    assert time.monotonic() - began >= 0.3


def test_a_repeated_page_shows_the_page_before_it(store: DemoStore) -> None:
    store.faults.repeated_page(2)
    first, second, third = (get(store, f"{LIST}&page={page}").json for page in (1, 2, 3))
    assert second == first
    assert third != first


def test_a_short_total_says_less_than_there_is(store: DemoStore) -> None:
    store.faults.short_total(by=3)
    reply = get(store, LIST)
    assert int(reply.headers["x-wp-total"]) == len(store.catalogue.products) - 3


def test_hidden_items_are_counted_and_never_shown(store: DemoStore) -> None:
    gone = store.catalogue.products[3].id
    store.faults.hidden(gone)
    pages = -(-len(store.catalogue.products) // 10)
    ids = [item["id"] for item in listed(store, LIST, pages)]
    assert gone not in ids
    assert len(ids) == len(store.catalogue.products) - 1
    assert int(get(store, LIST).headers["x-wp-total"]) == len(store.catalogue.products)


def test_a_proxy_can_strip_the_totals(store: DemoStore) -> None:
    store.faults.no_totals()
    headers = get(store, LIST).headers
    assert not [name for name in headers if name.startswith("x-wp-")]
    assert "link" in headers


def test_a_total_moves_while_it_is_read(store: DemoStore) -> None:
    before = len(store.catalogue.products)
    store.faults.moving_total(added=1, times=3)
    store.faults.moving_total(removed=2, skip=1, times=1)
    totals = [int(get(store, LIST).headers["x-wp-total"]) for _ in range(4)]
    assert [total - before for total in totals] == [1, 0, 1, 1]


@pytest.mark.parametrize("title", [NUL_TITLE, SURROGATE_TITLE, HUGE_TITLE])
def test_one_item_can_have_any_title(store: DemoStore, title: str) -> None:
    item = store.catalogue.products[1]
    store.faults.item(item.id, name=title)
    shown = {item["id"]: item["name"] for item in get(store, LIST).json}
    assert shown.pop(item.id) == title
    assert title not in shown.values()


def test_a_huge_title_is_five_megabytes() -> None:
    assert len(HUGE_TITLE) >= 5_000_000


def test_one_quantity_can_be_absurd_and_an_id_text(store: DemoStore) -> None:
    item = store.catalogue.products[0]
    store.faults.item(item.id, stock_quantity=ABSURD_QUANTITY)
    store.faults.ids_as_strings(on="page=2")
    assert get(store, f"{LIST}&page=1").json[0]["stock_quantity"] == ABSURD_QUANTITY
    assert {type(item["id"]) for item in get(store, f"{LIST}&page=1").json} == {int}
    assert {type(item["id"]) for item in get(store, f"{LIST}&page=2").json} == {str}


def test_a_fault_of_ones_own_may_refuse_to_answer(store: DemoStore) -> None:
    store.faults.edit_json(lambda items: items[:3], times=1)
    assert [len(get(store, LIST).json) for _ in range(2)] == [3, 10]
