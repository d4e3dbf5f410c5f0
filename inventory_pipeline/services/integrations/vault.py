"""The encryption of stored credentials, and the file that keeps the key where the environment gives none."""

import fcntl
import logging
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from inventory_pipeline.core.errors import StoreMisconfigured, UsageError

logger = logging.getLogger(__name__)


class Vault:
    """Encrypts with the first of its Fernet keys and decrypts with any. Never shows a key.

    `key_file` is where the keys came from, if from a file: another process may have rotated them since.
    """

    def __init__(self, keys: Sequence[str], key_file: Path | None = None) -> None:
        self._fernet = _fernet(keys, "INVENTORY_SECRET_KEY" if key_file is None else str(key_file))
        self._key_file = key_file

    def encrypt(self, value: str) -> str:
        return self._fernet.encrypt(value.encode()).decode()

    def decrypt(self, token: str) -> str:
        """Raises StoreMisconfigured where none of the keys fits."""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken:
            self._reload()
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken:
            raise StoreMisconfigured(
                "a stored credential cannot be decrypted with the present key; restore the key it was stored with"
                " (INVENTORY_SECRET_KEY, or secret.key in the data folder), or set the credential anew"
            ) from None

    def rotate(self, token: str) -> str:
        """The same secret under the first key. Raises as `decrypt` does."""
        return self.encrypt(self.decrypt(token))

    @contextmanager
    def settled(self) -> Iterator[None]:
        """While open, no other process rotates the key file: what is encrypted here stays readable."""
        if self._key_file is None:
            yield
            return
        with _locked(self._key_file):
            self._reload()
            yield

    @contextmanager
    def rotation(self) -> Iterator[None]:
        """While open, `rotate` encrypts with the new key: a fresh one in the key file, else the first of the environment's.

        The key file holds both keys until the block has ended well, so that a crash loses nothing.
        """
        with self.settled():
            if self._key_file is None:
                yield
                return
            new = Fernet.generate_key().decode()
            _write(self._key_file, [new, *_read(self._key_file)])
            self._reload()
            yield
            _write(self._key_file, [new])
            self._reload()

    def _reload(self) -> None:
        if self._key_file is not None:
            self._fernet = _fernet(_read(self._key_file), str(self._key_file))


def load_vault(secret_keys: str | None, key_file: Path) -> Vault:
    """The vault with the keys of INVENTORY_SECRET_KEY (comma separated), else those of `key_file`, which is made if missing.

    Two processes that make it at once end with the same key. Raises UsageError for what is no key.
    """
    if secret_keys is not None:
        return Vault(_split(secret_keys))
    if not key_file.exists():
        _create(key_file)
    if stat.S_IMODE(key_file.stat().st_mode) & 0o077:
        logger.warning(
            "Others on this machine can read %s: chmod 600 it, then `inventory-pipeline credentials rotate-key`", key_file
        )
    return Vault(_read(key_file), key_file)


def _fernet(keys: Sequence[str], origin: str) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise UsageError(
            f"{origin} does not hold Fernet keys (44 characters each, comma separated); make one with python -c"
            " 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        ) from None


def _split(text: str) -> list[str]:
    return [key.strip() for key in text.split(",") if key.strip()]


def _read(key_file: Path) -> list[str]:
    try:
        return _split(key_file.read_text("ascii"))
    except PermissionError:
        raise UsageError(f"the key file {key_file} may not be read by this user; run as its owner") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the key file {key_file} cannot be read ({type(error).__name__}); restore it from a backup") from None


def _create(key_file: Path) -> None:
    key_file.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(key_file, [Fernet.generate_key().decode()])
    try:
        # A link appears with its whole content and never replaces: whoever is second takes the first one's key.
        os.link(draft, key_file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _write(key_file: Path, keys: Sequence[str]) -> None:
    _draft(key_file, keys).replace(key_file)


def _draft(key_file: Path, keys: Sequence[str]) -> Path:
    """A finished file beside the key file, readable by its owner alone from its first moment (mkstemp makes it so)."""
    descriptor, name = tempfile.mkstemp(dir=key_file.parent, prefix=f".{key_file.name}.")
    with os.fdopen(descriptor, "w") as file:
        file.write(",".join(keys))
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


@contextmanager
def _locked(key_file: Path) -> Iterator[None]:
    """One process at a time. The system frees the lock of a process that dies."""
    descriptor = os.open(key_file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
