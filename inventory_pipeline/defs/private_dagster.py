"""Whatever of Dagster is private to it and used here, with the reason why; a test fails by name when an upgrade takes one.

Imported where it is used only: each run's process loads the definitions, and needs few of these.
"""

from dagster import DagsterRun

# The tag in which the run launcher keeps the address of the code server that it asked to start the run.
CODE_SERVER_TAG = ".dagster/grpc_info"
_ANSWER_SECONDS = 5


def code_server_executes(run: DagsterRun) -> bool | None:
    """What the code server that was asked to start the run says of it; None where there is none, or it does not answer.

    Private because Dagster has no public question for whether a run's process lives: `RunLauncher.check_run_worker_health`
    is not implemented for processes of a code server.
    """
    import json

    from dagster._core.errors import DagsterUserCodeUnreachableError
    from dagster._grpc.client import DagsterGrpcClient
    from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
    from dagster._serdes import deserialize_value

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
