"""Secrets under their names, on both databases."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from inventory_pipeline.core.errors import StoreMisconfigured, UsageError
from inventory_pipeline.core.notices import Route
from inventory_pipeline.db.alerts import notices
from inventory_pipeline.db.integrations import secrets, stores
from inventory_pipeline.services.integrations.service import Integrations
from inventory_pipeline.services.integrations.vault import Vault, load_vault
from inventory_pipeline_tests.db.times import NOON
from inventory_pipeline_tests.services.integrations.integrating import Workplace, web_feed


def token_of(workplace: Workplace, name: str) -> str:
    with workplace.database.connect() as connection:
        token = secrets.get_secret(connection, name)
    assert token is not None
    return token


def test_a_secret_is_kept_encrypted_without_the_line_break_of_standard_input(workplace: Workplace, integrations: Integrations):
    integrations.put_credential("SHOP", "pass wörd 1\r\n", ["supplier.example"])
    token = token_of(workplace, "SHOP")
    assert "pass" not in token
    assert workplace.vault.decrypt(token) == "pass wörd 1"


def test_secrets_are_listed_by_name_with_their_users_and_without_values(integrations: Integrations):
    integrations.put_credential("B", "value-b", ["supplier.example"])
    integrations.put_credential("TOKEN", "value-token", ["supplier.example"])
    integrations.add(web_feed("one"))
    integrations.add(web_feed("two"))
    listed = integrations.list_credentials()
    assert [(entry.name, entry.used_by, entry.readable) for entry in listed] == [("B", (), True), ("TOKEN", ("one", "two"), True)]
    assert listed[0].created_at == NOON
    assert "value" not in repr(listed)


def test_a_secret_under_a_lost_key_is_listed_as_unreadable(workplace: Workplace, integrations: Integrations):
    integrations.put_credential("SHOP", "value-1", ["supplier.example"])
    stranger = Workplace(workplace.database, workplace.feed_dir)
    assert [entry.readable for entry in stranger.integrations.list_credentials()] == [False]


@pytest.mark.parametrize("name", ["", "a b", "ä", "-x", "x" * 101, "a/b", "secret:x"])
def test_a_secret_needs_a_plain_name(integrations: Integrations, name: str):
    with pytest.raises(UsageError, match="the name of a secret"):
        integrations.put_credential(name, "value-1", ["supplier.example"])
    assert integrations.list_credentials() == []


@pytest.mark.parametrize("value", ["", "\n", "two\nlines", "nul\0"])
def test_an_empty_value_or_one_of_several_lines_is_refused(integrations: Integrations, value: str):
    with pytest.raises(UsageError, match="nothing was stored"):
        integrations.put_credential("SHOP", value, ["supplier.example"])
    assert integrations.list_credentials() == []


def test_a_secret_in_use_cannot_be_removed_until_its_store_is_purged(integrations: Integrations):
    integrations.put_credential("TOKEN", "value-1", ["supplier.example"])
    integrations.add(web_feed("one"))
    with pytest.raises(UsageError, match="secret TOKEN is used by one"):
        integrations.remove_credential("TOKEN")
    assert integrations.purge("one").notes == ("secret TOKEN is used no more; `credentials remove TOKEN` deletes it",)
    integrations.remove_credential("TOKEN")
    assert integrations.list_credentials() == []


def test_the_address_of_a_notice_route_is_removed_with_its_route_only(workplace: Workplace, integrations: Integrations):
    with workplace.database.begin() as connection:
        notices.insert_route(connection, Route(name="office", kind="apprise", shown="mailto://…"), "cipher", NOON)
    with pytest.raises(UsageError, match="notify remove office"):
        integrations.remove_credential("notify/office")
    assert [secret.name for secret in integrations.list_credentials()] == ["notify/office"]


def test_removing_what_is_not_there_does_not_repeat_what_was_typed(integrations: Integrations):
    with pytest.raises(UsageError, match="no secret of this name") as caught:
        integrations.remove_credential("cs_0123456789")
    assert "cs_0123456789" not in str(caught.value)


def test_a_new_value_ends_the_need_to_authorize_again(workplace: Workplace, integrations: Integrations):
    integrations.put_credential("TOKEN", "value-1", ["supplier.example"])
    integrations.add(web_feed("one"))
    integrations.add(web_feed("other", credentials={}))
    with workplace.database.begin() as connection:
        for key in ("one", "other"):
            stores.set_needs_reauthorization(connection, key, "401")
    integrations.put_credential("TOKEN", "value-2", ["supplier.example"])
    assert integrations.get("one").needs_reauthorization is None
    assert integrations.get("other").needs_reauthorization == "401"


def test_rotating_re_encrypts_every_secret_with_the_first_key(workplace: Workplace):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    before = Workplace(workplace.database, workplace.feed_dir, Vault([old])).integrations
    before.put_credential("A", "value-a", ["supplier.example"])
    before.put_credential("B", "value-b", ["supplier.example"])
    assert Workplace(workplace.database, workplace.feed_dir, Vault([new, old])).integrations.rotate_key() == 2
    only_new = Vault([new])
    assert [only_new.decrypt(token_of(workplace, name)) for name in "AB"] == ["value-a", "value-b"]
    assert workplace.audited()[-1] == ("credentials rotate-key", "", "2 secrets")


def test_rotating_a_key_file_makes_a_new_key(workplace: Workplace, tmp_path: Path):
    key_file = tmp_path / "secret.key"
    workplace.vault = load_vault(None, key_file)
    workplace.integrations.put_credential("A", "value-a", ["supplier.example"])
    before = key_file.read_text()
    assert workplace.integrations.rotate_key() == 1
    assert key_file.read_text() != before
    assert load_vault(None, key_file).decrypt(token_of(workplace, "A")) == "value-a"
    with pytest.raises(StoreMisconfigured):
        Vault([before]).decrypt(token_of(workplace, "A"))


def test_a_secret_that_cannot_be_read_leaves_all_as_they_were(workplace: Workplace):
    workplace.integrations.put_credential("A", "value-a", ["supplier.example"])
    with workplace.database.begin() as connection:
        secrets.put_secret(connection, "B", Vault([Fernet.generate_key().decode()]).encrypt("lost"), NOON)
    before = token_of(workplace, "A")
    with pytest.raises(StoreMisconfigured):
        workplace.integrations.rotate_key()
    assert token_of(workplace, "A") == before


def test_a_process_that_loaded_the_key_before_a_rotation_stores_readable_secrets(workplace: Workplace, tmp_path: Path):
    key_file = tmp_path / "secret.key"
    early = Workplace(workplace.database, workplace.feed_dir, load_vault(None, key_file)).integrations
    Workplace(workplace.database, workplace.feed_dir, load_vault(None, key_file)).integrations.rotate_key()
    early.put_credential("A", "value-a", ["supplier.example"])
    assert load_vault(None, key_file).decrypt(token_of(workplace, "A")) == "value-a"


def test_no_table_holds_a_value_in_plain_text(workplace: Workplace, integrations: Integrations):
    integrations.put_credential("TOKEN", "cs_planted_value_42", ["supplier.example"])
    integrations.add(web_feed())
    integrations.rotate_key()
    with workplace.database.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        everything = "".join(str(connection.execute(sa.text(f'SELECT * FROM "{table}"')).all()) for table in tables)
    assert "secret:TOKEN" in everything
    assert "cs_planted_value_42" not in everything
