"""`stores check` on a WooCommerce shop."""

import pytest

from inventory_pipeline_tests.connectors.made_up_shop import MadeUpShop, product
from inventory_pipeline_tests.connectors.reading import check_shop
from inventory_pipeline_tests.connectors.woocommerce_protocol import authentication_error
from inventory_pipeline_tests.http.local_server import Answer


@pytest.mark.parametrize(
    ("version", "ok", "text"),
    [
        ("7.0.0", True, "WooCommerce 7.0.0; "),
        ("11.2.3", True, "WooCommerce 11.2.3; "),
        ("12.0", True, "newer than 11, the last one proved"),
        ("6.9.4", False, "older than 7"),
        (None, True, "the key may not see WooCommerce's version"),
        ("", True, "the key may not see WooCommerce's version"),
    ],
)
def test_the_version_is_told(version: str | None, ok: bool, text: str) -> None:
    with MadeUpShop([product(1)], version=version).serve() as server:
        items = check_shop(server.url)
    assert items["version"].ok is ok
    assert text in items["version"].detail
    assert [items[name].ok for name in ("address", "credentials", "permissions")] == [True] * 3


def test_the_way_in_is_told() -> None:
    with MadeUpShop([product(1)], permalinks="plain", totals=False).serve() as server:
        items = check_shop(server.url)
    assert "?rest_route=" in items["address"].detail
    assert items["permissions"].detail == "the key may read products"


def test_a_key_without_read_permission_is_known_but_may_not_read() -> None:
    no_read = authentication_error("The API key provided does not have read permissions.")
    shop = MadeUpShop(fault=lambda request: no_read if request.path.endswith("/products") else None)
    with shop.serve() as server:
        items = check_shop(server.url)
    assert (items["credentials"].ok, items["permissions"].ok) == (True, False)
    assert "set its permissions to Read" in items["permissions"].cure


def test_nothing_is_called_good_that_was_not_looked_at() -> None:
    with MadeUpShop(fault=lambda _: Answer.html("Not Found", 404)).serve() as server:
        items = check_shop(server.url)
    assert not any(item.ok for item in items.values())
    assert items["address"].cure.startswith("check the address")
    assert items["version"].cure == "mend the address first"


def test_nobody_at_the_address_is_a_finding() -> None:
    with MadeUpShop().serve() as server:
        gone = server.url
    items = check_shop(gone)
    assert not items["address"].ok
    assert "cannot be reached" in items["address"].detail


def test_a_web_page_where_the_list_should_be_is_not_taken_for_the_api() -> None:
    with MadeUpShop(fault=lambda _: Answer.html("Log in", 200)).serve() as server:
        items = check_shop(server.url)
    assert not items["address"].ok
    assert "“Log in” with a web page where JSON should be" in items["address"].detail


def test_how_variations_are_read_is_told_or_why_they_are_not() -> None:
    refused = authentication_error("The API key provided does not have read permissions.")
    shops = {
        "all variations come in one list": MadeUpShop([product(1)]),
        "variations are read product by product": MadeUpShop([product(1)], flat=False),
        "variations: the key may not read": MadeUpShop(
            [product(1)], fault=lambda request: refused if request.path.endswith("/variations") else None
        ),
    }
    for told, shop in shops.items():
        with shop.serve() as server:
            assert told in check_shop(server.url)["version"].detail
