"""Signatures, checked against a verifier that was written from the RFC and not with the signing library."""

import httpx
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.http.auth import OAuth1, QueryCredentials
from inventory_pipeline_tests.connectors.woocommerce_protocol import KEY, SECRET, Gate
from inventory_pipeline_tests.http.local_server import Request

names = st.text(st.sampled_from("abz_0"), min_size=1, max_size=5)
values = st.text(max_size=10).filter(lambda text: text.isprintable())


def signed(auth: httpx.Auth, url: str, params: dict[str, str]) -> httpx.Request:
    return next(auth.auth_flow(httpx.Request("GET", url, params=params)))


@given(st.dictionaries(names, values, max_size=4))
def test_any_question_is_signed_as_a_shop_verifies_it(params: dict[str, str]) -> None:
    request = signed(OAuth1(KEY, SECRET), "http://shop.example/wp-json/wc/v3/products", params)
    asked = Request(1, "GET", request.url.raw_path.decode(), {})
    assert asked.query | params == asked.query
    assert Gate().refusal(asked, "http://shop.example") is None
    assert Gate(secret="another").refusal(asked, "http://shop.example") is not None


def test_the_same_question_is_never_signed_twice_alike() -> None:
    auth = OAuth1(KEY, SECRET)
    nonces = {signed(auth, "http://shop.example/x", {}).url.params["oauth_nonce"] for _ in range(50)}
    assert len(nonces) == 50


def test_a_redirect_that_echoes_a_signature_is_signed_once() -> None:
    first = signed(OAuth1(KEY, SECRET), "http://shop.example/x", {"page": "1"})
    second = next(OAuth1(KEY, SECRET).auth_flow(httpx.Request("GET", first.url)))
    assert [name for name, _ in second.url.params.multi_items()].count("oauth_nonce") == 1
    assert second.url.params["page"] == "1"


def test_query_credentials_join_the_question() -> None:
    request = signed(QueryCredentials(consumer_key="ck", consumer_secret="cs"), "https://shop.example/x", {"page": "1"})
    assert dict(request.url.params) == {"page": "1", "consumer_key": "ck", "consumer_secret": "cs"}
