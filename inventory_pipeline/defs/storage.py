"""Where Dagster keeps its history, named by dagster.yaml so that every entry, from any folder, shares one.

dagster.yaml itself cannot say it: a path in it is relative to where the process starts, and an environment variable in
it must always be set. So it names these classes, which ask the project's environment wherever the process runs.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.defs.private_dagster import ConfigurableClass, ConfigurableClassData
from inventory_pipeline.defs.private_dagster_storage import DagsterSqliteStorage, DagsterStorage, LocalComputeLogManager
from inventory_pipeline.environment import load_environment
from inventory_pipeline.private_files import keep_private

if TYPE_CHECKING:
    from dagster_postgres import DagsterPostgresStorage


class HistoryStorage(DagsterStorage, ConfigurableClass):
    """Builds Dagster's run, event and schedule storage: SQLite in `dagster_dir`, or PostgreSQL where its URL is set.

    Only a builder (Dagster asks that it be of the built type): it stays abstract.
    """

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Mapping[str, Any],  # noqa: ARG003 - Dagster passes it
    ) -> "DagsterSqliteStorage | DagsterPostgresStorage":
        # Every process of Dagster's passes here before it writes: web server, daemon, code server, each run's process.
        keep_private()
        environment = load_environment()
        if environment.dagster_database_url is None:
            return DagsterSqliteStorage.from_local(str(environment.dagster_dir), inst_data=inst_data)
        url = _psycopg2_url(environment.dagster_database_url)
        if _place(url) == _place(environment.database_url):
            raise UsageError(
                "INVENTORY_DAGSTER_DATABASE_URL names the database of INVENTORY_DATABASE_URL: both have a table `snapshots`,"
                " so give Dagster a database of its own"
            )
        return _postgres(url, inst_data)


class HistoryComputeLogs(LocalComputeLogManager):
    """What runs print, beside the history in `dagster_dir`: Dagster's default is a temporary folder or DAGSTER_HOME."""

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Mapping[str, Any],  # noqa: ARG003 - Dagster passes it
    ) -> "HistoryComputeLogs":
        return cls(str(load_environment().dagster_dir / "storage"), inst_data=inst_data)


def _postgres(url: str, inst_data: ConfigurableClassData | None) -> "DagsterPostgresStorage":
    from dagster_postgres import DagsterPostgresStorage
    from dagster_postgres.utils import DagsterPostgresException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return DagsterPostgresStorage(url, inst_data=inst_data)
    except (DagsterPostgresException, SQLAlchemyError) as error:
        why = one_line(redact(str(error.__cause__ or error)), 300)
        raise UsageError(f"Dagster's history cannot be opened at INVENTORY_DAGSTER_DATABASE_URL: {why}") from error


def _psycopg2_url(url: str) -> str:
    """The URL with the driver that dagster-postgres is written for: SQLAlchemy 2.1 takes psycopg 3 when none is named."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("postgresql", "postgres", "postgresql+psycopg2", "postgresql+psycopg"):
        raise UsageError(
            "INVENTORY_DAGSTER_DATABASE_URL is not a PostgreSQL address such as postgresql://user:password@host:5432/dagster"
        )
    return f"postgresql+psycopg2://{rest}"


def _place(url: str) -> tuple[str, str, int, str]:
    """Which database a URL means, whatever its driver and account."""
    parts = urlsplit(url)
    family = parts.scheme.partition("+")[0].replace("postgresql", "postgres")
    return family, parts.hostname or parts.query, parts.port or 5432, parts.path
