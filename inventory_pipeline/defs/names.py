"""The names people type, filter by and read in Dagster's web UI, and addresses inside it.

Plain texts, so that reading them does not load Dagster. Each text that shows such an address says the way in words too,
should it go stale.
"""

from urllib.parse import quote, urlencode

SNAPSHOT = "inventory_snapshot"
STORES_PARTITIONS = "store_integrations"
SYNC_JOB = "sync_inventory"
MANAGE_ALERTS_JOB = "manage_alerts"
# Every job and asset here: their bodies say first of all that their run lives, so that one which does not is dead.
JOBS = (
    SYNC_JOB,
    "register_store_integration",
    "manage_store_integration",
    "check_alerts",
    MANAGE_ALERTS_JOB,
    "deliver_notices",
    "maintenance",
)
ASSETS = (SNAPSHOT, "stock_alerts")
# As workspace.yaml calls it.
CODE_LOCATION = "inventory_pipeline"

# Between `launch.py` and its workers only.
SHOW_REQUESTS = "INVENTORY_WORKER_SHOWS_REQUESTS"

PARTITION_TAG = "dagster/partition"
# Written by the run itself at its end. A re-execution copies its parent's tags: they are true of a run only where
# RUN_TAG holds that run's own id. The runs list shows these three, and hides what begins with `dagster/` behind
# *View all tags*, where it can still be filtered by.
OUTCOME_TAG = "inventory/outcome"
RESULT_TAG = "inventory/result"
TRIGGER_TAG = "inventory/trigger"
RUN_TAG = "dagster/inventory/run"
PLATFORM_TAG = "dagster/inventory/platform"
ERROR_TAG = "dagster/inventory/error"
API_CALLS_TAG = "dagster/inventory/api_calls"
COUNT_TAGS = {name: f"dagster/inventory/{name}" for name in ("created", "updated", "skipped", "rejected", "missing")}
# What is more than a tag holds goes on in these. NOTE_TAG: what a published sync has to say of its store.
NOTE_TAG = "dagster/inventory/note"
ERROR_PIECES = tuple(f"dagster/inventory/error_{number}" for number in range(1, 9))
NOTE_PIECES = tuple(f"dagster/inventory/note_{number}" for number in range(1, 9))
# What a run writes only as it ends; a re-execution begins with its parent's, and Dagster can overwrite a tag, not remove it.
FIGURE_TAGS = (ERROR_TAG, *ERROR_PIECES, NOTE_TAG, *NOTE_PIECES, API_CALLS_TAG, *COUNT_TAGS.values())
NOTHING = "–"
TAG_LENGTH = 250


def earlier_name(tag: str) -> str:
    """What the runs of 0.1 call a tag whose name begins with `dagster/inventory/` today."""
    return tag.removeprefix("dagster/")


def store_page(key: str) -> str:
    """The store's own figures; without `view` the asset's page would show those of the store that was synced last."""
    return f"/assets/{SNAPSHOT}?view=partitions&partition={quote(key, safe='')}"


def launchpad(job: str, form: str, store: str | None = None) -> str:
    """The job's launchpad with the form (YAML) filled in; it launches nothing before somebody presses the button."""
    fields = {"config": form}
    if store is not None:
        fields |= {"tags[0][key]": PARTITION_TAG, "tags[0][value]": store}
    # A run's page shows the address itself: what need not be escaped is left readable.
    return f"/locations/{CODE_LOCATION}/jobs/{job}/playground/setup?{urlencode(fields, safe=':/[]')}"
