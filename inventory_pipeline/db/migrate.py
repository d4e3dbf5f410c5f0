"""Alembic, run from the program itself: no command, no ini file, nothing to forget after an upgrade."""

from pathlib import Path

import sqlalchemy as sa

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.db.engine import MODE

# The newest revision; a test holds it to the migrations folder. Known here so that opening an up-to-date database costs
# one query and not Alembic's import.
HEAD = "0009"

_FOLDER = Path(__file__).parent / "migrations"
# Any constant will do, as long as nothing else on the server locks the same one.
_ADVISORY_LOCK = 7_466_105_011


def migrate(engine: sa.Engine) -> None:
    """Upgrades to HEAD in one transaction, alone: other processes that open the database at the same time wait.

    Raises UsageError where the database is ahead of this code.
    """
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with engine.connect() as connection:
        connection.execution_options(**{MODE: "write"})
        with connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            _upgrade(connection)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: sa.Connection) -> None:
    # Not at the top: Alembic's import costs more than opening a database that is up to date.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    # Alembic reads `%` as the start of a substitution.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    revision = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise UsageError(f"the database is at schema {revision!r}, newer than this version knows: upgrade inventory_pipeline")
    command.upgrade(config, "head")
