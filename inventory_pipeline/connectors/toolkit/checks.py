"""Findings of `stores check` that every platform words alike."""

import re
from typing import get_args

from inventory_pipeline.connectors.base import CheckItem, CheckName
from inventory_pipeline.core.errors import CredentialsRejected, ScopeMissing, SyncError


def failed(check: CheckName, error: SyncError) -> CheckItem:
    """The finding for an error. The text behind the error's last semicolon is the cure."""
    detail, _, cure = str(error).rpartition("; ")
    return CheckItem(check, False, detail or cure, cure if detail else "")


def with_rest(*items: CheckItem) -> list[CheckItem]:
    """The findings, and a bad finding for every check that was not done: otherwise it would look as if all were well."""
    done = {item.check for item in items}
    rest = (name for name in get_args(CheckName) if name not in done)
    return [*items, *(CheckItem(name, False, "not looked at yet", f"mend the {items[-1].check} first") for name in rest)]


def stopped_by(error: SyncError, address: CheckItem, credentials: CheckItem) -> list[CheckItem]:
    """The findings where the first request failed. The error may prove that some checks are well, and these are good findings.

    A missing permission proves the address and the credentials; refused credentials prove the address.
    """
    if isinstance(error, ScopeMissing):
        return with_rest(address, credentials, failed("permissions", error))
    if isinstance(error, CredentialsRejected):
        return with_rest(address, failed("credentials", error))
    return with_rest(failed("address", error))


def version_item(name: str, version: str, oldest: int, newest: int, rest: str) -> CheckItem:
    """The finding for the version that a shop tells, against the major versions from `oldest` to `newest`, which are proved."""
    major = re.match(r"(\d+)\.", version)
    if major and int(major[1]) < oldest:
        return CheckItem("version", False, f"{name} {version:.20} is older than {oldest}", f"update {name}")
    newer = f" (newer than {newest}, the last one proved)" if major and int(major[1]) > newest else ""
    return CheckItem("version", True, f"{name} {version:.20}{newer}; {rest}")
