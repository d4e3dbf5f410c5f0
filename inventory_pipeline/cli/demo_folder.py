"""The demo's own data folder: apart from the real one, and one demo's at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.environment import Environment
from inventory_pipeline.private_files import make_folder

# Often enough that a person sees stock move; the real default is four hours.
DEMO_CRON = "*/5 * * * *"
DEMO_ALERT_SECONDS = "60"
# Where data, keys or names of the real installation would come from. Empty rather than unset: `.env` fills in what is unset.
_NOT_THE_DEMOS = (
    "DAGSTER_HOME",
    "INVENTORY_DATABASE_URL",
    "INVENTORY_DAGSTER_DATABASE_URL",
    "INVENTORY_FEED_DIR",
    "INVENTORY_SECRET_KEY",
    "INVENTORY_WEB_HOSTS",
    "INVENTORY_WEB_URL",
    "INVENTORY_HEARTBEAT_URL",
    "INVENTORY_SYNC_HEARTBEAT_URL",
)


class DemoRunning(InventoryError):
    """Another demo works on the same folder."""


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """`lock` is the descriptor that holds the folder; a process that inherits it keeps the folder held."""

    path: Path
    lock: int


@contextmanager
def demo_folder(environment: Environment) -> Iterator[DemoFolder]:
    """Holds `<data folder>/demo` and points this process and those that it starts there, instead of at the real data.

    Raises DemoRunning where another demo holds it.
    """
    path = environment.data_dir / "demo"
    make_folder(path)
    lock = os.open(path / "demo.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode().strip() or "unknown"
            raise DemoRunning(
                f"a demo is running on {path} already (process {holder}); end it with Ctrl-C or `kill {holder}`,"
                " or set INVENTORY_DATA_DIR to another folder"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        os.environ.update(dict.fromkeys(_NOT_THE_DEMOS, ""), INVENTORY_DATA_DIR=str(path))
        os.environ.setdefault("INVENTORY_SYNC_CRON", DEMO_CRON)
        os.environ.setdefault("INVENTORY_ALLOW_PRIVATE_HOSTS", "127.0.0.1")  # where its shops are: for the site's form
        os.environ.setdefault("INVENTORY_ALERT_INTERVAL_SECONDS", DEMO_ALERT_SECONDS)
        yield DemoFolder(path, lock)
    finally:
        os.close(lock)
