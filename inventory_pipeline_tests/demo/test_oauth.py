"""OAuth 1.0a as a site verifies it over plain http, against requests that oauthlib signed."""

from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA1, SIGNATURE_HMAC_SHA256, SIGNATURE_TYPE_AUTH_HEADER, SIGNATURE_TYPE_QUERY, Client

from inventory_pipeline.demo.messages import Request
from inventory_pipeline.demo.oauth import WINDOW, OAuthRefused, OAuthVerifier
from inventory_pipeline.demo.shops import synthetic_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline_tests.demo.client import V3, Reply, get, send, signed

KEY, SECRET = "ck_1", "cs_1"


@pytest.fixture(scope="module")
def store() -> Iterator[DemoStore]:
    with DemoStore(synthetic_catalogue(20)) as running:
        yield running


def refused(reply: Reply) -> str:
    assert reply.status == 401
    assert reply.json["code"] == "woocommerce_rest_authentication_error"
    return reply.json["message"]


@pytest.mark.parametrize("signature", [SIGNATURE_HMAC_SHA1, SIGNATURE_HMAC_SHA256])
@pytest.mark.parametrize("where", [SIGNATURE_TYPE_AUTH_HEADER, SIGNATURE_TYPE_QUERY])
def test_a_signed_request_is_let_in(store: DemoStore, signature: str, where: str) -> None:
    target = f"{V3}/products?per_page=5&_fields=id%2Cname&sku=S-1%2CS-2"
    assert len(get(store, target, signature=signature, where=where).json) == 2


def test_a_repeated_nonce_is_refused(store: DemoStore) -> None:
    target, headers = signed(store, f"{V3}/products")
    assert send(store, target, headers).status == 200
    assert refused(send(store, target, headers)) == "Invalid nonce - nonce has already been used."


def test_a_wrong_secret_gives_a_signature_that_does_not_match(store: DemoStore) -> None:
    assert refused(get(store, f"{V3}/products", secret="cs_wrong")) == "Invalid signature - provided signature does not match."


def test_a_wrong_key_is_named(store: DemoStore) -> None:
    assert refused(get(store, f"{V3}/products", key="ck_wrong")) == "Consumer key is invalid."


def test_a_removed_key_is_unknown(store: DemoStore) -> None:
    key, secret = store.add_key()
    assert get(store, f"{V3}/products", key=key, secret=secret).status == 200
    store.remove_key(key)
    assert refused(get(store, f"{V3}/products", key=key, secret=secret)) == "Consumer key is invalid."


def test_a_changed_query_is_refused(store: DemoStore) -> None:
    target, headers = signed(store, f"{V3}/products?page=1")
    assert "does not match" in refused(send(store, target.replace("page=1", "page=2"), headers))


def test_another_method_is_refused(store: DemoStore) -> None:
    target, headers = signed(store, f"{V3}/products")
    assert "does not match" in refused(send(store, target, headers, method="PUT"))


def test_an_old_or_early_timestamp_is_refused(store: DemoStore) -> None:
    for timestamp in ("1000000000", "9000000000", "soon"):
        assert refused(get(store, f"{V3}/products", timestamp=timestamp)) == "Invalid timestamp."


def test_plaintext_signatures_are_refused(store: DemoStore) -> None:
    assert refused(get(store, f"{V3}/products", signature="PLAINTEXT")) == "Invalid signature - signature method is invalid."


def test_missing_parameters_are_named(store: DemoStore) -> None:
    reply = send(store, f"{V3}/products?oauth_consumer_key=ck_1&oauth_nonce=n")
    assert reply.status == 401
    assert reply.json["code"] == "woocommerce_rest_authentication_missing_parameter"
    assert reply.json["message"] == "Missing OAuth parameters oauth_timestamp, oauth_signature, oauth_signature_method"


def test_a_nonce_is_forgotten_after_its_window() -> None:
    now = 1_700_000_000.0
    verifier = OAuthVerifier({KEY: SECRET}, clock=lambda: now)

    def sign(nonce: str) -> Request:
        client = Client(KEY, SECRET, nonce=nonce, timestamp=str(int(now)))
        _, headers, _ = client.sign("http://shop.test/a")
        return Request("GET", "/a", "/a", {}, {"authorization": headers["Authorization"]})

    assert verifier.verify(sign("first"), "http://shop.test") == KEY
    now += WINDOW + 1
    assert verifier.verify(sign("second"), "http://shop.test") == KEY
    assert verifier.verify(sign("first"), "http://shop.test") == KEY
    with pytest.raises(OAuthRefused, match="nonce has already been used"):
        verifier.verify(sign("second"), "http://shop.test")


@given(st.dictionaries(st.text("azAZ09-._~ ", min_size=1), st.text(), max_size=5))
def test_any_query_that_oauthlib_signs_is_verified(query: dict[str, str]) -> None:
    url, _, _ = Client(KEY, SECRET, signature_type=SIGNATURE_TYPE_QUERY).sign(f"http://shop.test/a?{urlencode(query)}")
    parts = urlsplit(url)
    request = Request("GET", f"{parts.path}?{parts.query}", parts.path, {}, {})
    assert OAuthVerifier({KEY: SECRET}).verify(request, "http://shop.test") == KEY
