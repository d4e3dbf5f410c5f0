"""Syncs as the site starts, watches and ends them: Dagster runs in Dagster's queue, as if its own web UI had launched them."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster import DagsterError, DagsterInstance, DagsterRunStatus, RunsFilter

from inventory_pipeline.core.errors import InventoryError, UsageError
from inventory_pipeline.core.text import one_line
from inventory_pipeline.defs import names
from inventory_pipeline.defs.integrations.partitions import add_partitions
from inventory_pipeline.defs.integrations.sensor import daemon_is_running
from inventory_pipeline.defs.sync.recorded_runs import history_of, latest_syncs
from inventory_pipeline.defs.sync.sync_log import SyncLogRow, has_own_tags, log_row, sync_row

if TYPE_CHECKING:
    from dagster._core.workspace.context import WorkspaceProcessContext

_GOING_ON = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
# In a run's tags: who pressed the button.
USER_TAG = "user"


class NotReady(InventoryError):
    """Dagster is still starting."""


@dataclass(frozen=True, slots=True)
class Launched:
    """`is_new` is false where a sync of the store was under way already, which this one is."""

    run_id: str
    is_new: bool


class SyncRuns:
    """`workspace` is given once the code is loaded (`ready`); until then syncs can be looked at, and not started."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._workspace: WorkspaceProcessContext | None = None
        # Two presses at once must not launch two runs.
        self._launching = threading.Lock()

    def ready(self, workspace: "WorkspaceProcessContext") -> None:
        self._workspace = workspace

    @property
    def has_daemon(self) -> bool:
        """Whether anything takes runs from the queue."""
        return daemon_is_running(self._instance)

    def latest(self, stores: Sequence[str] | None = None, *, limit: int = 20, before: str | None = None) -> list[SyncLogRow]:
        """The latest syncs of these stores (None: of all), newest first, those older than the run `before` where given."""
        if stores is not None and not stores:
            return []
        with history_of(self._instance) as connection:
            return [log_row(run) for run in latest_syncs(connection, stores=stores, limit=limit, before=before)]

    def row(self, run_id: str) -> SyncLogRow | None:
        return sync_row(self._instance, run_id)

    def under_way(self, store: str) -> str | None:
        """The run that syncs the store or waits to, if one does. One that has its outcome already is none: it is about to end."""
        asked = RunsFilter(tags={names.PARTITION_TAG: store}, statuses=_GOING_ON)
        runs = self._instance.get_runs(asked, ascending=True)
        return next((run.run_id for run in runs if not has_own_tags(run)), None)

    def launch(self, store: str, platform: str, user: str, config: Mapping[str, Any] | None = None) -> Launched:
        """Puts a sync of the store into the queue, or attaches to the one that is there. Raises NotReady."""
        with self._launching:
            running = self.under_way(store)
            if running is not None:
                if config:
                    raise UsageError("a sync of this store is under way; wait for its end, or cancel it, and accept then")
                return Launched(running, is_new=False)
            add_partitions(self._instance, [store])
            tags = {names.PARTITION_TAG: store, names.PLATFORM_TAG: platform, USER_TAG: user}
            return Launched(
                self._submit(tags, {"ops": {names.SNAPSHOT: {"config": dict(config)}}} if config else {}), is_new=True
            )

    def cancel(self, run_id: str) -> None:
        """Ends the run within seconds; one that waits in the queue at once. Nothing where it has ended."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return
        try:
            self._instance.run_coordinator.cancel_run(run_id)
        except DagsterError as error:
            raise UsageError(f"the sync could not be canceled: {one_line(error, 200)}") from None

    def _submit(self, tags: Mapping[str, str], config: Mapping[str, Any]) -> str:
        if self._workspace is None:
            raise NotReady("Dagster is still starting; try again in a few seconds")
        context = self._workspace.create_request_context()
        if not context.has_code_location(names.CODE_LOCATION):
            raise NotReady("Dagster could not load the code; an admin sees why under Dagster → Deployment")
        location = context.get_code_location(names.CODE_LOCATION)
        job = location.get_repository("__repository__").get_full_job(names.SYNC_JOB)
        plan = location.get_execution_plan(job, config, step_keys_to_execute=None, known_state=None, instance=self._instance)
        run = self._instance.create_run(
            job_name=job.name,
            run_id=None,
            run_config=config,
            resolved_op_selection=job.resolved_op_selection,
            step_keys_to_execute=None,
            status=DagsterRunStatus.NOT_STARTED,
            op_selection=None,
            root_run_id=None,
            parent_run_id=None,
            tags={**job.run_tags, **tags},
            job_snapshot=job.job_snapshot,
            execution_plan_snapshot=plan.execution_plan_snapshot,
            parent_job_snapshot=job.parent_job_snapshot,
            remote_job_origin=job.get_remote_origin(),
            job_code_origin=job.get_python_origin(),
            asset_selection=None,
            asset_check_selection=None,
            asset_graph=location.get_repository("__repository__").asset_graph,
        )
        self._instance.submit_run(run.run_id, context)
        return run.run_id
