"""Users of the site: added, changed, removed, given a link by which they choose a password. Every change is audited."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.users import User, checked_groups, checked_name, checked_role
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit, stores
from inventory_pipeline.db.users import accounts, tokens
from inventory_pipeline.services.users.sign_in import new_token

# How long a link to choose a password works, unless it is used before.
LINK_LASTS = timedelta(days=3)


class Users:
    """Use cases over users. After a UsageError nothing was changed. `actor` is whom the audit log names."""

    def __init__(self, database: Database, clock: Clock, *, actor: str) -> None:
        self._database, self._clock, self._actor = database, clock, actor

    def list(self) -> list[User]:
        """By name."""
        with self._database.connect() as connection:
            return accounts.list_users(connection)

    def add(self, name: str, role: str, groups: Sequence[str] | None) -> str:
        """Adds a user, of all groups where `groups` is None, and returns the token of the link to choose a password."""
        name, checked = checked_name(name), checked_role(role)
        with self._database.begin() as connection:
            belongs = checked_groups(groups, _groups(connection))
            user = accounts.insert_user(connection, name, checked, belongs, self._clock())
            self._record(connection, "users add", name, f"{user.role} of {user.groups_text}")
            return _put_link(connection, user, "password", self._clock())

    def set(
        self,
        name: str,
        *,
        role: str | None = None,
        groups: Sequence[str] | None = None,
        all_groups: bool = False,
        is_active: bool | None = None,
    ) -> User:
        """Changes what is given. A user who is switched off is signed out at once.

        Raises UsageError where nobody would be left who may change users.
        """
        changes: dict[str, Any] = {}
        if role is not None:
            changes["role"] = checked_role(role)
        if is_active is not None:
            changes["is_active"] = is_active
        with self._database.begin() as connection:
            user = accounts.get_user(connection, name)
            if all_groups or groups is not None:
                changes["groups"] = None if all_groups else checked_groups(groups, _groups(connection))
            if not changes:
                raise UsageError("nothing to change: give a role, groups, or whether the user is active")
            accounts.update_user(connection, user.id, **changes)
            self._check_somebody_is_left(connection)
            if is_active is False:
                tokens.remove_tokens(connection, user.id, ("session", "browser", "password", "sign_in"))
            changed = accounts.get_user(connection, name)
            state = "active" if changed.is_active else "switched off"
            self._record(connection, "users set", name, f"{changed.role} of {changed.groups_text}, {state}")
            return changed

    def remove(self, name: str) -> None:
        """Removes the user and signs them out. What the audit log says of them stays."""
        with self._database.begin() as connection:
            accounts.remove_user(connection, accounts.get_user(connection, name).id)
            self._check_somebody_is_left(connection)
            self._record(connection, "users remove", name, "")

    def reset(self, name: str) -> str:
        """Takes the password away, signs the user out everywhere, and returns the token of the link to choose a new one."""
        with self._database.begin() as connection:
            user = accounts.get_user(connection, name)
            if not user.is_active:
                raise UsageError(f"user {name!r} is switched off; `inventory-pipeline users set {name} --active` first")
            tokens.remove_tokens(connection, user.id, ("session", "password", "sign_in"))
            accounts.update_user(connection, user.id, password_hash=None)
            self._record(connection, "users reset", name, "")
            return _put_link(connection, user, "password", self._clock())

    def sign_in_link(self, name: str) -> str:
        """The token of a link that signs the user in once, without a password: for the demo."""
        with self._database.begin() as connection:
            user = accounts.get_user(connection, name)
            tokens.remove_tokens(connection, user.id, ("sign_in",))
            return _put_link(connection, user, "sign_in", self._clock())

    def _check_somebody_is_left(self, connection: sa.Connection) -> None:
        if not any(user.may("users") for user in accounts.list_users(connection)):
            raise UsageError("nobody would be left who may change users: an admin of all groups must stay")

    def _record(self, connection: sa.Connection, action: str, subject: str, detail: str) -> None:
        audit.record(connection, self._clock(), self._actor, action, f"user {subject}", detail)


def _groups(connection: sa.Connection) -> list[str]:
    return sorted({store.group for store in stores.list_stores(connection)})


def _put_link(connection: sa.Connection, user: User, kind: tokens.Kind, now: datetime) -> str:
    token, token_hash = new_token()
    tokens.insert_token(connection, user.id, tokens.Token(token_hash, kind, now, now, now + LINK_LASTS, "", ""))
    return token
