"""What the environment and `.env` say: one reading for the CLI, Dagster and every process they start.

The real environment wins over `.env`. Relative folders are taken from the project's root, not from where a command
happens to run, so that every entry sees the same data.
"""

import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dotenv import load_dotenv

from inventory_pipeline.core.addresses import ALLOW_VARIABLE, NO_HOSTS, AllowedHosts
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.host_names import host_name

# The folder that holds dagster.yaml, workspace.yaml and `.env`: the checkout.
PROJECT_ROOT = Path(__file__).resolve().parent.parent

# A data folder's own settings, before those of `.env`: a demo's are not the real installation's.
SETTINGS_FILE = "settings.env"
DEFAULT_CRON = "0 */4 * * *"
DEFAULT_TIMEZONE = "UTC"
DEFAULT_ALERT_INTERVAL = 3600
DEFAULT_RETRY_WAIT = 60
DEFAULT_RUN_HEARTBEAT = 10
DEFAULT_HISTORY_DAYS = 90
# What stands behind the host of an address; a password may hold anything.
_PORT = re.compile(r"[^:]+://(?>(?:[^:/]*(?::[^@]*)?@)?)(?:\[[^\]]*\]|[^/?#:\[]*):([^/?#]*)")
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Environment:
    """Every INVENTORY_* variable, read and checked. `secret_keys` holds key material and is never shown.

    `retry_wait` is how long a sync waits before its one retry when the platform or a database was unavailable, and
    `run_heartbeat` how often a run's process says that it lives: one that is silent for six of them is closed.
    `dagster_database_url` is None while Dagster's history is SQLite in `dagster_dir`. `allowed_hosts` may be connected to
    though they are private or without TLS. `web_hosts` are the names that the site answers to, `web_url` the address by which
    people reach it, without a slash at its end, where one is set. `heartbeat_url` is called after each alert check and
    `sync_heartbeat_url` after each scheduled sync: both are secrets. Runs
    older than `history_days` are deleted by the job `maintenance`.
    """

    data_dir: Path
    database_url: str
    feed_dir: Path
    log_level: str
    sync_cron: str
    timezone: str
    alert_interval: timedelta
    secret_keys: str | None = field(repr=False)
    retry_wait: timedelta = timedelta(seconds=DEFAULT_RETRY_WAIT)
    run_heartbeat: timedelta = timedelta(seconds=DEFAULT_RUN_HEARTBEAT)
    dagster_database_url: str | None = field(default=None, repr=False)
    allowed_hosts: AllowedHosts = NO_HOSTS
    web_hosts: tuple[str, ...] = LOOPBACK_HOSTS
    history_days: int = DEFAULT_HISTORY_DAYS
    web_url: str | None = None
    heartbeat_url: str | None = field(default=None, repr=False)
    sync_heartbeat_url: str | None = field(default=None, repr=False)

    @property
    def dagster_dir(self) -> Path:
        """Where Dagster's own storage (run history, logs of runs) lives while it is SQLite."""
        return self.data_dir / "dagster"

    @property
    def log_file(self) -> Path:
        return self.data_dir / "logs" / "inventory_pipeline.log"

    @property
    def key_file(self) -> Path:
        """The generated encryption key, used where INVENTORY_SECRET_KEY is not set."""
        return self.data_dir / "secret.key"


def load_environment() -> Environment:
    """Reads the environment, the data folder's settings, and `.env`; the first wins.

    Raises UsageError naming the variable that cannot be used.
    """
    if _text("INVENTORY_DATA_DIR") is None:
        load_dotenv(PROJECT_ROOT / ".env", override=False)
    data_dir = _folder("INVENTORY_DATA_DIR", PROJECT_ROOT / "var")
    load_dotenv(data_dir / SETTINGS_FILE, override=False)
    load_dotenv(PROJECT_ROOT / ".env", override=False)
    return Environment(
        data_dir=data_dir,
        database_url=_database_url("INVENTORY_DATABASE_URL") or f"sqlite:///{data_dir / 'inventory.db'}",
        feed_dir=_folder("INVENTORY_FEED_DIR", data_dir / "feeds"),
        log_level=_log_level(),
        sync_cron=_text("INVENTORY_SYNC_CRON") or DEFAULT_CRON,
        timezone=_timezone(),
        alert_interval=timedelta(seconds=_seconds("INVENTORY_ALERT_INTERVAL_SECONDS", DEFAULT_ALERT_INTERVAL)),
        secret_keys=_text("INVENTORY_SECRET_KEY"),
        retry_wait=timedelta(seconds=_seconds("INVENTORY_RETRY_WAIT_SECONDS", DEFAULT_RETRY_WAIT, least=0)),
        run_heartbeat=timedelta(seconds=_seconds("INVENTORY_RUN_HEARTBEAT_SECONDS", DEFAULT_RUN_HEARTBEAT, least=1)),
        dagster_database_url=_database_url("INVENTORY_DAGSTER_DATABASE_URL"),
        allowed_hosts=_allowed_hosts(),
        web_hosts=_host_names("INVENTORY_WEB_HOSTS"),
        history_days=_number("INVENTORY_HISTORY_DAYS", DEFAULT_HISTORY_DAYS, 1, 3650, "days"),
        web_url=_web_url(),
        heartbeat_url=_heartbeat_url("INVENTORY_HEARTBEAT_URL"),
        sync_heartbeat_url=_heartbeat_url("INVENTORY_SYNC_HEARTBEAT_URL"),
    )


def _text(name: str) -> str | None:
    return os.environ.get(name, "").strip() or None


def _database_url(name: str) -> str | None:
    """Whatever else is wrong with it, the database's own driver says; of a port Python's is not fit to be read."""
    text = _text(name)
    port = _PORT.match(text or "")
    if port is not None and not (port[1].isascii() and port[1].isdigit() and 0 < int(port[1]) < 65536):
        raise UsageError(f"{name}: the port {port[1]!r:.20} is no number from 1 to 65535, such as 5432")
    return text


def _folder(name: str, default: Path) -> Path:
    text = _text(name)
    return default if text is None else (PROJECT_ROOT / Path(text).expanduser()).resolve()


def _allowed_hosts() -> AllowedHosts:
    try:
        return AllowedHosts.parse(_text(ALLOW_VARIABLE) or "")
    except ValueError as error:
        raise UsageError(
            f"{ALLOW_VARIABLE}: {str(error)!r:.80} is neither a host name, an address nor a network; names stand without http://"
            " and port, such as erp.corp.example, *.corp.example, 10.0.0.5 or 10.0.0.0/8, separated by commas"
        ) from None


def _host_names(name: str) -> tuple[str, ...]:
    text = _text(name)
    if text is None:
        return LOOPBACK_HOSTS
    return tuple(_host_name(name, word) for word in text.replace(",", " ").split()) or LOOPBACK_HOSTS


def _host_name(variable: str, word: str) -> str:
    try:
        return host_name(word)
    except ValueError:
        raise UsageError(
            f"{variable} holds {word!r:.100}, which is no host name; it takes names such as stock.example or 192.168.1.5,"
            " without http://, port and *, separated by commas"
        ) from None


def _web_url() -> str | None:
    text = _text("INVENTORY_WEB_URL")
    if text is None:
        return None
    scheme, _, rest = text.partition("://")
    if scheme not in ("http", "https") or not rest or not text.isprintable() or any(sign in rest for sign in "?#@ \\\"'<>"):
        raise UsageError(f"INVENTORY_WEB_URL={text!r:.100} is not an address such as https://stock.example")
    return text.rstrip("/")


def _heartbeat_url(name: str) -> str | None:
    """The address is a secret: a refusal does not show it."""
    text = _text(name)
    if text is None:
        return None
    scheme, _, rest = text.partition("://")
    if scheme not in ("http", "https") or not rest.partition("/")[0] or not text.isprintable() or " " in text:
        raise UsageError(f"{name} is not an address such as https://monitor.example/ping/… (what it holds is not shown)")
    return text


def _log_level() -> str:
    level = (_text("INVENTORY_LOG_LEVEL") or "INFO").upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise UsageError(f"INVENTORY_LOG_LEVEL={level!r:.40} is none of DEBUG, INFO, WARNING, ERROR")
    return level


def _timezone() -> str:
    name = _text("INVENTORY_TIMEZONE") or DEFAULT_TIMEZONE
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found, not a name, a folder
        raise UsageError(
            f"INVENTORY_TIMEZONE={name!r:.60} is not the name of a time zone, such as 'Europe/Berlin' or 'UTC'"
        ) from None
    return name


def _seconds(name: str, default: int, least: int = 30) -> int:
    return _number(name, default, least, 7 * 86400, "seconds")


def _number(name: str, default: int, least: int, most: int, unit: str) -> int:
    text = _text(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise UsageError(f"{name}={text!r:.40} is not a whole number of {unit} between {least} and {most}, such as {default}")
    return int(text)
