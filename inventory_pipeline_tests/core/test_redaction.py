"""Secrets are hidden by value and by the place they stand in; what people need to read stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.core.redaction import Redactor

SECRET = "cs_9f86d081884c7d65"


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_known_secret_is_hidden_wherever_it_stands(before: str, after: str) -> None:
    assert SECRET not in Redactor([SECRET])(before + SECRET + after)


@pytest.mark.parametrize(
    "text",
    [
        f"https://shop.example/x?consumer_secret={SECRET}&page=2",
        f"https://shop.example/x?page=2&oauth_signature={SECRET}",
        f"https://user:{SECRET}@shop.example/x",
        f"Authorization: Basic {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"X-Shopify-Access-Token: {SECRET}",
        f'{{"access_token": "{SECRET}", "scope": "x"}}',
        f"password={SECRET}",
        f"password: {SECRET}",
        f"'client_secret': '{SECRET}'",
        f"password=secret:{SECRET}",
        f"password=secret:NAME{SECRET}",
        f"https://bucket.example/file?X-Goog-Signature={SECRET}",
    ],
)
def test_an_unknown_secret_is_hidden_by_its_place(text: str) -> None:
    assert SECRET not in Redactor()(text)


@pytest.mark.parametrize(
    "text",
    [
        "status code: 404",
        "secret:BERLIN",
        "env:INVENTORY_CRED_KEY",
        "Consumer secret is invalid.",
        "page=2&order=asc",
        "asks for a password: let this program pass",
        "Authorization: Basic authentication is refused",
        "the token: none was given",
        "api_key: required",
        "client_secret: must be set",
        "it needs the credential consumer_key; give the store consumer_key=secret:NAME",
    ],
)
def test_what_a_person_needs_to_read_stays(text: str) -> None:
    assert Redactor()(text) == text


def test_a_secret_that_holds_another_is_hidden_whole() -> None:
    assert Redactor(["abcdef", "abcdefghij"])("abcdefghij") == "***"
