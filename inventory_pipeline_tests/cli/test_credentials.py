"""`inventory-pipeline credentials`."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from inventory_pipeline_tests.cli.conftest import Cli


def test_a_secret_comes_from_standard_input_and_is_never_shown(cli: Cli, data_dir: Path) -> None:
    result = cli("credentials", "set", "berlin", "--host", "shop.example", stdin="ck_very_secret\n")
    assert (result.exit_code, result.stdout) == (0, "Stored. Stores refer to it as secret:berlin\n")
    listed = cli("credentials", "list", "--json")
    assert [(row["name"], row["used_by"], row["readable"]) for row in json.loads(listed.stdout)] == [("berlin", [], True)]
    assert "ck_very_secret" not in cli("credentials", "list").output + cli("audit").output
    assert b"ck_very_secret" not in (data_dir / "inventory.db").read_bytes()


def test_an_empty_standard_input_is_wrong_usage(cli: Cli) -> None:
    result = cli("credentials", "set", "berlin", "--host", "shop.example", stdin="")
    assert result.exit_code == 2
    assert "standard input holds no value for berlin" in result.stderr


def test_a_secret_in_use_cannot_be_removed(cli: Cli) -> None:
    cli("credentials", "set", "feed-token", "--host", "feeds.example", stdin="token-value-1\n")
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
    cli("credentials", "set", "berlin", "--host", "shop.example", stdin="ck_very_secret\n")
    before = (data_dir / "secret.key").read_text()
    result = cli("credentials", "rotate-key")
    assert result.stdout == "Encrypted 1 secrets with a new key; the old one is gone\n"
    assert (data_dir / "secret.key").read_text() != before
    assert json.loads(cli("credentials", "list", "--json").stdout)[0]["readable"] is True


def test_a_secret_needs_its_hosts_and_keeps_them(cli: Cli) -> None:
    refused = cli("credentials", "set", "berlin", stdin="ck_very_secret\n")
    assert refused.exit_code == 2
    assert "say where the secret may be sent: --host H" in refused.stderr
    assert json.loads(cli("credentials", "list", "--json").stdout) == []
    hosts = ("--host", "Shop.Example", "--host", "*.myshopify.com", "--platform", "shopify")
    assert cli("credentials", "set", "berlin", *hosts, stdin="ck_very_secret\n").exit_code == 0
    assert cli("credentials", "set", "berlin", stdin="ck_another\n").exit_code == 0
    (row,) = json.loads(cli("credentials", "list", "--json").stdout)
    assert (row["platform"], row["hosts"]) == ("shopify", ["*.myshopify.com", "shop.example"])
    assert "*.myshopify.com, shop.example" in cli("credentials", "list").stdout
    assert cli("credentials", "set", "other", "--platform", "shopify", stdin="ck_another\n").exit_code == 2


def test_a_host_below_which_anybody_may_have_one_is_wrong_usage(cli: Cli) -> None:
    for host in ("*", "*.com", "*.co.uk", "*.github.io"):
        result = cli("credentials", "set", "berlin", "--host", host, stdin="ck_very_secret\n")
        assert result.exit_code == 2, host
    assert json.loads(cli("credentials", "list", "--json").stdout) == []


def test_a_foreign_host_is_refused_with_the_way_out_which_works(cli: Cli) -> None:
    cli("credentials", "set", "feed-token", "--host", "feeds.example", stdin="token-value-1\n")
    cli("credentials", "set", "of-another", "--host", "another.example", stdin="token-value-2\n")
    add = (*("stores", "add", "supplier", "--platform", "feed", "--url", "https://new.example/x.csv"), "--credential")
    refused = cli(*add, "token=secret:feed-token")
    assert refused.exit_code == 2
    assert "secret:feed-token may be sent to feeds.example and not to new.example" in refused.stderr
    assert "`inventory-pipeline credentials bind feed-token --host new.example`" in refused.stderr
    assert "another" not in refused.output
    moved = cli("credentials", "bind", "feed-token", "--host", "new.example")
    assert (moved.exit_code, moved.stdout) == (0, "feed-token may be sent to new.example\n")
    assert cli(*add, "token=secret:feed-token").exit_code == 0
    entries = json.loads(cli("audit", "--json").stdout)
    bound = next(entry for entry in entries if entry["action"] == "credentials bind")
    assert (bound["subject"], bound["detail"]) == ("feed-token", "feeds.example → new.example")
    assert bound["actor"].startswith("cli:")
    assert cli("credentials", "bind", "feed-token").exit_code == 2


def test_a_variable_is_bound_where_it_is_first_used(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_CRED_FEED", "token-value-1")
    add = ("--platform", "feed", "--credential", "token=env:INVENTORY_CRED_FEED")
    first = cli("stores", "add", "one", "--url", "https://feeds.example/1.csv", *add)
    assert "env:INVENTORY_CRED_FEED is bound to feeds.example from now on" in first.stdout
    (row,) = json.loads(cli("credentials", "list", "--json").stdout)
    assert (row["name"], row["hosts"], row["used_by"], row["readable"]) == (
        "env:INVENTORY_CRED_FEED",
        ["feeds.example"],
        ["one"],
        None,
    )
    assert cli("stores", "add", "two", "--url", "https://evil.example/1.csv", *add).exit_code == 2
    both = ("--host", "feeds.example", "--host", "evil.example")
    assert cli("credentials", "bind", "env:INVENTORY_CRED_FEED", *both).exit_code == 0
    assert cli("stores", "add", "two", "--url", "https://evil.example/1.csv", *add).exit_code == 0


def test_on_a_terminal_the_hosts_are_asked_for(cli: Cli) -> None:
    script = Path(sys.executable).with_name("inventory-pipeline")
    ours, its_own = pty.openpty()
    with os.fdopen(its_own, "rb") as terminal:
        process = subprocess.Popen(
            [script, "credentials", "set", "berlin"],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
    shown = b""
    with os.fdopen(ours, "r+b", buffering=0) as screen, process:
        for asked, answer in ((b"such as shop.example: ", b"a.example, b.example\n"), (b"berlin: ", b"ck_secret\n")):
            while not shown.endswith(asked):
                shown += screen.read(1000)
            screen.write(answer)
        while b"Stored." not in shown:
            shown += screen.read(1000)
    assert b"ck_secret" not in shown
    (row,) = json.loads(cli("credentials", "list", "--json").stdout)
    assert row["hosts"] == ["a.example", "b.example"]
