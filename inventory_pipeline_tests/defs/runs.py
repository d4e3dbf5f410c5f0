"""Runs executed in the test's own process the way `dagster job execute` does, and what they left in the history."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, DagsterInstance

from inventory_pipeline.definitions import defs
from inventory_pipeline.defs import names
from inventory_pipeline.defs.private_dagster import InMemoryJob, execute_run
from inventory_pipeline.defs.sync.sync_log import SyncLogRow, sync_row


@dataclass(frozen=True)
class Executed:
    """A run that has ended."""

    run: dg.DagsterRun
    events: list[DagsterEvent]
    texts: str

    def of_type(self, *kinds: DagsterEventType) -> list[DagsterEvent]:
        return [event for event in self.events if event.event_type in kinds]

    @property
    def attempts(self) -> int:
        return len(self.of_type(DagsterEventType.STEP_START, DagsterEventType.STEP_RESTARTED))

    @property
    def checks(self) -> list[dg.AssetCheckEvaluation]:
        return [event.asset_check_evaluation_data for event in self.of_type(DagsterEventType.ASSET_CHECK_EVALUATION)]

    def check(self, name: str) -> dg.AssetCheckEvaluation:
        (found,) = (check for check in self.checks if check.check_name == name)
        return found

    @property
    def materializations(self) -> list[dg.AssetMaterialization]:
        return [event.step_materialization_data.materialization for event in self.of_type(DagsterEventType.ASSET_MATERIALIZATION)]

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The metadata of the one output of an op that succeeded."""
        (event,) = self.of_type(DagsterEventType.STEP_OUTPUT)
        return {name: value.value for name, value in event.step_output_data.metadata.items()}

    @property
    def way_out(self) -> Mapping[str, dg.MetadataValue]:
        """What stands beside the step's failure."""
        (event,) = self.of_type(DagsterEventType.STEP_FAILURE)
        told = event.step_failure_data.user_failure_data
        return {} if told is None else told.metadata

    @property
    def failure(self) -> str:
        """What the step's failure says."""
        (event,) = self.of_type(DagsterEventType.STEP_FAILURE)
        error = event.step_failure_data.error
        assert error is not None
        return error.message


def execute(
    instance: DagsterInstance, job: str, config: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None
) -> Executed:
    definition = defs.resolve_job_def(job)
    run = instance.create_run_for_job(definition, run_config=config, tags=tags)
    execute_run(InMemoryJob(definition), run, instance)
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    entries = instance.all_logs(run.run_id)
    events = [entry.get_dagster_event() for entry in entries if entry.is_dagster_event]
    return Executed(ended, events, "\n".join(map(str, entries)))


def sync(instance: DagsterInstance, store: str | None = "berlin", **config: Any) -> tuple[Executed, SyncLogRow]:
    """One run of sync_inventory, and its row of the sync log."""
    executed = execute(
        instance,
        names.SYNC_JOB,
        {"ops": {"inventory_snapshot": {"config": config}}} if config else None,
        {} if store is None else {names.PARTITION_TAG: store},
    )
    row = sync_row(instance, executed.run.run_id)
    assert row is not None
    return executed, row
