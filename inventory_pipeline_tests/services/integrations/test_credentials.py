"""References: what a store may hold, and what becomes of it when a connector is made."""

import pytest

from inventory_pipeline.core.errors import CredentialsRejected, StoreMisconfigured, UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.services.integrations.credentials import check_reference, resolve
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


def test_references_become_values_that_no_log_line_shows(workplace: Workplace):
    workplace.integrations.put_credential("SHOP", "ck_resolved_value_1")
    environ = {"INVENTORY_CRED_SHOP": "cs_resolved_value_2"}
    kept = store(consumer_key="secret:SHOP", consumer_secret="env:INVENTORY_CRED_SHOP")
    values = resolve(workplace.database, workplace.vault, kept, environ)
    assert values == {"consumer_key": "ck_resolved_value_1", "consumer_secret": "cs_resolved_value_2"}
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
        resolve(workplace.database, workplace.vault, store(token=reference), {})


def test_an_empty_variable_is_no_credential(workplace: Workplace):
    with pytest.raises(CredentialsRejected):
        resolve(workplace.database, workplace.vault, store(token="env:INVENTORY_CRED_EMPTY"), {"INVENTORY_CRED_EMPTY": ""})


def test_a_row_changed_behind_our_back_reads_no_other_variable(workplace: Workplace):
    with pytest.raises(UsageError):
        resolve(workplace.database, workplace.vault, store(token="env:HOME"), {"HOME": "/root"})


def test_a_secret_stored_under_another_key_is_a_setting_to_mend(workplace: Workplace):
    workplace.integrations.put_credential("SHOP", "ck_0123456789")
    stranger = Workplace(workplace.database, workplace.feed_dir)
    with pytest.raises(StoreMisconfigured, match="cannot be decrypted with the present key"):
        resolve(workplace.database, stranger.vault, store(token="secret:SHOP"), {})
