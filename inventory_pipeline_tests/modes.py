"""Who may read what lies in a folder."""

import os
from pathlib import Path

PRIVATE = {"folder 700", "file 600"}


def modes_of(folder: Path) -> set[str]:
    """The modes of the folder and of everything below it."""
    found = set()
    for parent, _, names in os.walk(folder):
        found.add(f"folder {Path(parent).stat().st_mode & 0o777:o}")
        found |= {f"file {Path(parent, name).stat().st_mode & 0o777:o}" for name in names}
    return found
