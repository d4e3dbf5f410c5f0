"""Whatever of Dagster is private to it and used here, each with the reason why; what loads SQLAlchemy is in
`private_dagster_storage`. A test fails by name when an upgrade of Dagster takes one of them away.
"""

import json

from dagster import DagsterRun

# Executes a job in a process of ours, in a run of ours: what is public runs jobs only from a file's or module's name.
from dagster._core.definitions.job_base import InMemoryJob as InMemoryJob

# The type of what `add_output_metadata` takes, which is exported nowhere.
from dagster._core.definitions.metadata import RawMetadataValue as RawMetadataValue

# What a failed run says of itself: events are public, what is in them is not.
from dagster._core.events import JobFailureData as JobFailureData

# As InMemoryJob: the public ways to execute a run make up its id themselves.
from dagster._core.execution.api import execute_run as execute_run

# What a failed step says of itself.
from dagster._core.execution.plan.objects import StepFailureData as StepFailureData

# An instance with its base folder in one place and its dagster.yaml in another: the public way takes DAGSTER_HOME for both.
from dagster._core.instance.ref import InstanceRef as InstanceRef

# Which code location a run belongs to: without it the web UI cannot execute the run again.
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

# Statuses are public, which of them are of ended runs is not.
from dagster._core.storage.dagster_run import FINISHED_STATUSES as FINISHED_STATUSES

# How a class that dagster.yaml names is built, and how a code server's answers are read.
from dagster._serdes import ConfigurableClass as ConfigurableClass
from dagster._serdes import ConfigurableClassData as ConfigurableClassData
from dagster._serdes import deserialize_value

# When a cron line ticks, as Dagster's own scheduler reckons it.
from dagster._utils.schedules import is_valid_cron_string as is_valid_cron_string
from dagster._utils.schedules import schedule_execution_time_iterator as schedule_execution_time_iterator

# The tag in which the run launcher keeps the address of the code server that it asked to start the run.
CODE_SERVER_TAG = ".dagster/grpc_info"
_ANSWER_SECONDS = 5


def job_origin(location: str, job: str) -> RemoteJobOrigin:
    """Where Dagster finds the job: as if the web UI had launched it from this code location."""
    return RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__"), job)


def code_server_executes(run: DagsterRun) -> bool | None:
    """What the code server that was asked to start the run says of it; None where there is none, or it does not answer."""
    # No public question asks whether a run's process lives: RunLauncher.check_run_worker_health knows no processes. Loads gRPC.
    from dagster._core.errors import DagsterUserCodeUnreachableError
    from dagster._grpc.client import DagsterGrpcClient
    from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult

    if CODE_SERVER_TAG not in run.tags:
        return None
    address = json.loads(run.tags[CODE_SERVER_TAG])
    client = DagsterGrpcClient(
        host=address["host"], port=address.get("port"), socket=address.get("socket"), use_ssl=address.get("use_ssl", False)
    )
    try:
        answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id), timeout=_ANSWER_SECONDS)
    except DagsterUserCodeUnreachableError:
        return None
    return deserialize_value(answer, CanCancelExecutionResult).can_cancel
