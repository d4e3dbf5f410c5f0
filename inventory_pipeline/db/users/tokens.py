"""Rows of sessions, known browsers and one-time links, all by the hash of their token; and of failed attempts to sign in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import sqlalchemy as sa

from inventory_pipeline.core.users import User
from inventory_pipeline.db.engine import upsert
from inventory_pipeline.db.tables.users import sign_in_failures as _failures
from inventory_pipeline.db.tables.users import user_tokens as _tokens
from inventory_pipeline.db.tables.users import users
from inventory_pipeline.db.users.accounts import user_of

Kind = Literal["session", "browser", "password", "sign_in"]


class Token(NamedTuple):
    """What a token stands for. `address` and `agent` are those of the browser that it was made for, empty for links."""

    token_hash: str
    kind: Kind
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    agent: str


def insert_token(connection: sa.Connection, user_id: int, token: Token) -> None:
    connection.execute(_tokens.insert().values(user_id=user_id, **token._asdict()))


def find_token(connection: sa.Connection, token_hash: str, kinds: Sequence[Kind], now: datetime) -> tuple[Token, User] | None:
    """The token with its user; None where there is none, it has expired, or its user is switched off."""
    wanted = (_tokens.c.token_hash == token_hash, _tokens.c.kind.in_(kinds), _tokens.c.expires_at > now)
    row = connection.execute(sa.select(_tokens).where(*wanted)).first()
    if row is None:
        return None
    owner = connection.execute(sa.select(users).where(users.c.id == row.user_id, users.c.is_active)).first()
    return None if owner is None else (Token(*(getattr(row, name) for name in Token._fields)), user_of(owner))


def list_tokens(connection: sa.Connection, user_id: int, kind: Kind, now: datetime) -> list[Token]:
    """The user's tokens of this kind that have not expired, the last seen first."""
    mine = (_tokens.c.user_id == user_id, _tokens.c.kind == kind, _tokens.c.expires_at > now)
    query = sa.select(*(_tokens.c[name] for name in Token._fields)).where(*mine).order_by(_tokens.c.seen_at.desc())
    return [Token(*row) for row in connection.execute(query)]


def touch_token(connection: sa.Connection, token_hash: str, seen_at: datetime, expires_at: datetime) -> None:
    mine = _tokens.update().where(_tokens.c.token_hash == token_hash)
    connection.execute(mine.values(seen_at=seen_at, expires_at=expires_at))


def remove_token(connection: sa.Connection, token_hash: str) -> bool:
    """False where there is none any more: somebody else has used it."""
    return connection.execute(_tokens.delete().where(_tokens.c.token_hash == token_hash)).rowcount == 1


def remove_tokens(connection: sa.Connection, user_id: int, kinds: Sequence[Kind], but: str = "") -> None:
    """Removes the user's tokens of these kinds, but for one."""
    mine = _tokens.delete().where(_tokens.c.user_id == user_id, _tokens.c.kind.in_(kinds), _tokens.c.token_hash != but)
    connection.execute(mine)


def forget_expired(connection: sa.Connection, now: datetime, failures_before: datetime) -> None:
    connection.execute(_tokens.delete().where(_tokens.c.expires_at <= now))
    connection.execute(_failures.delete().where(_failures.c.last_at < failures_before))


def failures_of(connection: sa.Connection, subjects: Sequence[str]) -> dict[str, tuple[int, datetime]]:
    """For those of the subjects that failed: how often, and when last."""
    rows = connection.execute(sa.select(_failures).where(_failures.c.subject.in_(subjects)))
    return {row.subject: (row.failures, row.last_at) for row in rows}


def count_failure(connection: sa.Connection, subject: str, now: datetime) -> None:
    statement = upsert(connection.dialect, _failures).values(subject=subject, failures=1, last_at=now)
    more = {"failures": _failures.c.failures + 1, "last_at": now}
    connection.execute(statement.on_conflict_do_update(index_elements=["subject"], set_=more))


def forget_failures(connection: sa.Connection, whose: str, also_counted: Sequence[str]) -> None:
    """Forgets all failures of `whose`, and the last one of the others: an address may be many people's."""
    connection.execute(_failures.delete().where(_failures.c.subject == whose))
    one_less = _failures.update().where(_failures.c.subject.in_(also_counted), _failures.c.failures > 0)
    connection.execute(one_less.values(failures=_failures.c.failures - 1))
