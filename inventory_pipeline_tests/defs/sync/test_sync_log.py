"""The sync log over real runs in a real history."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from dagster import (
    AssetKey,
    AssetSelection,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    Definitions,
    define_asset_job,
)
from sqlalchemy import event

from inventory_pipeline.core.sync import Outcome
from inventory_pipeline.definitions import defs
from inventory_pipeline.defs import names
from inventory_pipeline.defs.alerts.assets import stock_alerts
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.resources import Inventory
from inventory_pipeline.defs.sync.assets import inventory_snapshot
from inventory_pipeline.defs.sync.outcome import SyncOutcome, write_tags
from inventory_pipeline.defs.sync.sync_log import failed_stores, list_syncs, sync_row

COUNTED = {"created": "3", "updated": "2", "skipped": "40", "rejected": "1", "missing": "4"}


def create_run(
    instance: DagsterInstance,
    store: str | None = "berlin",
    *,
    job: str = names.SYNC_JOB,
    status: DagsterRunStatus = DagsterRunStatus.SUCCESS,
    tags: dict[str, str] | None = None,
) -> DagsterRun:
    partition = {} if store is None else {names.PARTITION_TAG: store}
    if store is not None:
        add_partitions(instance, [store])
    return instance.create_run_for_job(
        defs.resolve_job_def(job),
        status=status,
        tags={**partition, **(tags or {})},
        asset_selection=frozenset({AssetKey(names.SNAPSHOT)}) if job == "__ASSET_JOB" else None,
    )


def published(instance: DagsterInstance, run: DagsterRun) -> None:
    own = {names.RUN_TAG: run.run_id, names.OUTCOME_TAG: "published", names.API_CALLS_TAG: "7"}
    instance.add_run_tags(run.run_id, own | {names.COUNT_TAGS[name]: value for name, value in COUNTED.items()})


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(sa.Engine, "before_cursor_execute", count)


def test_a_published_sync_shows_its_counts_and_their_sum(instance: DagsterInstance) -> None:
    run = create_run(instance)
    published(instance, run)
    (row,) = list_syncs(instance)
    assert (row.run_id, row.store, row.trigger, row.status, row.outcome) == (
        run.run_id,
        "berlin",
        "manual",
        "SUCCESS",
        "published",
    )
    assert (row.seen, row.created, row.updated, row.skipped, row.rejected, row.missing) == (46, 3, 2, 40, 1, 4)
    assert row.api_calls == 7
    assert row.error is None


def test_every_run_that_selects_the_snapshot_is_listed_whatever_its_job_newest_first(instance: DagsterInstance) -> None:
    runs = [
        create_run(instance),
        create_run(instance, "paris", job="__ASSET_JOB"),
        create_run(instance, status=DagsterRunStatus.STARTED),
    ]
    assert [row.run_id for row in list_syncs(instance)] == [run.run_id for run in reversed(runs)]
    assert [row.run_id for row in list_syncs(instance, store="paris")] == [runs[1].run_id]
    assert [row.run_id for row in list_syncs(instance, limit=1)] == [runs[2].run_id]


def test_a_job_of_somebodys_own_that_holds_the_asset_is_listed_and_no_other(instance: DagsterInstance) -> None:
    own = Definitions(
        assets=[inventory_snapshot, stock_alerts],
        jobs=[define_asset_job("everything", AssetSelection.all())],
        resources={"inventory": Inventory()},
    )
    run = instance.create_run_for_job(own.resolve_job_def("everything"), tags={names.PARTITION_TAG: "berlin"})
    for _ in range(3):
        instance.create_run_for_job(defs.resolve_job_def("check_alerts"), tags={"after": names.SNAPSHOT})
    assert [row.run_id for row in list_syncs(instance)] == [run.run_id]
    assert [row.run_id for row in list_syncs(instance, limit=1)] == [run.run_id]


def test_a_run_of_before_the_tags_were_renamed_shows_its_counts_still(instance: DagsterInstance) -> None:
    run = create_run(instance)
    own = {"inventory/run": run.run_id, "inventory/outcome": "published", "inventory/platform": "woocommerce"}
    counts = {f"inventory/{name}": value for name, value in COUNTED.items()}
    instance.add_run_tags(run.run_id, {**own, **counts, "inventory/api_calls": "7"})
    (row,) = list_syncs(instance)
    assert (row.outcome, row.platform, row.seen, row.missing, row.api_calls) == ("published", "woocommerce", 46, 4, 7)
    again = re_executed(instance, run)
    write_tags(instance, again, SyncOutcome("failed", error="503"), "woocommerce")
    row = sync_row(instance, again.run_id)
    assert row is not None
    assert (row.outcome, row.error, row.created) == ("failed", "503", None)
    assert {shown(instance, again)[tag] for tag in ("inventory/run", *counts, "inventory/api_calls")} == {names.NOTHING}


def test_a_row_of_the_runs_list_shows_little_and_all_of_it_is_still_there(instance: DagsterInstance) -> None:
    run = create_run(instance, status=DagsterRunStatus.FAILURE)
    error = "quarantined: 30 of 40 lines are gone (75%); the last good snapshot stays; if the store is right, accept it"
    write_tags(instance, run, SyncOutcome("quarantined", error=error), "woocommerce")
    tags = shown(instance, run)
    in_the_row = {name: value for name, value in tags.items() if name == names.PARTITION_TAG or not name.startswith("dagster/")}
    assert in_the_row == {
        "dagster/partition": "berlin",
        "inventory/outcome": "quarantined",
        "inventory/result": "quarantined: 30 of 40 lines are gone (75%)",
        "inventory/trigger": "manual",
    }
    assert tags["dagster/inventory/error"] == error


def test_wiping_what_was_materialized_leaves_the_log(instance: DagsterInstance) -> None:
    run = create_run(instance)
    published(instance, run)
    instance.wipe_assets([AssetKey(names.SNAPSHOT)])
    assert [row.outcome for row in list_syncs(instance)] == ["published"]


def test_a_running_sync_has_no_outcome_and_no_counts(instance: DagsterInstance) -> None:
    create_run(instance, status=DagsterRunStatus.STARTED)
    (row,) = list_syncs(instance)
    assert (row.status, row.outcome, row.seen, row.error) == ("STARTED", None, None, None)


def test_a_run_without_a_partition_is_listed_without_a_store(instance: DagsterInstance) -> None:
    create_run(instance, None, status=DagsterRunStatus.FAILURE)
    (row,) = list_syncs(instance)
    assert (row.store, row.outcome) == (None, "failed")


def test_results_that_a_re_execution_copied_from_its_parent_are_not_believed(instance: DagsterInstance) -> None:
    parent = create_run(instance)
    published(instance, parent)
    stored = instance.get_run_by_id(parent.run_id)
    assert stored is not None
    copied = {**stored.tags, "dagster/parent_run_id": parent.run_id, "dagster/root_run_id": parent.run_id}
    child = create_run(instance, status=DagsterRunStatus.STARTED, tags=copied)
    row = sync_row(instance, child.run_id)
    assert row is not None
    assert (row.trigger, row.outcome, row.seen, row.api_calls) == ("retry", None, None, None)


def test_a_re_execution_that_published_shows_no_error_of_its_parent_and_one_that_failed_no_counts(
    instance: DagsterInstance,
) -> None:
    failed = create_run(instance, status=DagsterRunStatus.FAILURE)
    write_tags(instance, failed, SyncOutcome("failed", error="the shop refuses the consumer_key"), "woocommerce")
    mended = re_executed(instance, failed)
    published(instance, mended)
    write_tags(instance, mended, SyncOutcome("published"), "woocommerce")
    assert shown(instance, mended)[names.ERROR_TAG] == names.NOTHING
    row = sync_row(instance, mended.run_id)
    assert row is not None
    assert (row.outcome, row.error) == ("published", None)
    broken = re_executed(instance, mended)
    write_tags(instance, broken, SyncOutcome("failed", error="503"), "woocommerce")
    tags = shown(instance, broken)
    assert {tags[tag] for tag in (*names.COUNT_TAGS.values(), names.API_CALLS_TAG)} == {names.NOTHING}
    row = sync_row(instance, broken.run_id)
    assert row is not None
    assert (row.outcome, row.error, row.created, row.api_calls) == ("failed", "503", None, None)


def re_executed(instance: DagsterInstance, parent: DagsterRun) -> DagsterRun:
    return create_run(instance, tags={**shown(instance, parent), "dagster/parent_run_id": parent.run_id})


def shown(instance: DagsterInstance, run: DagsterRun) -> dict[str, str]:
    """The run's tags as the runs list shows them."""
    stored = instance.get_run_by_id(run.run_id)
    assert stored is not None
    return dict(stored.tags)


@pytest.mark.parametrize(
    ("tags", "trigger"),
    [
        ({"dagster/schedule_name": "inventory_sync_schedule"}, "schedule"),
        ({"dagster/sensor_name": "store_integration_sensor"}, "auto_sync"),
        ({"dagster/schedule_name": "inventory_sync_schedule", "dagster/parent_run_id": "x"}, "retry"),
        ({"dagster/backfill": "abc"}, "manual"),
    ],
)
def test_the_trigger_is_what_started_the_run(instance: DagsterInstance, tags: dict[str, str], trigger: str) -> None:
    create_run(instance, tags=tags)
    (row,) = list_syncs(instance)
    assert row.trigger == trigger


def test_a_run_that_ended_without_a_word_says_where_to_look(instance: DagsterInstance) -> None:
    create_run(instance, status=DagsterRunStatus.FAILURE, tags={"dagster/failure_reason": "RUN_EXCEPTION"})
    create_run(instance, status=DagsterRunStatus.CANCELED)
    canceled, failed = list_syncs(instance)
    assert (canceled.outcome, canceled.error) == ("canceled", None)
    assert failed.outcome == "failed"
    assert failed.error is not None
    assert "RUN_EXCEPTION" in failed.error


def test_a_long_error_keeps_its_cure_in_the_tag_and_is_whole_in_the_log(instance: DagsterInstance) -> None:
    run = create_run(instance, status=DagsterRunStatus.FAILURE)
    cure = "ask the shop's host to let this program pass; or, if the address is right, the web shop's own firewall"
    error = f"the shop refuses:\n{'broken ' * 150}it; {cure}"
    write_tags(instance, run, SyncOutcome("failed", error=error), "woocommerce")
    (row,) = list_syncs(instance)
    tags = instance.get_run_by_id(run.run_id).tags  # pyright: ignore[reportOptionalMemberAccess] - made above
    assert tags[names.ERROR_TAG].startswith("the shop refuses: broken")
    assert tags[names.ERROR_TAG].endswith(cure)
    assert all(len(value) <= names.TAG_LENGTH and "\n" not in value for value in tags.values())
    assert row.error == " ".join(error.split())
    assert row.platform == "woocommerce"


def test_listing_costs_the_same_number_of_queries_however_many_rows(instance: DagsterInstance) -> None:
    create_run(instance)
    list_syncs(instance)
    with counted_statements() as few:
        assert len(list_syncs(instance, limit=100)) == 1
    for _ in range(5):
        create_run(instance)
    with counted_statements() as many:
        assert len(list_syncs(instance, limit=100)) == 6
    assert len(many) == len(few)
    assert sum("PRAGMA" not in statement for statement in many) == 1


def test_deleted_runs_leave_the_list(instance: DagsterInstance) -> None:
    gone, kept = create_run(instance), create_run(instance)
    instance.delete_run(gone.run_id)
    assert [row.run_id for row in list_syncs(instance)] == [kept.run_id]


def ended(instance: DagsterInstance, store: str, outcome: Outcome) -> None:
    status = {"published": DagsterRunStatus.SUCCESS, "canceled": DagsterRunStatus.CANCELED}.get(outcome, DagsterRunStatus.FAILURE)
    write_tags(instance, create_run(instance, store, status=status), SyncOutcome(outcome), None)


def test_the_failed_stores_are_those_whose_last_full_attempt_was_not_published(instance: DagsterInstance) -> None:
    ended(instance, "mended", "failed")
    ended(instance, "mended", "published")
    ended(instance, "broken", "published")
    ended(instance, "broken", "quarantined")
    ended(instance, "broken", "refused")
    ended(instance, "stopped", "published")
    ended(instance, "stopped", "canceled")
    create_run(instance, "running", status=DagsterRunStatus.STARTED)
    stores = ["mended", "broken", "stopped", "running", "never"]
    assert failed_stores(instance, stores) == ["broken"]
    with counted_statements() as statements:
        failed_stores(instance, stores)
    assert sum("PRAGMA" not in statement for statement in statements) == 2


def test_rows_become_json_with_the_fixed_names(instance: DagsterInstance) -> None:
    create_run(instance)
    (row,) = list_syncs(instance)
    assert set(row.as_json()) == {
        *("run_id", "store", "platform", "trigger", "status", "outcome", "started_at", "ended_at"),
        *("seen", "created", "updated", "skipped", "rejected", "missing", "api_calls", "error", "note"),
    }
