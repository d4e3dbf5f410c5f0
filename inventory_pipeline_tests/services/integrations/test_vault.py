"""The key: where it comes from, who can read it, how it changes."""

import logging
import multiprocessing
import os
import stat
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.fernet import Fernet

from inventory_pipeline.core.errors import StoreMisconfigured, UsageError
from inventory_pipeline.services.integrations.vault import Vault, load_vault


def new_key() -> str:
    return Fernet.generate_key().decode()


def test_the_first_key_encrypts_and_every_key_decrypts():
    old, new = new_key(), new_key()
    token = Vault([old]).encrypt("geheim")
    both = Vault([new, old])
    assert both.decrypt(token) == "geheim"
    assert Vault([new]).decrypt(both.encrypt("neu")) == "neu"


def test_a_wrong_key_is_explained_and_neither_key_nor_secret_is_shown():
    secret, key = "cs_1234567890", new_key()
    token = Vault([new_key()]).encrypt(secret)
    with pytest.raises(StoreMisconfigured, match="cannot be decrypted with the present key; restore the key") as caught:
        Vault([key]).decrypt(token)
    for hidden in (secret, key, token):
        assert hidden not in str(caught.value)


@pytest.mark.parametrize("keys", ["not-a-key", ",", "c2hvcnQ=", "ключ"])
def test_a_malformed_key_names_the_variable_and_how_to_make_one(keys: str, tmp_path: Path):
    with pytest.raises(UsageError, match=r"INVENTORY_SECRET_KEY does not hold Fernet keys.*make one with") as caught:
        load_vault(keys, tmp_path / "secret.key")
    assert keys == "," or keys not in str(caught.value)
    assert not (tmp_path / "secret.key").exists()


def test_keys_of_the_environment_may_be_several_with_blanks(tmp_path: Path):
    old, new = new_key(), new_key()
    token = Vault([old]).encrypt("geheim")
    assert load_vault(f" {new} , {old} ", tmp_path / "secret.key").decrypt(token) == "geheim"


def test_a_missing_key_file_is_made_for_its_owner_alone_and_used_again(tmp_path: Path):
    key_file = tmp_path / "var" / "secret.key"
    token = load_vault(None, key_file).encrypt("geheim")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert load_vault(None, key_file).decrypt(token) == "geheim"
    assert [file.name for file in key_file.parent.iterdir()] == ["secret.key"]


def load_and_encrypt(key_file: Path, start: Barrier) -> str:
    start.wait()
    return load_vault(None, key_file).encrypt("geheim")


def test_two_processes_that_make_the_key_at_once_share_it(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(2) as pool:
        for attempt in range(20):
            key_file = tmp_path / str(attempt) / "secret.key"
            start = manager.Barrier(2)
            first, second = (pool.apply_async(load_and_encrypt, (key_file, start)) for _ in range(2))
            vault = load_vault(None, key_file)
            assert vault.decrypt(first.get()) == vault.decrypt(second.get()) == "geheim"
        # Ended by itself: `terminate` waits for ever where workers have inherited a signal handler that does not end them.
        pool.close()
        pool.join()


def test_a_key_file_that_others_can_read_is_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    key_file = tmp_path / "secret.key"
    load_vault(None, key_file)
    key_file.chmod(0o644)
    with caplog.at_level(logging.WARNING, "inventory_pipeline"):
        load_vault(None, key_file)
    assert "chmod 600" in caplog.text
    assert key_file.read_text() not in caplog.text


@pytest.mark.parametrize("content", [b"", b"cut-off", b"\xff\xfe"])
def test_a_damaged_key_file_is_named_and_never_replaced(content: bytes, tmp_path: Path):
    key_file = tmp_path / "secret.key"
    key_file.write_bytes(content)
    with pytest.raises(UsageError, match=r"secret\.key"):
        load_vault(None, key_file)
    assert key_file.read_bytes() == content


def test_rotation_leaves_one_new_key_and_other_processes_follow(tmp_path: Path):
    key_file = tmp_path / "secret.key"
    vault, other = load_vault(None, key_file), load_vault(None, key_file)
    before, token = key_file.read_text(), vault.encrypt("geheim")
    with vault.rotation():
        token = vault.rotate(token)
    after = key_file.read_text()
    assert len(after.split(",")) == 1
    assert after != before
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert other.decrypt(token) == "geheim"


def test_rotation_that_breaks_off_keeps_both_keys(tmp_path: Path):
    key_file = tmp_path / "secret.key"
    vault = load_vault(None, key_file)
    token = vault.encrypt("geheim")
    with pytest.raises(RuntimeError), vault.rotation():
        raise RuntimeError
    assert len(key_file.read_text().split(",")) == 2
    assert load_vault(None, key_file).decrypt(token) == "geheim"


def test_a_vault_shows_no_key(tmp_path: Path):
    key = new_key()
    assert key not in repr(Vault([key])) + repr(vars(Vault([key])))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_key_file_of_another_user_is_a_matter_of_rights_not_of_backups(tmp_path: Path) -> None:
    key_file = tmp_path / "secret.key"
    load_vault(None, key_file)
    key_file.chmod(0o000)
    with pytest.raises(UsageError, match="may not be read by this user; run as its owner"):
        load_vault(None, key_file)
