"""References: what a store may hold, and what becomes of it when a connector is made."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from inventory_pipeline.core.errors import CredentialsRejected, StoreMisconfigured, UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.integrations.secrets import put_binding, put_secret
from inventory_pipeline.http.hosts import Host
from inventory_pipeline.services.integrations.credentials import Vault, check_reference, resolve
from inventory_pipeline_tests.db.times import NOON
from inventory_pipeline_tests.services.integrations.integrating import Workplace


def store(**credentials: str) -> StoreIntegration:
    return StoreIntegration(key="shop", platform="woocommerce", url="https://shop.example", credentials=credentials)


@pytest.mark.parametrize("reference", ["secret:SHOP", "secret:shop-1.key_2", "env:INVENTORY_CRED_SHOP", "env:INVENTORY_CRED_a1"])
def test_references_to_secrets_and_to_variables_of_ours_are_taken(reference: str):
    check_reference("consumer_key", reference)


@pytest.mark.parametrize(
    "reference",
    ["env:HOME", "env:INVENTORY_SECRET_KEY", "env:INVENTORY_CRED_", "env:inventory_cred_shop", "env:INVENTORY_CREDX", "env:"],
)
def test_no_variable_outside_inventory_cred_is_read(reference: str):
    with pytest.raises(UsageError, match=r"consumer_key refers to a variable .* does not begin with INVENTORY_CRED_"):
        check_reference("consumer_key", reference)


@pytest.mark.parametrize(
    "raw",
    [
        "cs_0123456789abcdef",
        "SHOP_KEY",
        "secret:",
        "secret:a b",
        "secret:x\n",
        "Secret:SHOP",
        " secret:SHOP",
        "plain:cs_0123456789",
        "",
    ],
)
def test_a_raw_value_is_refused_with_the_advice_to_rotate_it_and_not_repeated(raw: str):
    with pytest.raises(UsageError, match=r"rotate it at the platform.*credentials set NAME") as caught:
        check_reference("consumer_secret", raw)
    assert "cs_0123456789" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_refused_value_is_hidden_from_then_on():
    with pytest.raises(UsageError):
        check_reference("consumer_secret", "cs_hidden_from_now_on")
    assert redact("the launchpad said cs_hidden_from_now_on") == "the launchpad said ***"


def test_a_value_in_the_place_of_the_name_is_not_repeated_either():
    with pytest.raises(UsageError) as caught:
        check_reference("cs_0123456789abcdef", "consumer_secret")
    assert "cs_0123456789abcdef" not in str(caught.value)


def resolved(
    workplace: Workplace, kept: StoreIntegration, environ: Mapping[str, str], vault: Vault | None = None
) -> dict[str, str]:
    with workplace.database.connect() as connection:
        return resolve(connection, vault or workplace.vault, kept, environ)


def bind(workplace: Workplace, reference: str, *hosts: str, platform: str | None = None) -> None:
    with workplace.database.begin() as connection:
        put_binding(connection, reference, platform, map(Host.of_text, hosts), NOON)


def test_references_become_values_that_no_log_line_shows(workplace: Workplace):
    workplace.integrations.put_credential("SHOP", "ck_resolved_value_1", ["shop.example"])
    bind(workplace, "env:INVENTORY_CRED_SHOP", "shop.example", platform="woocommerce")
    environ = {"INVENTORY_CRED_SHOP": "cs_resolved_value_2"}
    kept = store(consumer_key="secret:SHOP", consumer_secret="env:INVENTORY_CRED_SHOP")
    assert resolved(workplace, kept, environ) == {
        "consumer_key": "ck_resolved_value_1",
        "consumer_secret": "cs_resolved_value_2",
    }
    assert redact("ck_resolved_value_1 cs_resolved_value_2") == "*** ***"


@pytest.mark.parametrize(
    ("reference", "cure"),
    [
        ("secret:GONE", "`inventory-pipeline credentials set GONE` stores it"),
        ("env:INVENTORY_CRED_GONE", "set it where the syncs run"),
    ],
)
def test_a_reference_that_leads_nowhere_names_itself_and_the_way_out(workplace: Workplace, reference: str, cure: str):
    with pytest.raises(CredentialsRejected, match=f"store 'shop': credential token is {reference}, which does not exist; {cure}"):
        resolved(workplace, store(token=reference), {})


def test_an_empty_variable_is_no_credential(workplace: Workplace):
    with pytest.raises(CredentialsRejected, match="which does not exist"):
        resolved(workplace, store(token="env:INVENTORY_CRED_EMPTY"), {"INVENTORY_CRED_EMPTY": ""})


@pytest.mark.parametrize("reference", ["env:HOME", "secret:notify/office"])
def test_a_row_changed_behind_our_back_reads_nothing_else(workplace: Workplace, reference: str):
    """Neither another variable nor a notice route's address, bound or not."""
    bind(workplace, reference, "shop.example")
    with workplace.database.begin() as connection:
        put_secret(connection, "notify/office", workplace.vault.encrypt("slack://token"), NOON)
    with pytest.raises(UsageError):
        resolved(workplace, store(token=reference), {"HOME": "/root"})


def test_a_secret_stored_under_another_key_is_a_setting_to_mend(workplace: Workplace):
    workplace.integrations.put_credential("SHOP", "ck_0123456789", ["shop.example"])
    stranger = Workplace(workplace.database, workplace.feed_dir)
    with pytest.raises(StoreMisconfigured, match="cannot be decrypted with the present key"):
        resolved(workplace, store(token="secret:SHOP"), {}, stranger.vault)


def test_where_an_address_is_none_of_the_web_nothing_is_opened(workplace: Workplace):
    workplace.integrations.put_credential("SHOP", "ck_0123456789", ["shop.example"])
    for url in ("", "shop.example", "ftp://shop.example", "https:shop.example", "//shop.example", "\0https://shop.example"):
        kept = replace(store(token="secret:SHOP"), url=url)
        assert resolved(workplace, kept, {}) == {"token": "stand-in"}


BOUND = ("shop.example", "*.myshopify.com", "http://plain.example")
OPEN = (
    *("https://shop.example", "https://SHOP.example.:8443/wp", "https://berlin.myshopify.com", "http://plain.example:81"),
    "https://plain.example",
)
SHUT = {
    "http://shop.example": "NAME goes to shop.example over https only; .* credentials bind BARE --host http://shop.example` on",
    "http://berlin.myshopify.com": "NAME goes to berlin.myshopify.com over https only",
    "https://evil.example": "NAME may be sent to .* and not to evil.example; .* credentials bind BARE --host evil.example` on",
    "https://shop.example.evil.example": "not to shop.example.evil.example",
    "https://evilshop.example": "not to evilshop.example",
    "https://myshopify.com": "not to myshopify.com",
    "https://a.b.myshopify.com": "not to a.b.myshopify.com",
    "https://myshopify.com.evil.example": "not to myshopify.com.evil.example",
    "https://127.0.0.1": "not to https://127.0.0.1",
}


@pytest.mark.parametrize("reference", ["secret:SHOP", "env:INVENTORY_CRED_SHOP"])
def test_a_credential_goes_to_the_hosts_that_it_is_bound_to_and_nowhere_else(workplace: Workplace, reference: str):
    workplace.integrations.put_credential("OTHER", "ck_other_0123", ["other.example"])
    workplace.integrations.put_credential("SHOP", "ck_0123456789", ["unused.example"])
    bind(workplace, reference, *BOUND)
    kept, environ = store(token=reference), {"INVENTORY_CRED_SHOP": "ck_0123456789"}
    for url in OPEN:
        assert resolved(workplace, replace(kept, url=url), environ) == {"token": "ck_0123456789"}, url
    for url, told in SHUT.items():
        told = told.replace("NAME", reference).replace("BARE", reference.removeprefix("secret:"))
        with pytest.raises(CredentialsRejected, match=told) as caught:
            resolved(workplace, replace(kept, url=url), environ)
        assert "OTHER" not in str(caught.value)
        assert "other.example" not in str(caught.value)


def test_a_credential_that_is_bound_to_no_host_is_sent_nowhere(workplace: Workplace):
    with workplace.database.begin() as connection:
        put_secret(connection, "SHOP", workplace.vault.encrypt("ck_0123456789"), NOON)
    told = (
        "secret:SHOP is bound to no host yet, and so sent nowhere; `inventory-pipeline credentials bind SHOP --host shop.example`"
    )
    with pytest.raises(CredentialsRejected, match=told):
        resolved(workplace, store(token="secret:SHOP"), {})


def test_a_credential_of_one_platform_is_not_used_by_another(workplace: Workplace):
    workplace.integrations.put_credential("SHOP", "ck_0123456789", ["shop.example"], "feed")
    told = "secret:SHOP belongs to feed and not to woocommerce; .* bind SHOP --platform woocommerce --host shop.example`"
    with pytest.raises(CredentialsRejected, match=told):
        resolved(workplace, store(token="secret:SHOP"), {})
