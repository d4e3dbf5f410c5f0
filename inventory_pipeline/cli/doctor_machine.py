"""What `doctor` looks at outside the project: Python and its packages, the data folder and its disk."""

import platform
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from inventory_pipeline.cli.findings import Finding
from inventory_pipeline.cli.session import Session
from inventory_pipeline.private_files import make_folder, wider

# Some of what is used of Dagster is private to it and held by tests on this version.
DAGSTER = "1.13."
MB = 1024**2
LITTLE_DISK = 1024 * MB
NO_DISK = 100 * MB
_NAMED = 3


def look_at_python(session: Session) -> Iterator[Finding]:  # noqa: ARG001 - every look takes it
    versions = ", ".join(f"{package} {version(package)}" for package in ("inventory_pipeline", "dagster", "sqlalchemy"))
    told = f"Python {platform.python_version()}, {versions}"
    if version("dagster").startswith(DAGSTER):
        yield Finding("python", "ok", told)
    else:
        yield Finding("python", "warn", f"{told}: made for Dagster {DAGSTER}x", "make install puts the tested versions in place")


def look_at_folder(session: Session) -> Iterator[Finding]:
    folder = session.environment.data_dir
    try:
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Finding(
            "data folder", "fail", f"{folder} cannot be written: {error.strerror}", "mend it, or set INVENTORY_DATA_DIR"
        )
        return
    yield Finding("data folder", "ok", f"{folder} can be written")
    yield _privacy(folder)
    free = shutil.disk_usage(folder).free
    told = f"{free // MB:,} MB free"
    if free >= LITTLE_DISK:
        yield Finding("disk", "ok", told)
    else:
        cure = "free some space, or set INVENTORY_DATA_DIR to a bigger disk"
        yield Finding("disk", "warn" if free >= NO_DISK else "fail", told, cure)


def _privacy(folder: Path) -> Finding:
    """Whether anybody else on this machine can read stock, credentials or logs."""
    wide = list(wider(folder))
    if not wide:
        return Finding("privacy", "ok", f"{folder} and what is in it is its owner's alone")
    named = ", ".join(map(str, wide[:_NAMED])) + (", …" if len(wide) > _NAMED else "")
    detail = f"others on this machine are let into {len(wide):,} of the folders and files of {folder}: {named}"
    return Finding("privacy", "warn", detail, f"chmod -R go= {shlex.quote(str(folder))}")
