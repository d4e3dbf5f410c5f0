"""No secret may stand in a store's address, since addresses are shown; and what is none is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.redaction import Redactor, redact
from inventory_pipeline.db.integrations import stores
from inventory_pipeline.services.integrations.store_input import checked_url, suspect_in
from inventory_pipeline_tests.db.times import NOON
from inventory_pipeline_tests.services.integrations.integrating import Workplace, feed_store

HOST = "https://supplier.example"
RANDOM = "9f86d081884c7d659a2f"  # 20 of them


@pytest.mark.parametrize("mark", ["?", "?lang=de&", "#", "#/x?", ";", "?a=1;"])
@pytest.mark.parametrize(
    "pair",
    [
        *("key=abc", "sid=abc", "pw=abc", "auth=abc", "sig=abc", "KEY=abc", "token=abc", "code=abc", "pass=abc", "pwd=abc"),
        *("api_key=abc", "apiKey=abc", "api%5Fkey=abc", "k%65y=abc", "data[auth]=abc", "PHPSESSID=abc", "jsessionid=abc"),
        *("wskey=abc", "x-amz-signature=abc", "AccessToken=abc", "user_password=abc", "hmac=abc", "sign=abc"),
        *(f"q={RANDOM}", RANDOM, f"{RANDOM}=1", "q=abcdefghijklmnopqrst1", "q=550e8400-e29b-41d4-a716-446655440000"),
        *("id=dGhpcyBpcy-1hIHNl_Y3JldCBr2ZXk", "q=%39f86d081884c7d659a2f"),
    ],
)
def test_a_parameter_that_is_a_secret_by_its_name_or_looks_is_refused(mark: str, pair: str):
    with pytest.raises(
        UsageError, match=r"the address holds a password or key \(.*addresses are shown; rotate it.*query\."
    ) as caught:
        checked_url(f"{HOST}/stock.csv{mark}{pair}")
    assert "abc" not in str(caught.value)
    assert RANDOM not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        *("https://user@supplier.example/", "https://user:pass1234@supplier.example/", "https://:pass1234@supplier.example"),
        *("http://good.example@evil.example", "https://good.example\\@evil.example", "ftp://user:pass1234@supplier.example/x"),
        *("https://supplier.example/x?next=https://user:pass1234@other.example/", "https://us;er:pass1234@supplier.example/"),
        "https://supplier.example/x?next=https%3A%2F%2Fuser%3Apass1234%40other.example",
    ],
)
def test_a_user_name_before_the_host_is_refused(url: str):
    with pytest.raises(UsageError, match="the address holds a password or key") as caught:
        checked_url(url)
    assert "pass1234" not in str(caught.value)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        *("https://shop.example", "https://shop.example/", "http://127.0.0.1:8080/wp", "https://bücher.example/stock.csv"),
        f"{HOST}/export?format=csv&lang=de&country_code=de&per_page=50&columns=sku,stock,price",
        f"{HOST}/export?from=2026-11-25T00:00:00Z&to=2026-11-25&warehouse=12345678901234567890&design=1",
        f"{HOST}/export?key=&file=stock-warehouse-2026-export",
        f"{HOST}/export?name=B%C3%BCcher-und-Spielwarengesellschaft#stock",
        "https://docs.example/spreadsheets/d/e/2PACX-1vTabcdefghij0123456789/pub?gid=0&single=true&output=csv",
        *("stock.csv", "new/stock@home.csv", "file:///var/feeds/a@b.csv", f"exports/{RANDOM}.csv"),
    ],
)
def test_an_address_without_a_secret_is_taken(url: str):
    assert checked_url(f" {url} ") == url


@given(st.from_regex(r"[a-z]{1,15}([-_.][a-z]{1,15}){0,3}|[0-9]{1,30}|[a-z]{1,9}[0-9]{1,9}", fullmatch=True))
def test_words_and_numbers_are_no_secrets(value: str):
    assert suspect_in(f"{HOST}/x?page={value}") is None


@given(st.from_regex(r"[A-Za-z0-9]{20,60}", fullmatch=True).filter(lambda it: not it.isalpha() and not it.isdecimal()))
def test_twenty_letters_and_digits_mixed_are_one_wherever_they_stand(value: str):
    for place in (f"?a={value}", f"?a=x{value}", f"?{value}", f"#{value}", f"#a={value}", f";a={value}", f"?a=b&c=d&e={value}"):
        assert suspect_in(f"{HOST}/x{place}")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (
            "?key=abc",
            r"\(the value of key\), .* refer to it by the credential query\.key=secret:NAME, which a feed appends to its",
        ),
        ("?9f86d081884c7d659a2f", r"\(a parameter\), .* the credential query\.PARAMETER=secret:NAME, which a feed appends"),
        ("?u=https://me:pw@a.example", r"\(in an address within it\), .* the credential query\.PARAMETER=secret:NAME"),
    ],
)
def test_the_way_out_is_a_credential_of_the_parameters_name(url: str, told: str):
    with pytest.raises(UsageError, match=told):
        checked_url(f"{HOST}/stock.csv{url}")
    with pytest.raises(UsageError, match="by the credentials username=secret:NAME and password=secret:NAME, with which a feed"):
        checked_url("https://me:pw@supplier.example/stock.csv")


def test_what_was_refused_is_hidden_from_then_on():
    with pytest.raises(UsageError):
        checked_url(f"{HOST}/x?key=mistyped-secret")
    assert redact("the launchpad said mistyped-secret") == "the launchpad said ***"


def test_an_address_stored_before_is_hidden_in_logs_by_its_place():
    assert Redactor()(f"GET {HOST}/x?key=abc&sid=abc&pw=abc&auth=abc&sig=abc&a=b") == (
        f"GET {HOST}/x?key=***&sid=***&pw=***&auth=***&sig=***&a=b"
    )


def test_an_address_stored_before_goes_on(workplace: Workplace):
    with workplace.database.begin() as connection:
        stores.insert_store(connection, feed_store(url="https://supplier.example/x.csv?key=abc"), NOON)
    change = workplace.integrations.set("depot", name="Depot", settings={"decimal": ","})
    assert change.store.url == "https://supplier.example/x.csv?key=abc"
    workplace.connect(change.store, {})
