"""`inventory-pipeline doctor`: each thing that can be wrong, made wrong."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from inventory_pipeline.db.alerts import notices
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.defs.names import STORES_PARTITIONS
from inventory_pipeline.environment import PROJECT_ROOT, load_environment
from inventory_pipeline.wiring import open_services
from inventory_pipeline_tests.cli.conftest import Cli, edit, stuck_run, sync


def findings(cli: Cli, status: int) -> dict[str, dict]:
    result = cli("doctor", "--json")
    assert result.exit_code == status, result.stdout
    document = json.loads(result.stdout)
    assert document["ok"] is (status == 0)
    assert all(found["cure"] for found in document["findings"] if found["status"] != "ok")
    return {found["check"]: found for found in document["findings"]}


def test_a_sound_installation_lacks_only_a_daemon(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store()
    sync("supplier")
    found = findings(cli, 0)
    assert [check for check, finding in found.items() if finding["status"] != "ok"] == ["daemon"]
    assert "sync-all-stores" in found["daemon"]["cure"]
    assert "1 active, each fresh" in cli("doctor").stdout


def test_a_data_folder_that_cannot_be_written(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a-file").write_text("")
    monkeypatch.setenv("INVENTORY_DATA_DIR", str(tmp_path / "a-file"))
    found = findings(cli, 1)
    assert found["data folder"]["status"] == "fail"
    assert found["database"]["status"] == "fail"


def test_a_database_that_cannot_be_reached(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "postgresql://inventory:pass-word-1@127.0.0.1:1/inventory")
    result = cli("doctor")
    assert result.exit_code == 1
    assert "INVENTORY_DATABASE_URL" in result.stdout
    assert "pass-word-1" not in result.output


def test_a_key_file_that_others_can_read(cli: Cli, data_dir: Path) -> None:
    cli("credentials", "set", "berlin", "--host", "shop.example", stdin="ck_very_secret\n")
    (data_dir / "secret.key").chmod(0o644)
    assert "chmod 600" in findings(cli, 1)["key file"]["cure"]


def test_a_key_that_opens_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("credentials", "set", "berlin", "--host", "shop.example", stdin="ck_very_secret\n")
    monkeypatch.setenv("INVENTORY_SECRET_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    result = cli("doctor")
    assert result.exit_code == 1
    assert "does not open: berlin" in result.stdout


def test_a_dagster_home_with_a_history_of_its_own(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    found = findings(cli, 1)["dagster"]
    assert found["status"] == "fail"
    assert "DAGSTER_HOME" in found["cure"]
    (home / "dagster.yaml").write_text((PROJECT_ROOT / "dagster.yaml").read_text())
    assert findings(cli, 0)["dagster"]["status"] == "ok"


def test_a_cron_line_that_never_ticks(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_SYNC_CRON", "0 0 31 4 *")
    found = findings(cli, 1)
    assert "INVENTORY_SYNC_CRON" in found["schedule"]["detail"]


def test_adding_a_store_makes_its_partition_and_one_that_is_missing_is_named(cli: Cli, feed_store: Callable[..., Path]) -> None:
    for key in ("berlin", "paris"):
        feed_store(key)
    with open_instance() as instance:
        assert sorted(instance.get_dynamic_partitions(STORES_PARTITIONS)) == ["berlin", "paris"]
        assert findings(cli, 0)["partitions"]["status"] == "ok"
        instance.delete_dynamic_partition(STORES_PARTITIONS, "paris")
    found = findings(cli, 0)["partitions"]
    assert (found["status"], found["detail"]) == ("warn", "Dagster has no partition for paris")
    assert "sync-all-stores" in found["cure"]
    assert cli("sync-all-stores", "--store", "paris").exit_code == 0
    assert findings(cli, 0)["partitions"]["status"] == "ok"


def test_stores_that_are_stale_unsynced_or_refused_are_named(cli: Cli, feed_store: Callable[..., Path]) -> None:
    for key in ("fresh", "stale", "never"):
        feed_store(key)
    for key in ("fresh", "stale"):
        sync(key)
    edit("UPDATE snapshots SET ended_at = '2026-01-01 00:00:00.000000' WHERE store_key = 'stale'")
    edit("UPDATE store_integrations SET needs_reauthorization = '401' WHERE key = 'never'")
    found = findings(cli, 1)
    assert found["store stale"]["status"] == "fail"
    assert "store fresh" not in found
    details = [line for line in cli("doctor").stdout.splitlines() if line.startswith("store never")]
    assert any("needs re-authorization: 401" in line for line in details)
    assert any("never synced" in line for line in details)
    assert len(details) == 1  # one trouble, one line


def test_a_run_whose_process_is_gone_and_one_that_waits_for_the_daemon(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store()
    run_id = stuck_run("supplier")
    stuck_run("supplier", DagsterRunStatus.QUEUED)
    found = findings(cli, 1)
    assert found["runs"]["status"] == "fail"
    assert f"sync of store supplier, run {run_id} (STARTED): its last heartbeat" in found["runs"]["detail"]
    assert "sync-all-stores" in found["runs"]["cure"]
    assert "no Dagster daemon is running: neither schedule nor sensors run, and 1 queued runs wait" in found["daemon"]["detail"]
    assert cli("sync-all-stores").exit_code == 0
    assert findings(cli, 0)["runs"]["status"] == "ok"


def test_a_clock_that_was_set_back(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store()
    sync("supplier")
    edit("UPDATE snapshots SET published_at = '2999-01-01 00:00:00.000000'")
    assert findings(cli, 1)["clock"]["status"] == "fail"


def test_a_feed_folder_that_is_missing(cli: Cli, feed_store: Callable[..., Path], data_dir: Path) -> None:
    file = feed_store()
    file.unlink()
    (data_dir / "feeds").rmdir()
    assert "INVENTORY_FEED_DIR" in findings(cli, 1)["feeds"]["cure"]


def test_notices_that_nobody_got(cli: Cli) -> None:
    assert cli("notify", "add", "office", stdin="http://127.0.0.1:9/hook").exit_code == 0
    with open_services(load_environment()) as services, services.database.begin() as connection:
        notices.enqueue(connection, "office", {}, services.clock())
        letter = notices.claim(connection, services.clock(), timedelta(minutes=1))
        assert letter is not None
        notices.mark_given_up(connection, letter.id, "nobody answers")
    found = findings(cli, 0)
    assert found["notices"]["status"] == "warn"
    assert "office" in found["notices"]["detail"]


def test_a_store_that_may_not_be_connected_to(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store()
    sync("supplier")
    edit("UPDATE store_integrations SET url = 'http://10.0.0.5/stock.csv'")
    found = findings(cli, 1)["store supplier"]
    assert found["detail"] == "store 'supplier': 10.0.0.5 is a private address"
    assert "stores set supplier --allow-private" in found["cure"]


def test_a_credential_that_is_bound_elsewhere(cli: Cli) -> None:
    url = "https://feeds.example/stock.csv"
    cli("stores", "add", "supplier", "--platform", "feed", "--url", url, "--credential", "token=-", stdin="token-value-1\n")
    assert findings(cli, 0)["bindings"]["status"] == "ok"
    cli("credentials", "bind", "supplier.token", "--host", "elsewhere.example")
    found = [row for row in json.loads(cli("doctor", "--json").stdout)["findings"] if row["check"] == "store supplier"]
    assert found[0]["status"] == "fail"
    assert found[0]["detail"] == "secret:supplier.token may be sent to elsewhere.example and not to feeds.example"
    assert "credentials bind supplier.token --host feeds.example`" in found[0]["cure"]
    assert "bindings" not in findings(cli, 1)


def test_an_address_that_has_held_a_key_since_before_that_was_refused(cli: Cli, feed_store: Callable[..., Path]) -> None:
    feed_store()
    sync("supplier")
    assert findings(cli, 0)["addresses"]["status"] == "ok"
    edit("UPDATE store_integrations SET url = 'https://feeds.example/stock.csv?lang=de&key=abcdef' WHERE key = 'supplier'")
    found = findings(cli, 0)["store supplier"]
    assert found["status"] == "warn"
    assert found["detail"] == "its address holds a password or key (the value of key), and addresses are shown"
    assert "query.key=secret:NAME" in found["cure"]
    assert "abcdef" not in found["detail"] + found["cure"]
