"""Addresses inside Dagster's web UI, for texts that it shows. Each text also says the way in words, should one go stale."""

from urllib.parse import quote, urlencode

from inventory_pipeline.defs import names


def store_page(key: str) -> str:
    """The store's own figures; without `view` the asset's page would show those of the store that was synced last."""
    return f"/assets/{names.SNAPSHOT}?view=partitions&partition={quote(key, safe='')}"


def launchpad(job: str, form: str, store: str | None = None) -> str:
    """The job's launchpad with the form (YAML) filled in; it launches nothing before somebody presses the button."""
    fields = {"config": form}
    if store is not None:
        fields |= {"tags[0][key]": names.PARTITION_TAG, "tags[0][value]": store}
    # A run's page shows the address itself: what need not be escaped is left readable.
    return f"/locations/{names.CODE_LOCATION}/jobs/{job}/playground/setup?{urlencode(fields, safe=':/[]')}"
