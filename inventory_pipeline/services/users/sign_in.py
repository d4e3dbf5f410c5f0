"""Signing in and staying signed in: sessions kept on the server, links that work once, attempts that are slowed down."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa

from inventory_pipeline.core.clock import Clock
from inventory_pipeline.core.errors import InventoryError, UsageError
from inventory_pipeline.core.text import one_line
from inventory_pipeline.core.users import User
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit
from inventory_pipeline.db.users import accounts, tokens
from inventory_pipeline.db.users.tokens import Token
from inventory_pipeline.services.users.passwords import checked_password, hashed, is_right

# A session ends when it was not used for IDLE, and after SESSION however much it was used.
IDLE, SESSION = timedelta(hours=12), timedelta(days=14)
# How long a browser counts as one that the user has signed in with before.
BROWSER = timedelta(days=180)
# Sessions are touched this often at most: a page must not cost a write.
_TOUCHED = timedelta(minutes=5)
# So many failures are free; from then on each doubles the wait, up to the longest. A day later they are forgotten.
_FREE = {"account": 8, "address": 30, "browser": 8}
_LONGEST = timedelta(minutes=15)
_REMEMBERED = timedelta(days=1)


class SignInRefused(InventoryError):
    """Name or password is wrong, or the link is used up. Says not which."""


class SignInLater(SignInRefused):
    """Too many attempts have failed; `seconds` to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many attempts have failed; try again in {seconds} seconds")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Browser:
    """Who asks. `known` is the token of a browser that somebody has signed in with before, empty for another."""

    address: str
    agent: str = ""
    known: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: its token and the browser's, both to be kept in cookies."""

    user: User
    session: str
    browser: str


class SignIn:
    """Use cases of whoever is not signed in yet, or no longer wants to be."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def with_password(self, name: str, password: str, browser: Browser) -> SignedIn:
        """A new session. Raises SignInRefused, or SignInLater where too many attempts have failed.

        Attempts count for the account and for the address. In a browser in which the user has signed in before they count
        for that browser alone, so that nobody can lock the owner out from elsewhere.
        """
        name, now = one_line(name.strip().lower(), 300), self._clock()
        with self._database.begin() as connection:
            user = accounts.find_user(connection, name)
            known = _knows(connection, browser.known, user, now)
            subjects = _subjects(name, browser, known)
            wait = _wait(tokens.failures_of(connection, subjects), now)
            if wait > timedelta(0):
                raise SignInLater(int(wait.total_seconds()) + 1)
            kept = None if user is None or not user.is_active else accounts.password_hash(connection, user.id)
            for subject in subjects:  # a failure until it is none: otherwise many attempts at once would count as one
                tokens.count_failure(connection, subject, now)
        if not is_right(password, kept) or user is None:
            raise SignInRefused("the name or the password is wrong")
        with self._database.begin() as connection:
            tokens.forget_failures(connection, whose=subjects[0], also_counted=subjects[1:])
            return self._begin(connection, user, browser, now)

    def link(self, token: str) -> tuple[User, tokens.Kind]:
        """Whose the link is, and whether it is to choose a password or to sign in; uses nothing up. Raises SignInRefused."""
        with self._database.connect() as connection:
            found = _link(connection, token, self._clock())
        return found[1], found[0].kind

    def with_link(self, token: str, password: str | None, browser: Browser) -> SignedIn:
        """Uses the link up. One to choose a password takes the password, and ends the user's other sessions.

        Raises SignInRefused where it is used up already, UsageError for a password that will not do.
        """
        kept, user = self._checked_link(token)
        new_hash = None
        if kept.kind == "password":
            new_hash = hashed(checked_password(password or "", user.name))
        with self._database.begin() as connection:
            if not tokens.remove_token(connection, kept.token_hash):
                raise _used_up()
            if new_hash is not None:
                self._put_password(connection, user, new_hash)
            return self._begin(connection, user, browser, self._clock())

    def session(self, token: str) -> tuple[User, Token] | None:
        """The user of a session, which counts as used now; None where it has ended."""
        now = self._clock()
        with self._database.connect() as connection:
            found = tokens.find_token(connection, hash_of(token), ("session",), now)
        if found is None:
            return None
        kept, user = found
        if now - kept.seen_at >= _TOUCHED:
            with self._database.begin() as connection:
                tokens.touch_token(connection, kept.token_hash, now, min(now + IDLE, kept.created_at + SESSION))
        return user, kept

    def sessions(self, user: User) -> Sequence[Token]:
        with self._database.connect() as connection:
            return tokens.list_tokens(connection, user.id, "session", self._clock())

    def key_of(self, token: str) -> str:
        """The name under which `sessions` lists the session of this token."""
        return hash_of(token)

    def end(self, token: str) -> None:
        """Signs out in this browser."""
        with self._database.begin() as connection:
            tokens.remove_token(connection, hash_of(token))

    def end_all(self, user: User) -> None:
        """Signs out everywhere."""
        with self._database.begin() as connection:
            tokens.remove_tokens(connection, user.id, ("session", "browser"))
            audit.record(connection, self._clock(), f"web:{user.name}", "sign out everywhere", f"user {user.name}")

    def end_one(self, user: User, token_hash: str) -> None:
        """Signs out one of the user's own sessions."""
        with self._database.begin() as connection:
            if any(each.token_hash == token_hash for each in tokens.list_tokens(connection, user.id, "session", self._clock())):
                tokens.remove_token(connection, token_hash)

    def change_password(self, user: User, old: str, new: str, session: str) -> None:
        """Ends the user's other sessions. Raises UsageError where the old one is wrong or the new one will not do."""
        with self._database.connect() as connection:
            kept = accounts.password_hash(connection, user.id)
        if kept is not None and not is_right(old, kept):
            raise UsageError("the present password is not right; nothing was changed")
        new_hash = hashed(checked_password(new, user.name))
        with self._database.begin() as connection:
            self._put_password(connection, user, new_hash, but=hash_of(session))

    def _checked_link(self, token: str) -> tuple[Token, User]:
        with self._database.connect() as connection:
            return _link(connection, token, self._clock())

    def _put_password(self, connection: sa.Connection, user: User, new_hash: str, but: str = "") -> None:
        accounts.update_user(connection, user.id, password_hash=new_hash)
        tokens.remove_tokens(connection, user.id, ("session", "password", "sign_in"), but)
        audit.record(connection, self._clock(), f"web:{user.name}", "password", f"user {user.name}")

    def _begin(self, connection: sa.Connection, user: User, browser: Browser, now: datetime) -> SignedIn:
        tokens.forget_expired(connection, now, now - _REMEMBERED)
        accounts.update_user(connection, user.id, last_sign_in_at=now)
        session, session_hash = new_token()
        where = (one_line(browser.address, 100), one_line(browser.agent, 200))
        tokens.insert_token(connection, user.id, Token(session_hash, "session", now, now, now + IDLE, *where))
        if browser.known and _knows(connection, browser.known, user, now):
            known = browser.known
            tokens.touch_token(connection, hash_of(known), now, now + BROWSER)
        else:
            known, known_hash = new_token()
            tokens.insert_token(connection, user.id, Token(known_hash, "browser", now, now, now + BROWSER, *where))
        return SignedIn(user, session, known)


def new_token() -> tuple[str, str]:
    """A token that nobody guesses, and its hash, which alone is kept."""
    token = secrets.token_urlsafe(32)
    return token, hash_of(token)


def hash_of(token: str) -> str:
    """Without salt: a token is as long as a key, and is looked up by its hash."""
    return sha256(token.encode()).hexdigest()


def _used_up() -> SignInRefused:
    return SignInRefused("this link has been used, or is older than three days; ask an admin for a new one")


def _link(connection: sa.Connection, token: str, now: datetime) -> tuple[Token, User]:
    found = tokens.find_token(connection, hash_of(token), ("password", "sign_in"), now)
    if found is None:
        raise _used_up()
    return found


def _knows(connection: sa.Connection, token: str, user: User | None, now: datetime) -> bool:
    if not token or user is None:
        return False
    found = tokens.find_token(connection, hash_of(token), ("browser",), now)
    return found is not None and found[1].id == user.id


def _subjects(name: str, browser: Browser, known: bool) -> list[str]:
    return [f"browser:{hash_of(browser.known)}"] if known else [f"account:{name}", f"address:{browser.address}"]


def _wait(failures: dict[str, tuple[int, datetime]], now: datetime) -> timedelta:
    longest = timedelta(0)
    for subject, (count, last_at) in failures.items():
        over = count - _FREE[subject.partition(":")[0]]
        if over >= 0 and now - last_at < _REMEMBERED:
            wait = min(timedelta(seconds=2 ** min(over, 20)), _LONGEST)
            longest = max(longest, last_at + wait - now)
    return longest
