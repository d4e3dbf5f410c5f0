"""Passwords, kept as Argon2id hashes only."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from inventory_pipeline.core.errors import UsageError

LEAST, MOST = 12, 200

# The least that OWASP's Password Storage Cheat Sheet asks for (19 MiB, two passes): memory is what a flood of sign-ins takes.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# So many are reckoned at once, whoever asks.
_at_once = threading.BoundedSemaphore(2)
# Verified in the place of a user who does not exist, so that the time tells nobody who does.
_NOBODYS = _hasher.hash("nobody's password")


def checked_password(password: str, name: str) -> str:
    """The password itself. Raises UsageError for one that is too short, too long, or the user's name."""
    if not LEAST <= len(password) <= MOST:
        raise UsageError(f"a password has {LEAST} to {MOST} characters: several words are easy to keep")
    if name in password.lower() and len(password) < len(name) + LEAST:
        raise UsageError("the password is little more than the name to sign in with; choose another")
    if len(set(password)) < 5:
        raise UsageError("the password is the same few characters again and again; choose another")
    return password


def hashed(password: str) -> str:
    with _at_once:
        return _hasher.hash(password)


def is_right(password: str, password_hash: str | None) -> bool:
    """Takes the same time whether there is a hash or not; without one it is never right."""
    with _at_once:
        try:
            _hasher.verify(password_hash or _NOBODYS, password[: MOST + 1])
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None
