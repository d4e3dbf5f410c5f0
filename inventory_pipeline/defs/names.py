"""The names people type, filter by and read in the Dagster UI. Plain texts, so that reading them does not load Dagster."""

SNAPSHOT = "inventory_snapshot"
STORES_PARTITIONS = "store_integrations"
SYNC_JOB = "sync_inventory"
# Every job and asset here: their bodies say first of all that their run lives, so that one which does not is dead.
JOBS = (
    SYNC_JOB,
    "register_store_integration",
    "manage_store_integration",
    "check_alerts",
    "manage_alerts",
    "deliver_notices",
    "maintenance",
)
ASSETS = (SNAPSHOT, "stock_alerts")
# As workspace.yaml calls it.
CODE_LOCATION = "inventory_pipeline"

# Between `launch.py` and its workers only.
SHOW_REQUESTS = "INVENTORY_WORKER_SHOWS_REQUESTS"

PARTITION_TAG = "dagster/partition"
PLATFORM_TAG = "inventory/platform"
# Written by the run itself at its end. A re-execution copies its parent's tags: they are true of a run only where
# RUN_TAG holds that run's own id.
RUN_TAG = "inventory/run"
TRIGGER_TAG = "inventory/trigger"
OUTCOME_TAG = "inventory/outcome"
ERROR_TAG = "inventory/error"
API_CALLS_TAG = "inventory/api_calls"
COUNT_TAGS = {name: f"inventory/{name}" for name in ("created", "updated", "skipped", "rejected", "missing")}
# What is more than a tag holds goes on in these; `dagster/…` is hidden in lists of runs. NOTE_TAG: what a published sync has
# to say of its store.
NOTE_TAG = "dagster/inventory/note"
ERROR_PIECES = tuple(f"dagster/inventory/error_{number}" for number in range(1, 9))
NOTE_PIECES = tuple(f"{NOTE_TAG}_{number}" for number in range(1, 9))
# What a run writes only as it ends; a re-execution begins with its parent's, and Dagster can overwrite a tag, not remove it.
RESULT_TAGS = (ERROR_TAG, *ERROR_PIECES, NOTE_TAG, *NOTE_PIECES, API_CALLS_TAG, *COUNT_TAGS.values())
NOTHING = "–"
TAG_LENGTH = 250
