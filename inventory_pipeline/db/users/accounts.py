"""Rows of users."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.users import Role, User
from inventory_pipeline.db.tables.users import user_tokens
from inventory_pipeline.db.tables.users import users as _table


def insert_user(connection: sa.Connection, name: str, role: Role, groups: tuple[str, ...] | None, now: datetime) -> User:
    """Raises UsageError where the name is taken."""
    if find_user(connection, name) is not None:
        raise UsageError(f"user {name!r} is there already; `inventory-pipeline users set {name}` changes it")
    row = {"name": name, "role": role, "groups": _as_list(groups), "is_active": True, "created_at": now}
    connection.execute(_table.insert().values(row))
    return get_user(connection, name)


def get_user(connection: sa.Connection, name: str) -> User:
    """Raises UsageError for a name that nobody has."""
    user = find_user(connection, name)
    if user is None:
        raise UsageError(f"no user is called {name!r:.80}; `inventory-pipeline users list` shows them")
    return user


def find_user(connection: sa.Connection, name: str) -> User | None:
    row = connection.execute(sa.select(_table).where(_table.c.name == name)).first()
    return None if row is None else user_of(row)


def list_users(connection: sa.Connection) -> list[User]:
    """By name."""
    return [user_of(row) for row in connection.execute(sa.select(_table).order_by(_table.c.name))]


def update_user(connection: sa.Connection, user_id: int, **columns: Any) -> None:
    if "groups" in columns:
        columns["groups"] = _as_list(columns["groups"])
    connection.execute(_table.update().where(_table.c.id == user_id).values(columns))


def remove_user(connection: sa.Connection, user_id: int) -> None:
    """With the user's sessions and links."""
    connection.execute(user_tokens.delete().where(user_tokens.c.user_id == user_id))
    connection.execute(_table.delete().where(_table.c.id == user_id))


def password_hash(connection: sa.Connection, user_id: int) -> str | None:
    return connection.execute(sa.select(_table.c.password_hash).where(_table.c.id == user_id)).scalar()


def user_of(row: sa.Row[Any]) -> User:
    return User(
        id=row.id,
        name=row.name,
        role=row.role,
        groups=None if row.groups is None else tuple(row.groups),
        is_active=row.is_active,
        has_password=row.password_hash is not None,
        created_at=row.created_at,
        last_sign_in_at=row.last_sign_in_at,
    )


def _as_list(groups: tuple[str, ...] | None) -> list[str] | sa.ColumnElement[Any]:
    return sa.null() if groups is None else list(groups)
