"""Findings of `stores check` that every platform words alike."""

from typing import get_args

from inventory_pipeline.connectors.base import CheckItem, CheckName
from inventory_pipeline.core.errors import SyncError


def failed(check: CheckName, error: SyncError) -> CheckItem:
    """An error as a finding: what stands behind its last semicolon is the way out."""
    detail, _, cure = str(error).rpartition("; ")
    return CheckItem(check, False, detail or cure, cure if detail else "")


def with_rest(*items: CheckItem) -> list[CheckItem]:
    """What could not be looked at is said to be so: no finding is not a good finding."""
    done = {item.check for item in items}
    rest = (name for name in get_args(CheckName) if name not in done)
    return [*items, *(CheckItem(name, False, "not looked at yet", f"mend the {items[-1].check} first") for name in rest)]
