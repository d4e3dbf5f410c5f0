"""`inventory-pipeline stores`: from connecting a shop to purging it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inventory_pipeline.core.clock import system_clock
from inventory_pipeline.core.errors import Quarantined
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.demo.shops import synthetic_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.environment import load_environment
from inventory_pipeline.wiring import open_services
from inventory_pipeline_tests.cli.conftest import Cli, at_a_terminal, sync
from inventory_pipeline_tests.db.shop import Shop
from inventory_pipeline_tests.db.times import HOUR


@pytest.fixture
def shop() -> Iterator[DemoStore]:
    with DemoStore(synthetic_catalogue(20)) as shop:
        yield shop


def add_shop(cli: Cli, shop: DemoStore, *options: str, secret: str | None = None) -> None:
    result = cli(
        *("stores", "add", "berlin", "--platform", "woocommerce", "--url", shop.url),
        *("--credential", "consumer_key=-", "--credential", "consumer_secret=-", *options),
        stdin=f"{shop.key}\n{secret or shop.secret}\n",
    )
    assert result.exit_code == 0, result.stderr


def test_a_shop_is_connected_with_keys_from_standard_input_and_checked(cli: Cli, shop: DemoStore) -> None:
    add_shop(cli, shop, "--name", "Berlin shop", "--group", "north")
    shown = cli("stores", "show", "berlin", "--json")
    store = json.loads(shown.stdout)
    assert (store["key"], store["name"], store["group"], store["is_active"]) == ("berlin", "Berlin shop", "north", True)
    assert store["credentials"] == {
        "consumer_key": "secret:berlin.consumer_key",
        "consumer_secret": "secret:berlin.consumer_secret",
    }
    assert shop.secret not in shown.output + cli("stores", "show", "berlin").output
    result = cli("stores", "check", "berlin", "--json")
    assert result.exit_code == 0
    assert {item["check"] for item in json.loads(result.stdout)} == {"address", "credentials", "permissions", "version"}


def test_check_says_which_thing_is_wrong_and_ends_with_1(cli: Cli, shop: DemoStore) -> None:
    add_shop(cli, shop, secret="cs_of_another_shop")
    result = cli("stores", "check", "berlin")
    assert result.exit_code == 1
    assert "NO" in next(line for line in result.stdout.splitlines() if line.startswith("credentials"))


def test_a_refused_store_leaves_no_secret_behind(cli: Cli) -> None:
    result = cli(
        *("stores", "add", "berlin", "--platform", "woocommerce", "--url", "https://shop.example"),
        *("--credential", "consumer_key=-", "--setting", "nope=1"),
        stdin="ck_1234567\n",
    )
    assert result.exit_code == 2
    assert json.loads(cli("credentials", "list", "--json").stdout) == []
    assert json.loads(cli("stores", "list", "--json").stdout) == []


def test_a_taken_key_is_refused_before_a_secret_could_be_overwritten(cli: Cli, shop: DemoStore) -> None:
    add_shop(cli, shop)
    result = cli(
        *("stores", "add", "berlin", "--platform", "woocommerce", "--url", shop.url, "--credential", "consumer_key=-"),
        stdin="another\n",
    )
    assert result.exit_code == 2
    assert "stores set berlin" in result.stderr
    assert cli("stores", "check", "berlin").exit_code == 0


def test_a_secret_in_the_place_of_a_reference_is_refused_unseen(cli: Cli, shop: DemoStore) -> None:
    result = cli(
        *("stores", "add", "berlin", "--platform", "woocommerce", "--url", shop.url),
        *("--credential", "consumer_key=ck_0123456789abcdef", "--credential", "consumer_secret=secret:x"),
    )
    assert result.exit_code == 2
    assert "rotate" in result.stderr
    assert "ck_0123456789abcdef" not in result.output


@pytest.mark.parametrize("text", ["consumer_key", "=secret:x", "cs_0123456789"])
def test_a_pair_without_its_name_is_refused_unseen(cli: Cli, text: str) -> None:
    result = cli("stores", "add", "berlin", "--platform", "woocommerce", "--url", "https://a.example", "--credential", text)
    assert result.exit_code == 2
    assert "--credential takes NAME=VALUE" in result.stderr
    assert text not in result.output


def test_another_host_discards_the_credentials_and_says_so(cli: Cli, shop: DemoStore) -> None:
    add_shop(cli, shop)
    result = cli("stores", "set", "berlin", "--url", "https://elsewhere.example")
    assert result.exit_code == 0
    assert "credentials were discarded" in result.stdout
    store = json.loads(cli("stores", "show", "berlin", "--json").stdout)
    assert store["credentials"] == {}
    assert store["needs_reauthorization"]


def test_set_changes_what_is_given_and_nothing_else(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store()
    assert cli("stores", "set", "supplier").exit_code == 2
    result = cli(
        "stores", "set", "supplier", "--name", "Northern", "--setting", "decimal=,", "--fresh-hours", "30", "--auto-sync"
    )
    assert result.exit_code == 0
    store = json.loads(cli("stores", "show", "supplier", "--json").stdout)
    assert (store["name"], store["fresh_hours"], store["auto_sync"]) == ("Northern", 30, True)
    assert store["settings"] == {"settle_seconds": "0", "decimal": ","}
    cli("stores", "set", "supplier", "--setting", "decimal=", "--fresh-hours", "0", "--no-auto-sync")
    store = json.loads(cli("stores", "show", "supplier", "--json").stdout)
    assert (store["settings"], store["fresh_hours"], store["auto_sync"]) == ({"settle_seconds": "0"}, None, False)


def test_auto_sync_says_what_happens_next(cli: Cli, data_dir: Path) -> None:
    (data_dir / "feeds" / "stock.csv").write_text("sku,available\nA,1\n")
    common = ("--platform", "feed", "--url", "stock.csv", "--auto-sync")
    assert "the first sync starts when the daemon runs" in cli("stores", "add", "one", *common).stdout
    assert "when" in cli("stores", "add", "two", *common, "--inactive").stdout.splitlines()[-1]
    assert "the first sync starts when the daemon runs" in cli("stores", "activate", "two").stdout


def test_an_inactive_store_is_refused_until_it_is_activated(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store()
    assert cli("stores", "deactivate", "supplier").exit_code == 0
    result = cli("sync-all-stores", "--store", "supplier")
    assert result.exit_code == 1
    assert "stores activate supplier" in result.stdout
    assert result.stderr == "inventory-pipeline: 1 of 1 stores not synced: supplier (refused)\n"
    assert cli("stores", "activate", "supplier").exit_code == 0
    assert json.loads(cli("stores", "show", "supplier", "--json").stdout)["is_active"] is True


def test_purging_asks_first_and_the_key_stays_taken_while_a_run_carries_it(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store()
    assert cli("sync-all-stores").exit_code == 0
    assert cli("stores", "purge", "supplier").exit_code == 2
    assert cli("stores", "purge", "supplier", "--yes").exit_code == 0
    assert json.loads(cli("stores", "list", "--json").stdout) == []
    result = cli("stores", "add", "supplier", "--platform", "feed", "--url", "supplier.csv")
    assert result.exit_code == 2
    assert "runs in Dagster's history carry it" in result.stderr
    with open_instance() as instance:
        for run in instance.get_runs():
            instance.delete_run(run.run_id)
    again = cli("stores", "add", "supplier", "--platform", "feed", "--url", "supplier.csv")
    assert again.exit_code == 0, again.stderr
    store = json.loads(cli("stores", "show", "supplier", "--json").stdout)
    assert (store["purged_at"], store["first_sync_at"], store["last_snapshot"]) == (None, None, None)


def test_lists_are_for_people_or_one_json_document(cli: Cli, feed_store: Callable[..., Path]) -> None:
    assert "stores add" in cli("stores", "list").stdout
    feed_store("one")
    feed_store("two")
    assert [store["key"] for store in json.loads(cli("stores", "list", "--json").stdout)] == ["one", "two"]
    heading, *rows = cli("stores", "list").stdout.splitlines()
    assert heading.startswith("key")
    assert [row.split()[0] for row in rows] == ["one", "two"]


def test_every_change_is_in_the_audit_log_under_the_person(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store()
    cli("stores", "set", "supplier", "--name", "Northern")
    cli("stores", "deactivate", "supplier")
    entries = json.loads(cli("audit", "--json").stdout)
    assert [entry["action"] for entry in entries] == ["stores deactivate", "stores set", "stores add"]
    assert all(entry["actor"].startswith("cli:") and entry["subject"] == "supplier" for entry in entries)
    assert len(json.loads(cli("audit", "--limit", "1", "--json").stdout)) == 1


def test_the_list_says_how_old_the_stock_is_that_is_known_of_each_store(cli: Cli) -> None:
    with open_services(load_environment()) as services:
        for key, age in (("fresh", 1 * HOUR), ("old", 6 * HOUR)):
            shop = Shop(services.database, key)
            shop.now = system_clock() - age - HOUR  # a sync begins an hour later
            shop.sync()
        Shop(services.database, "new")
    listed = {store["key"]: store for store in json.loads(cli("stores", "list", "--json").stdout)}
    assert {key: store["stale"] for key, store in listed.items()} == {"fresh": False, "new": True, "old": True}
    assert listed["new"]["last_read_at"] is None
    _, fresh, new, old = cli("stores", "list").stdout.splitlines()
    assert ("STALE" in fresh, "never" in new, "STALE" in old) == (False, True, True)


WOO = ("--platform", "woocommerce", "--credential", "consumer_key=-", "--credential", "consumer_secret=-")
KEYS = "ck_0123456789\ncs_0123456789\n"


def test_a_private_address_needs_allow_private_or_the_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_ALLOW_PRIVATE_HOSTS", "")
    refused = cli("stores", "add", "nas", "--url", "http://192.168.1.5", *WOO, stdin=KEYS)
    assert refused.exit_code == 2
    assert "192.168.1.5 is a private address; where that is meant, `inventory-pipeline stores add nas" in refused.stderr
    assert json.loads(cli("credentials", "list", "--json").stdout) == []
    assert cli("stores", "add", "nas", "--url", "http://192.168.1.5", "--allow-private", *WOO, stdin=KEYS).exit_code == 0
    assert json.loads(cli("stores", "show", "nas", "--json").stdout)["allow_private"] is True
    assert cli("stores", "set", "nas", "--url", "http://192.168.1.6").exit_code == 2
    assert cli("stores", "set", "nas", "--url", "http://192.168.1.6", "--allow-private").exit_code == 0
    monkeypatch.setenv("INVENTORY_ALLOW_PRIVATE_HOSTS", "192.168.0.0/16")
    assert cli("stores", "add", "two", "--url", "http://192.168.1.7", *WOO, stdin=KEYS).exit_code == 0
    monkeypatch.setenv("INVENTORY_ALLOW_PRIVATE_HOSTS", "http://nas:80")
    wrong = cli("stores", "list")
    assert wrong.exit_code == 2
    assert "INVENTORY_ALLOW_PRIVATE_HOSTS: 'http://nas:80' is neither a host name, an address nor a network" in wrong.stderr


@pytest.mark.parametrize(("answer", "status"), [(b"y\n", 0), (b"n\n", 2)])
def test_on_a_terminal_a_private_address_is_asked_about(answer: bytes, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_ALLOW_PRIVATE_HOSTS", "")
    told, ended = at_a_terminal("stores", "add", "nas", "--platform", "feed", "--url", "http://nas/stock.csv", answer=answer)
    assert "nas is the name of a host in a private network. Is that meant, and may it be connected to? [y/N]" in told
    assert ended == status
    with open_services(load_environment()) as services:
        assert [store.allow_private for store in services.integrations.list()] == ([True] if status == 0 else [])


def test_show_lists_what_a_read_that_was_not_believed_would_take_away(cli: Cli, feed_store: Callable[..., Path]) -> None:
    rows = [f"S{number},Thing {number},{number}\n" for number in range(60)]
    file = feed_store("supplier", "sku,title,available\n" + "".join(rows))
    sync("supplier")
    file.write_text("sku,title,available\n" + "".join(rows[:20]))
    with pytest.raises(Quarantined):
        sync("supplier")
    shown = cli("stores", "show", "supplier").stdout
    assert "S59, Thing 59: 59, would be missing" in shown
    assert "… of 40; --json shows the first 40" in shown
    assert "40 lines will be missing" in shown
    read = json.loads(cli("stores", "show", "supplier", "--json").stdout)["quarantined_read"]
    assert (read["accepts"], read["lost"], len(read["lost_lines"])) == (["accept_shrink"], 40, 40)
    assert read["lost_lines"][0]["sku"] == "S59"
