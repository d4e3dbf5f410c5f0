"""The asset's runs, against a real shop: what each outcome leaves in Dagster."""

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus

from inventory_pipeline.core.redaction import redact
from inventory_pipeline.db.sync import leases
from inventory_pipeline.db.tables.stock import snapshots
from inventory_pipeline.definitions import defs
from inventory_pipeline.defs import names
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.assets import inventory_snapshot
from inventory_pipeline.defs.sync.checks import check_specs
from inventory_pipeline.defs.sync.outcome import materialization
from inventory_pipeline.defs.sync.sync_log import failed_stores, list_syncs, sync_row
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.services.sync.service import LEASE_TTL
from inventory_pipeline.wiring import Services
from inventory_pipeline_tests.defs.runs import execute, sync
from inventory_pipeline_tests.defs.sync.test_checks import TOTALS, WELL, having


def shrink(shop: DemoStore) -> None:
    for product in shop.catalogue.products[:150]:
        shop.catalogue.remove(product)


def test_a_published_sync_leaves_numbers_to_plot_a_check_and_its_line_in_the_log(
    instance: DagsterInstance, shop: DemoStore
) -> None:
    sync(instance)
    pool = shop.catalogue.pools[0]
    shop.catalogue.change(pool, quantity=98765)
    result, row = sync(instance)
    assert (row.outcome, row.trigger, row.platform, row.store) == ("published", "manual", "woocommerce", "berlin")
    assert (row.seen, row.created, row.updated, row.skipped) == (316, 0, 1, 315)
    assert row.api_calls
    (published,) = result.materializations
    assert published.partition == "berlin"
    shown = {name: value.value for name, value in published.metadata.items()}
    assert shown["dagster/row_count"] == shown["lines"] == 316
    assert shown["units"] == shop.catalogue.units
    numbers = {"out_of_stock", "created", "updated", "skipped", "rejected", "missing", "seconds", "api_calls"}
    assert all(isinstance(shown[name], int | float) for name in numbers)
    assert "98,765" in str(shown["largest_changes"])
    check = result.check("snapshot_believable")
    assert (check.passed, check.partition) == (True, "berlin")
    assert len(result.checks) == len(check_specs)
    # Of an earlier materialization they would count as missing.
    assert {found.target_materialization_data.run_id for found in result.checks if found.target_materialization_data} == {
        result.run.run_id
    }
    assert list(shown)[:3] == ["as_of", "units", "lines"]


def test_from_the_second_sync_on_a_picture_shows_how_the_stores_units_went_whatever_was_wiped_in_dagster(
    instance: DagsterInstance, shop: DemoStore
) -> None:
    first, _ = sync(instance)
    assert "units_over_time" not in first.materializations[0].metadata
    before = shop.catalogue.units
    shop.catalogue.change(shop.catalogue.pools[0], quantity=98765)
    instance.wipe_assets([dg.AssetKey(names.SNAPSHOT)])
    second, _ = sync(instance)
    shown = str(second.materializations[0].metadata["units_over_time"].value)
    svg = b64decode(shown.removeprefix("![units over time](data:image/svg+xml;base64,").rstrip(")")).decode()
    assert svg.count("V") == 1
    assert f"{max(before, shop.catalogue.units):,.6g}" in svg


def test_the_first_sync_after_a_long_silence_says_what_changed_meanwhile(
    instance: DagsterInstance, shop: DemoStore, services: Services
) -> None:
    first, _ = sync(instance)
    assert "while_it_was_not_seen" not in first.materializations[0].metadata
    with services.database.begin() as connection:
        long_ago = services.clock() - timedelta(days=2)
        connection.execute(snapshots.update().values(ended_at=long_ago, published_at=long_ago))
    shop.catalogue.change(shop.catalogue.pools[0], quantity=98765)
    second, _ = sync(instance)
    shown = str(second.materializations[0].metadata["while_it_was_not_seen"].value)
    assert shown.startswith("- not seen for 48")
    assert "- came in: " in shown


def test_a_store_without_any_number_shows_no_units_instead_of_zero(instance: DagsterInstance) -> None:
    unknown = having(totals=replace(TOTALS, units=0, unknown=60, untracked=40))
    assert "units" not in (materialization(unknown).metadata or {})
    assert (materialization(WELL).metadata or {})["units"] == 500.0


def test_a_line_that_cannot_be_read_is_a_warning_on_a_published_snapshot(instance: DagsterInstance, shop: DemoStore) -> None:
    shop.faults.edit_json(unreadable_first, on="/products?", times=1)
    result, row = sync(instance)
    assert (row.status, row.outcome, row.rejected) == ("SUCCESS", "published", 1)
    check = result.check("lines_readable")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "1 lines could not be read" in str(check.description)
    assert result.check("snapshot_believable").passed


def unreadable_first(items: Any) -> Any:
    next(item for item in items if item["type"] == "simple" and item["manage_stock"] is True)["stock_quantity"] = "plenty"
    return items


def test_a_quarantined_sync_says_how_to_accept_it_and_accepting_publishes(instance: DagsterInstance, shop: DemoStore) -> None:
    sync(instance)
    shrink(shop)
    result, row = sync(instance)
    assert (row.status, row.outcome, row.seen) == ("FAILURE", "quarantined", None)
    assert not result.materializations
    check = result.check("snapshot_believable")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "accept_shrink: true" in str(check.description)
    assert [check.check_name for check in result.checks if not check.passed] == ["snapshot_believable"]
    assert "accept_shrink:+true" in str(result.way_out["if_the_store_is_right"].value)
    assert "quarantined: quarantined" not in result.texts
    assert result.attempts == 1
    _, accepted = sync(instance, accept_shrink=True)
    assert accepted.outcome == "published"
    assert accepted.missing


def test_wrong_credentials_fail_once_and_mark_the_store(
    instance: DagsterInstance, shop: DemoStore, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_CRED_SECRET", "cs_" + "0" * 40)
    result, row = sync(instance)
    assert (row.status, row.outcome) == ("FAILURE", "failed")
    assert result.attempts == 1
    reason = str(services.integrations.get("berlin").needs_reauthorization)
    assert reason.startswith(str(row.error).rstrip("…"))
    assert "0000" not in str(row.error)


def test_an_unavailable_platform_is_asked_once_more(instance: DagsterInstance, shop: DemoStore) -> None:
    shop.faults.maintenance(times=1)
    result, row = sync(instance)
    assert (row.outcome, result.attempts) == ("published", 2)
    shop.faults.maintenance()
    result, row = sync(instance)
    assert (row.outcome, result.attempts) == ("failed", 2)
    assert "503" in str(row.error)


def test_a_key_that_no_store_has_is_refused_before_anything_else(instance: DagsterInstance, services: Services) -> None:
    result, row = sync(instance, "nobody")
    assert (row.status, row.outcome, row.platform) == ("FAILURE", "refused", None)
    assert "no store 'nobody' is registered" in str(row.error)
    assert result.attempts == 1


def test_a_run_without_a_partition_is_refused_with_the_way_out(instance: DagsterInstance) -> None:
    _, row = sync(instance, None)
    assert (row.outcome, row.store) == ("refused", None)
    assert "no store was chosen" in str(row.error)


@pytest.mark.parametrize("how", ["deactivate", "purge"])
def test_an_inactive_or_purged_store_is_refused(instance: DagsterInstance, shop: DemoStore, services: Services, how: str) -> None:
    getattr(services.integrations, how)("berlin")
    _, row = sync(instance)
    assert (row.outcome, row.platform) == ("refused", "woocommerce")
    assert not shop.requests


def test_in_a_backfill_an_inactive_store_is_passed_over_in_green(
    instance: DagsterInstance, shop: DemoStore, services: Services
) -> None:
    services.integrations.deactivate("berlin")
    executed = execute(instance, names.SYNC_JOB, tags={names.PARTITION_TAG: "berlin", "dagster/backfill": "abc"})
    (row,) = list_syncs(instance)
    assert (row.status, row.outcome, row.error) == ("SUCCESS", "inactive", None)
    assert not executed.materializations
    assert not shop.requests
    assert len(executed.checks) == len(check_specs)
    assert all(check.passed and "inactive" in str(check.description) for check in executed.checks)
    assert failed_stores(instance, ["berlin"]) == []


def test_in_a_backfill_a_purged_or_unknown_store_is_refused(
    instance: DagsterInstance, shop: DemoStore, services: Services
) -> None:
    services.integrations.purge("berlin")
    for store in ("berlin", "nobody"):
        executed = execute(instance, names.SYNC_JOB, tags={names.PARTITION_TAG: store, "dagster/backfill": "abc"})
        row = sync_row(instance, executed.run.run_id)
        assert row is not None
        assert (row.status, row.outcome) == ("FAILURE", "refused")


class PublishesNothing(Inventory):
    """Its sync ends well and hands over no snapshot, as no sync may."""

    @contextmanager
    def open(self) -> Iterator[Any]:
        with super().open() as services:
            yield SilentServices(services)


class SilentServices:
    def __init__(self, services: Services) -> None:
        self._services = services

    def __getattr__(self, name: str) -> Any:
        return getattr(self._services, name)

    def sync(self, *_: object, **__: object) -> Any:
        return SimpleNamespace(sync_all_products=lambda *_, **__: None)


def test_a_sync_that_ends_well_without_a_snapshot_is_red_although_the_output_is_not_required(
    instance: DagsterInstance, shop: DemoStore
) -> None:
    instance.add_dynamic_partitions(names.STORES_PARTITIONS, ["berlin"])
    resources = {"inventory": PublishesNothing()}
    ended = dg.materialize(
        [inventory_snapshot], instance=instance, partition_key="berlin", resources=resources, raise_on_error=False
    )
    assert not ended.success
    (failed,) = ended.get_step_failure_events()
    assert str(failed.step_failure_data.error).startswith("dagster._core.definitions.events.Failure: ")
    assert not ended.asset_materializations_for_node(names.SNAPSHOT)


def test_the_page_of_a_store_says_why_there_is_nothing_newer_and_what_to_do(instance: DagsterInstance, shop: DemoStore) -> None:
    add_partitions(instance, ["berlin"])
    assert page_of(instance, "berlin")["last_sync"] == "never"
    assert "Materialize… reads it now" in page_of(instance, "berlin")["reason_and_cure"]
    add_partitions(instance, ["berlin"])
    sync(instance)
    assert page_of(instance, "berlin")["last_sync"] == "never", "what a good sync leaves is its materialization"
    shrink(shop)
    sync(instance)
    shown = page_of(instance, "berlin")
    assert shown["last_sync"].startswith("quarantined: ")
    assert "accept_shrink: true in the launchpad" in shown["reason_and_cure"]
    assert "accept_shrink:+true" in shown["if_the_store_is_right"]
    assert shown["last_sync"] == instance.get_runs()[0].tags[names.RESULT_TAG]


def page_of(instance: DagsterInstance, store: str) -> dict[str, str]:
    """The latest observation of a store's partition, which its page shows."""
    which = dg.AssetRecordsFilter(asset_key=dg.AssetKey(names.SNAPSHOT), asset_partitions=[store])
    (record,) = instance.fetch_observations(which, limit=1).records
    observed = record.event_log_entry.asset_observation
    assert observed is not None
    return {name: str(value.value) for name, value in observed.metadata.items()}


def test_a_second_sync_of_a_store_is_refused_naming_the_first(
    instance: DagsterInstance, shop: DemoStore, services: Services
) -> None:
    first = instance.create_run_for_job(defs.resolve_job_def(names.SYNC_JOB), status=DagsterRunStatus.STARTED)
    leases.acquire(services.database, "berlin", first.run_id, services.clock(), LEASE_TTL)
    result, row = sync(instance)
    assert row.outcome == "refused"
    assert first.run_id in str(row.error)
    assert result.way_out == {"held_by": dg.MetadataValue.dagster_run(first.run_id)}
    assert not shop.requests


def test_the_lease_of_a_run_that_has_ended_does_not_hold_the_next_one_up(
    instance: DagsterInstance, shop: DemoStore, services: Services
) -> None:
    killed = instance.create_run_for_job(defs.resolve_job_def(names.SYNC_JOB), status=DagsterRunStatus.FAILURE)
    leases.acquire(services.database, "berlin", killed.run_id, services.clock(), LEASE_TTL)
    _, row = sync(instance)
    assert row.outcome == "published"
    assert leases.current(services.database, "berlin") is None


def test_a_store_that_dagster_does_not_know_yet_is_made_a_partition(instance: DagsterInstance, shop: DemoStore) -> None:
    assert instance.get_dynamic_partitions(names.STORES_PARTITIONS) == []
    sync(instance)
    assert instance.get_dynamic_partitions(names.STORES_PARTITIONS) == ["berlin"]
    assert instance.get_materialized_partitions(dg.AssetKey(names.SNAPSHOT)) == {"berlin"}


def test_at_debug_each_request_is_a_line_on_the_runs_page_without_its_secrets(
    instance: DagsterInstance, shop: DemoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet, _ = sync(instance)
    assert "GET http" not in quiet.texts
    monkeypatch.setenv("INVENTORY_LOG_LEVEL", "DEBUG")
    executed, row = sync(instance)
    assert executed.texts.count("GET http") == row.api_calls
    assert shop.secret not in executed.texts
    assert shop.key not in executed.texts


def test_a_database_address_that_cannot_be_used_is_the_runs_failure_in_its_own_words(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "mysql://sam:hunter22@db/stock")
    result, row = sync(instance)
    assert (row.status, row.outcome, result.attempts) == ("FAILURE", "failed", 1)
    assert "INVENTORY_DATABASE_URL takes sqlite:///<file> or postgresql://" in str(row.error)
    assert "hunter22" not in result.texts


class Broken(Inventory):
    @contextmanager
    def open(self) -> Iterator[Services]:
        redact.add("hunter2-hunter2")
        raise KeyError("hunter2-hunter2")
        yield


def test_a_fault_of_ours_is_one_line_without_secrets(instance: DagsterInstance) -> None:
    instance.add_dynamic_partitions(names.STORES_PARTITIONS, ["berlin"])
    dg.materialize(
        [inventory_snapshot], instance=instance, partition_key="berlin", resources={"inventory": Broken()}, raise_on_error=False
    )
    (row,) = list_syncs(instance)
    assert (row.outcome, row.error) == ("failed", "unexpected KeyError: '***'")
    (run,) = instance.get_runs()
    assert "hunter2" not in "".join(str(entry) for entry in instance.all_logs(run.run_id))


def test_the_largest_changes_are_a_table_that_dagster_shows_without_a_click(instance: DagsterInstance, shop: DemoStore) -> None:
    sync(instance)
    for product in [product for product in shop.catalogue.products if product.tracking == "own"][:30]:
        shop.catalogue.change(product, quantity=1_000_000)
    shop.catalogue.remove(shop.catalogue.products[-1])
    result, _ = sync(instance)
    (published,) = result.materializations
    table = str(published.metadata["largest_changes"].value)
    assert len(table) < 1_000
    assert table.startswith("| available | SKU | title |\n| --- | --- | --- |\n")
    rows = table.splitlines()[2:]
    assert len(rows) > 5
    assert all(row.count(" | ") == 2 and " → 1,000,000 | " in row for row in rows)
