"""The people who use the site, and what each may do there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from inventory_pipeline.core.errors import UsageError

Role = Literal["viewer", "manager", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

# What a role allows within a user's groups; `users` and `dagster` only for those who have all groups.
Right = Literal["look", "sync", "acknowledge", "thresholds", "accept", "stores", "credentials", "purge", "users", "dagster"]
RIGHTS: tuple[Right, ...] = get_args(Right)
_MANAGER: frozenset[Right] = frozenset({"look", "sync", "acknowledge", "thresholds", "accept"})
_OF_ROLE: dict[Role, frozenset[Right]] = {"viewer": frozenset({"look"}), "manager": _MANAGER, "admin": frozenset(RIGHTS)}
_OVER_ALL_GROUPS: frozenset[Right] = frozenset({"users", "dagster"})

# A login: a short name or a mail address.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._+-]{0,63})(?:@[a-z0-9.-]{1,190})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """`groups` None stands for all groups, those to come included. `has_password` is false until a link has been used."""

    id: int
    name: str
    role: Role
    groups: tuple[str, ...] | None
    is_active: bool
    has_password: bool
    created_at: datetime
    last_sign_in_at: datetime | None

    def may(self, right: Right) -> bool:
        """Whether the role allows it, within the groups that the user has."""
        return self.is_active and right in _OF_ROLE[self.role] and (self.groups is None or right not in _OVER_ALL_GROUPS)

    def has_group(self, group: str) -> bool:
        return self.groups is None or group in self.groups

    @property
    def groups_text(self) -> str:
        return "all" if self.groups is None else ", ".join(self.groups)


def checked_name(name: str) -> str:
    """The login in lower case. Raises UsageError for what is neither a short name nor a mail address."""
    shown = name.strip().lower()
    if not _NAME.fullmatch(shown):
        raise UsageError(f"{name!r:.80} is no name to sign in with: 'anna' or 'anna@shop.example', without spaces")
    return shown


def checked_role(role: str) -> Role:
    for known in ROLES:
        if role == known:
            return known
    raise UsageError(f"role {role!r:.40} is none of: {', '.join(ROLES)}")


def checked_groups(groups: Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...] | None:
    """The groups, sorted; None for all. Raises UsageError where there are none, or one that no store is in."""
    if groups is None:
        return None
    wanted = tuple(sorted({group.strip() for group in groups if group.strip()}))
    if not wanted:
        raise UsageError("a user needs a group, or all of them")
    for group in wanted:
        if group not in known:
            there_are = ", ".join(known) or "none yet"
            raise UsageError(f"no store is in group {group!r:.80}; the groups are: {there_are}")
    return wanted
