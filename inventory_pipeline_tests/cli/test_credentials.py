"""`inventory-pipeline credentials`."""

import json
from pathlib import Path

from inventory_pipeline_tests.cli.conftest import Cli


def test_a_secret_comes_from_standard_input_and_is_never_shown(cli: Cli, data_dir: Path) -> None:
    result = cli("credentials", "set", "berlin", stdin="ck_very_secret\n")
    assert (result.exit_code, result.stdout) == (0, "Stored. Stores refer to it as secret:berlin\n")
    listed = cli("credentials", "list", "--json")
    assert [(row["name"], row["used_by"], row["readable"]) for row in json.loads(listed.stdout)] == [("berlin", [], True)]
    assert "ck_very_secret" not in cli("credentials", "list").output + cli("audit").output
    assert b"ck_very_secret" not in (data_dir / "inventory.db").read_bytes()


def test_an_empty_standard_input_is_wrong_usage(cli: Cli) -> None:
    result = cli("credentials", "set", "berlin", stdin="")
    assert result.exit_code == 2
    assert "standard input holds no value for berlin" in result.stderr


def test_a_secret_in_use_cannot_be_removed(cli: Cli) -> None:
    cli("credentials", "set", "feed-token", stdin="token-value-1\n")
    cli(
        *("stores", "add", "supplier", "--platform", "feed", "--url", "https://feeds.example/stock.csv"),
        *("--credential", "token=secret:feed-token"),
    )
    result = cli("credentials", "remove", "feed-token")
    assert result.exit_code == 2
    assert "used by supplier" in result.stderr
    assert cli("stores", "set", "supplier", "--credential", "token=").exit_code == 0
    assert cli("credentials", "remove", "feed-token").exit_code == 0
    assert json.loads(cli("credentials", "list", "--json").stdout) == []


def test_rotating_the_key_keeps_secrets_readable(cli: Cli, data_dir: Path) -> None:
    cli("credentials", "set", "berlin", stdin="ck_very_secret\n")
    before = (data_dir / "secret.key").read_text()
    result = cli("credentials", "rotate-key")
    assert result.stdout == "Encrypted 1 secrets with a new key; the old one is gone\n"
    assert (data_dir / "secret.key").read_text() != before
    assert json.loads(cli("credentials", "list", "--json").stdout)[0]["readable"] is True
