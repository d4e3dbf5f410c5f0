"""How a WooCommerce shop is read: which calls, in which order, and what proves the end."""

import asyncio
import gc
import threading
from contextlib import aclosing
from pathlib import Path

import pytest

from inventory_pipeline.connectors.woocommerce import WooCommerce
from inventory_pipeline.connectors.woocommerce.lines import NO_VARIATIONS, NOT_VARIABLE, ORPHAN, UNUSED_POOL, VARIABLE
from inventory_pipeline.core.errors import CredentialsRejected, IncompleteRead, StoreMisconfigured, UsageError
from inventory_pipeline.core.quantity import UNKNOWN, UNTRACKED, Quantity
from inventory_pipeline_tests.connectors.made_up_shop import MadeUpShop, Permalinks, parent, product, variation
from inventory_pipeline_tests.connectors.reading import Whole, check_shop, read_shop, woo_context
from inventory_pipeline_tests.connectors.woocommerce_protocol import SecureGate, UnknownProxyGate
from inventory_pipeline_tests.http.certificates import self_signed, server_context
from inventory_pipeline_tests.http.local_server import Answer, Request, silence


def read(shop: MadeUpShop, **settings: str) -> Whole:
    with shop.serve() as server:
        whole = read_shop(shop.url, settings)
        # Pages asked for ahead are given up once the list has ended: begun, perhaps never sent.
        assert whole.api_calls == len(server.requests) or not shop.totals
        assert server.all_closed()
    return whole


def ids(whole: Whole) -> list[str]:
    return [item_id for item_id, _ in whole.lines]


def many(count: int) -> list[dict]:
    return [product(number) for number in range(1, count + 1)]


def test_pages_come_in_order_though_they_are_asked_for_at_once() -> None:
    whole = read(MadeUpShop(many(37)), per_page="3")
    assert ids(whole) == [str(number) for number in range(1, 38)]
    assert (whole.proof.expected, whole.proof.read, whole.proof.moved) == (37, 37, False)


def test_never_more_requests_in_flight_than_connections() -> None:
    with MadeUpShop(many(40)).serve() as server:
        most = 0
        app = server.app

        def watching(request: Request) -> Answer:
            nonlocal most
            most = max(most, server.open_connections)
            return app(request)

        server.app = watching
        read_shop(server.url, {"per_page": "1", "connections": "3"})
    assert most == 3


def test_a_shop_that_cannot_bear_the_connections_is_read_with_fewer_and_that_is_told() -> None:
    with MadeUpShop(many(12)).serve() as server:
        app = server.app
        # Two PHP workers: where more are waited for, nobody is answered before the time-out.
        server.app = lambda request: app(request) if server.open_connections <= 2 else silence()
        whole = read_shop(server.url, {"per_page": "1", "connections": "4", "timeout": "1"})
    assert ids(whole) == [str(number) for number in range(1, 13)]
    assert whole.proof.notes == (
        "the shop does not answer in time where 4 requests are sent at once; it was read with 1; set connections=1, or give the"
        " shop more PHP workers",
    )


def test_an_empty_shop_is_read_whole() -> None:
    whole = read(MadeUpShop())
    assert (whole.lines, whole.proof.expected, whole.proof.gap) == ({}, 0, 0)


@pytest.mark.parametrize("flat", [True, False])
def test_variations_are_found_whatever_the_version_offers(flat: bool) -> None:
    shop = MadeUpShop([product(1), parent(2, 3, 4), parent(5, 6)], [variation(n, p) for n, p in ((3, 2), (4, 2), (6, 5))], flat)
    whole = read(shop)
    assert ids(whole) == ["1", "3", "4", "6"]
    assert whole.excluded == {VARIABLE: 2}
    assert (whole.proof.expected, whole.proof.read) == (6, 6)
    assert ("in one list" in whole.proof.how) == (flat is True)


def test_a_parent_with_hundreds_of_variations_is_read_in_pages_where_there_is_no_flat_list() -> None:
    shop = MadeUpShop([parent(1, *range(2, 252))], [variation(number, 1) for number in range(2, 252)], flat=False)
    whole = read(shop)
    assert (len(whole.lines), whole.api_calls) == (250, 1 + 1 + 3)


@pytest.mark.parametrize("flat", [True, False])
def test_without_totals_each_list_is_read_to_its_empty_page(flat: bool) -> None:
    shop = MadeUpShop([*many(5), parent(6, 7)], [variation(7, 6)], flat, totals=False)
    whole = read(shop, per_page="2")
    assert len(whole.lines) == 6
    assert (whole.proof.expected, whole.proof.read, whole.proof.gap) == (None, 7, 0)
    assert "empty page" in whole.proof.how


@pytest.mark.parametrize("setting", [{}, {"rest_route": "true"}])
@pytest.mark.parametrize("permalinks", ["plain", "index", "pretty"])
@pytest.mark.parametrize("path", ["", "/boutique"])
def test_a_shop_is_read_and_its_signatures_hold_whatever_its_permalinks_are(
    permalinks: Permalinks, path: str, setting: dict[str, str]
) -> None:
    """WooCommerce looks at keys only where the address holds wp-json/wc/: at a bare ?rest_route= every key is refused."""
    shop = MadeUpShop([*many(3), parent(4, 5)], [variation(5, 4)], permalinks=permalinks, path=path)
    assert ids(read(shop, **setting, per_page="1")) == ["1", "2", "3", "5"]


def test_a_shop_may_change_its_permalinks_while_it_is_read() -> None:
    shop = MadeUpShop([*many(6), parent(7, 8)], [variation(8, 7)])

    changes: dict[str, Permalinks] = {"3": "plain", "5": "index"}

    def changing(request: Request) -> None:
        shop.permalinks = changes.get(request.query.get("page", ""), shop.permalinks)

    shop.fault = changing
    assert ids(read(shop, per_page="1", connections="1")) == ["1", "2", "3", "4", "5", "6", "8"]


def test_a_shop_in_a_language_of_its_translation_plugin_is_asked_for_that_language() -> None:
    twins = [product(number, name=name, sku="TWIN") for number, name in ((1, "Kerze"), (2, "Candle"), (3, "Bougie"))]
    shop = MadeUpShop()

    def translated(request: Request) -> None:
        shop.products = twins[1:2] if request.query.get("lang") == "en" else twins

    shop.fault = translated
    assert ids(read(shop, lang="en")) == ["2"]
    assert ids(read(shop)) == ["1", "2", "3"]
    with pytest.raises(UsageError, match="lang='en&status=trash' is not the code of a language"):
        read(shop, lang="en&status=trash")


@pytest.mark.parametrize("suffix", ["/", "/wp-json", "/wp-json/wc/v3/"])
def test_an_address_copied_with_its_rest_path_is_understood(suffix: str) -> None:
    with MadeUpShop(many(1)).serve() as server:
        assert ids(read_shop(server.url + suffix)) == ["1"]


def test_an_address_with_a_password_in_it_is_refused_without_repeating_it() -> None:
    with pytest.raises(UsageError, match="holds a user name") as caught:
        read_shop("https://someone:hunter22@shop.example")
    assert "hunter22" not in str(caught.value)


def test_basic_over_plain_http_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="only oauth1 over plain http"):
        read_shop("http://shop.example", {"auth": "basic"})


def test_over_https_a_shop_is_read_by_basic_or_where_headers_are_dropped_by_the_query(tmp_path: Path) -> None:
    tls = server_context(self_signed(tmp_path))
    with MadeUpShop(many(3), gate=SecureGate()).serve(tls=tls) as server:
        assert ids(read_shop(server.url, {"verify_tls": "false"})) == ["1", "2", "3"]
    with MadeUpShop(many(3), gate=SecureGate(drops_headers=True)).serve(tls=tls) as server:
        with pytest.raises(CredentialsRejected, match="drops the Authorization header: set auth=query"):
            read_shop(server.url, {"verify_tls": "false"})
        for auth in ("query", "oauth1"):
            assert ids(read_shop(server.url, {"verify_tls": "false", "auth": auth})) == ["1", "2", "3"]


@pytest.mark.parametrize("auth", ["basic", "query", "oauth1"])
def test_https_that_a_proxy_ends_unknown_to_wordpress_is_recognised_whatever_way_was_tried_first(
    tmp_path: Path, auth: str
) -> None:
    tls = server_context(self_signed(tmp_path))
    with MadeUpShop(many(3), gate=UnknownProxyGate()).serve(tls=tls) as server:
        settings = {"verify_tls": "false", "auth": auth}
        with pytest.raises(CredentialsRejected, match="WordPress does not know it; have the proxy send") as caught:
            read_shop(server.url, settings)
        assert str(caught.value).endswith("=== 'https') $_SERVER['HTTPS'] = 'on';")
        item = check_shop(server.url, settings)["credentials"]
    assert "by Basic and by OAuth over https" in item.detail
    assert "HTTP_X_FORWARDED_PROTO" in item.cure


def test_a_wrong_key_over_https_is_not_blamed_on_a_proxy(tmp_path: Path) -> None:
    tls = server_context(self_signed(tmp_path))
    for gate, text in (
        (SecureGate(key="ck_another"), "does not know the consumer_key"),
        (SecureGate(secret="cs_x"), "consumer_secret"),
    ):
        with MadeUpShop(many(3), gate=gate).serve(tls=tls) as server:
            with pytest.raises(CredentialsRejected, match=text) as caught:
                read_shop(server.url, {"verify_tls": "false"})
            assert "proxy" not in str(caught.value)


def test_the_link_header_is_never_followed() -> None:
    def with_link(request: Request) -> Answer | None:
        return None if "page" not in request.query else Answer.json([], X_WP_Total="0", Link='<http://127.0.0.1:9/>; rel="next"')

    assert read(MadeUpShop(fault=with_link)).proof.read == 0


# A shop that changes while it is read


def test_a_product_added_meanwhile_is_found_at_the_end() -> None:
    shop = MadeUpShop(many(4))

    def adding(request: Request) -> None:
        if request.query.get("page") == "2" and len(shop.products) == 4:
            shop.products.append(product(5))

    shop.fault = adding
    whole = read(shop, per_page="2", connections="1")
    assert ids(whole) == ["1", "2", "3", "4", "5"]
    assert (whole.proof.expected, whole.proof.read, whole.proof.moved) == (5, 5, True)


def test_a_product_that_slips_onto_an_earlier_page_is_found_by_reading_that_page_again() -> None:
    shop = MadeUpShop(many(6))

    def deleting(request: Request) -> None:
        if request.query.get("page") == "3" and len(shop.products) == 6:
            del shop.products[0]

    shop.fault = deleting
    whole = read(shop, per_page="2", connections="1")
    assert set(ids(whole)) == {"1", "2", "3", "4", "5", "6"}, "product 5 had moved from page 3 to page 2"
    assert (whole.proof.expected, whole.proof.gap, whole.proof.moved) == (5, 0, True)


def test_a_short_list_is_a_gap_not_an_end() -> None:
    """Rows that the shop cannot show are counted but left out: a short page is not the last one."""
    shop = MadeUpShop(many(6))

    def dropping(request: Request) -> Answer | None:
        shown = {"1": [product(1)], "2": [], "3": [product(5), product(6)]}
        page = request.query.get("page", "")
        return Answer.json(shown[page], X_WP_Total="6") if page and request.path.endswith("/products") else None

    shop.fault = dropping
    whole = read(shop, per_page="2")
    assert ids(whole) == ["1", "5", "6"]
    assert (whole.proof.expected, whole.proof.read, whole.proof.gap) == (6, 3, 3)


def test_one_lists_surplus_never_hides_another_lists_gap() -> None:
    shop = MadeUpShop([product(1), parent(2, 3, 4)], [variation(3, 2)])

    def one_too_few(request: Request) -> Answer | None:
        if request.path.endswith("/variations"):
            return Answer.json(shop.variations, X_WP_Total="2")
        return Answer.json(shop.products, X_WP_Total="1") if "page" in request.query else None

    shop.fault = one_too_few
    assert read(shop).proof.gap == 1


def test_a_repeated_item_is_counted_apart() -> None:
    shop = MadeUpShop([product(1), product(2), product(2), product(3)])
    whole = read(shop, per_page="2")
    assert ids(whole) == ["1", "2", "3"]
    assert (whole.proof.read, whole.proof.repeats, whole.proof.gap) == (3, 1, 1)


@pytest.mark.parametrize("totals", [True, False])
def test_a_server_that_ignores_the_page_number_is_found_out(totals: bool) -> None:
    def always_the_first(request: Request) -> Answer | None:
        goods = [product(1), product(2)]
        if "page" not in request.query:
            return None
        return Answer.json(goods, X_WP_Total="300") if totals else Answer.json(goods)

    with pytest.raises(IncompleteRead, match=r"page 2 of /products only repeats .*leave /wp-json out of it"):
        read(MadeUpShop(fault=always_the_first))


# What a line is


def test_pool_variations_take_the_parents_own_word() -> None:
    """A null stock of the parent reads as 0 on its variations: nothing is sold out because nobody has counted."""
    shop = MadeUpShop(
        [parent(1, 2, manage_stock=True), parent(3, 4, 5, manage_stock=True, stock_quantity=7)],
        [
            variation(2, 1, manage_stock="parent", stock_quantity=0),
            variation(4, 3, manage_stock="parent", stock_quantity=7),
            variation(5, 3, manage_stock="parent", stock_quantity=7),
        ],
    )
    lines = read(shop).lines
    assert lines["2", "default"].quantity == UNKNOWN
    assert [lines[number, "default"].quantity for number in "45"] == [Quantity.of(7)] * 2
    assert [line.shared_pool for line in lines.values()] == ["1", "3", "3"]


def test_a_null_quantity_never_becomes_a_number() -> None:
    lines = read(MadeUpShop([product(1, stock_quantity=None), product(2, manage_stock=False, stock_quantity=None)])).lines
    assert [line.quantity for line in lines.values()] == [UNKNOWN, UNTRACKED]


def test_plugin_types_are_lines_unless_they_bear_variations() -> None:
    kinds = ["bundle", "composite", "subscription", "variable-subscription", "gift"]
    products = [product(number, type=kind) for number, kind in enumerate(kinds, 1)]
    products.append(product(6, type="matrix", variations=[7]))
    assert ids(read(MadeUpShop(products, [variation(7, 6)]))) == ["1", "2", "3", "5", "7"]


def test_a_product_whose_types_plugin_is_off_is_the_simple_product_that_woocommerce_makes_of_it() -> None:
    """WooCommerce then answers "simple" and sells it as that; its variations are sold by nobody."""
    shop = MadeUpShop([product(1, type="simple", stock_quantity=3)], [variation(2, 1), variation(3, 1)])
    whole = read(shop)
    assert {item_id: line.quantity for (item_id, _), line in whole.lines.items()} == {"1": Quantity.of(3)}
    assert (whole.excluded, whole.proof.gap) == ({NOT_VARIABLE: 2}, 0)


@pytest.mark.parametrize("flat", [True, False])
def test_a_variable_product_without_variations_is_counted_as_that(flat: bool) -> None:
    shop = MadeUpShop([parent(1), parent(2, manage_stock=True, stock_quantity=4), parent(3, 4)], [variation(4, 3)], flat)
    assert read(shop).excluded == {NO_VARIATIONS: 1, UNUSED_POOL: 1, VARIABLE: 1}


def test_variations_of_a_product_that_is_not_listed_are_excluded() -> None:
    whole = read(MadeUpShop([product(1)], [variation(3, 2), variation(4, 1), variation(5, None)]))
    assert ids(whole) == ["1"]
    assert whole.excluded == {ORPHAN: 2, NOT_VARIABLE: 1}
    assert whole.proof.gap == 0


def test_ids_that_change_their_type_stay_one_line() -> None:
    shop = MadeUpShop([product("11"), product(12), parent("13", 14)], [variation("14", "13")])
    assert ids(read(shop)) == ["11", "12", "14"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"stock_quantity": "many"}, "not a number"),
        ({"stock_quantity": "0.0000001"}, "decimals"),
        ({"stock_quantity": {"a": 1}}, "is of the type"),
        ({"manage_stock": None}, "is of the type"),
        ({"manage_stock": "sometimes"}, "none of true, false, parent"),
        ({"sku": 1.50}, "is of the type"),
        ({"status": 7}, "is of the type"),
    ],
)
def test_one_bad_product_costs_only_itself(change: dict, reason: str) -> None:
    whole = read(MadeUpShop([product(1), product(2, **change), product(3)]))
    assert ids(whole) == ["1", "3"]
    (rejected,) = whole.rejected
    assert (rejected.item_id, rejected.location_id) == ("2", "default")
    assert reason in rejected.reason
    assert whole.proof.gap == 0


def test_a_product_without_a_readable_id_is_rejected_nameless() -> None:
    whole = read(MadeUpShop([product(1), product("x-2"), product(None), product(-3), product(True)]))
    assert [line.item_id for line in whole.rejected] == [None] * 4
    assert whole.proof.gap == 0


def test_variations_of_an_unreadable_product_are_rejected_not_lost() -> None:
    shop = MadeUpShop([parent(1, 2, status=None)], [variation(2, 1)])
    whole = read(shop)
    assert [line.item_id for line in whole.rejected] == ["1", "2"]
    assert "product 1 could not be read" in whole.rejected[1].reason


def test_a_pool_whose_quantity_cannot_be_read_rejects_its_lines_alone() -> None:
    shop = MadeUpShop(
        [parent(1, 2, 3, manage_stock=True, stock_quantity="plenty")],
        [variation(2, 1, manage_stock="parent"), variation(3, 1, stock_quantity=4)],
    )
    whole = read(shop)
    assert ids(whole) == ["3"]
    assert [line.item_id for line in whole.rejected] == ["2"]


def test_titles_with_nul_lone_surrogates_or_five_megabytes_are_no_trouble() -> None:
    shop = MadeUpShop([product(1, name="a\0b"), product(2, name="broken \ud83d here"), product(3, name="x" * 5_000_000)])
    titles = [line.title for line in read(shop).lines.values()]
    assert titles[:2] == ["a\0b", "broken \ud83d here"], "what cannot be stored is mended where it is stored"
    assert len(titles[2]) == 5_000_000


def test_settings_and_credentials_are_checked_before_any_request() -> None:
    for settings, text in (
        ({"per_page": "101"}, "per_page='101' is not a number from 1 to 100"),
        ({"connections": "2.5"}, "not a whole number"),
        ({"verify_tls": "perhaps"}, "neither true nor false"),
        ({"colour": "red"}, "'colour' is not one of: auth, connections"),
        ({"timeout": "nan"}, "not a number from 1 to 600"),
    ):
        with pytest.raises(UsageError, match=text):
            WooCommerce(woo_context("https://shop.example", settings))
    with pytest.raises(UsageError, match="needs the credential consumer_secret"):
        WooCommerce(woo_context("https://shop.example", credentials={"consumer_secret": ""}))
    with pytest.raises(UsageError, match="not of the form https://"):
        WooCommerce(woo_context("shop.example"))


def test_a_plugin_that_is_off_and_a_wrong_address_are_told_apart() -> None:
    with MadeUpShop().serve() as server:
        off = server.url
        server.app = lambda _: Answer.json({"code": "rest_no_route", "message": "No route", "data": {"status": 404}}, 404)
        with pytest.raises(StoreMisconfigured, match="turn on the WooCommerce plugin"):
            read_shop(off)
        server.app = lambda _: Answer.html("Not Found", 404)
        with pytest.raises(StoreMisconfigured, match="404 “Not Found” with a web page; check the address"):
            read_shop(off)


def test_variations_are_asked_for_while_the_last_products_are_on_their_way() -> None:
    asked = threading.Event()
    waited: list[bool] = []

    def last_page_waits(request: Request) -> None:
        if request.path.endswith("/variations"):
            asked.set()
        elif request.query["page"] == "2":
            waited.append(asked.wait(5))

    shop = MadeUpShop([product(1), product(2), parent(3, 4)], [variation(4, 3)], fault=last_page_waits)
    with shop.serve() as server:
        whole = read_shop(server.url, {"per_page": "2"})
        assert server.all_closed()
    assert waited == [True]
    assert (len(whole.lines), whole.api_calls) == (3, 3)


def test_variations_asked_for_in_vain_leave_nothing_behind() -> None:
    released = threading.Event()

    def fault(request: Request) -> Answer | None:
        if request.path.endswith("/variations"):
            released.wait(5)
        return Answer(200, b"{}") if request.query["page"] == "2" else None

    complaints: list[str] = []

    async def read_in_vain(url: str) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
        with pytest.raises(IncompleteRead, match="JSON dict where a list should be"):
            async with aclosing(WooCommerce(woo_context(url, {"per_page": "2"})).read()) as pages:
                assert [page async for page in pages] == []
        gc.collect()

    with MadeUpShop([product(1), product(2), product(3)], fault=fault).serve() as server:
        asyncio.run(read_in_vain(server.url))
        released.set()
        assert server.all_closed()
    assert complaints == []
