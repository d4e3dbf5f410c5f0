"""What is private to Dagster is used in one place, each with its reason, and is still there.

Outside of the room that it tests, whose own tests cannot even be collected where one of them is gone.
"""

import ast
import importlib
from pathlib import Path

import pytest

from inventory_pipeline.environment import PROJECT_ROOT

PACKAGE = PROJECT_ROOT / "inventory_pipeline"
HERE = [PACKAGE / "defs" / "private_dagster.py", PACKAGE / "defs" / "private_dagster_storage.py"]
# The room before Dagster's web UI starts Dagster's own server, and keeps what is private to that.
WEB = PACKAGE / "web"


def private_names(file: Path) -> list[tuple[str, str, int]]:
    """Module, name and line of everything private that the file imports from Dagster."""
    imports = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
    private = [node for node in imports if str(node.module).startswith("dagster._")]
    return [(str(node.module), alias.name, node.lineno) for node in private for alias in node.names]


@pytest.mark.parametrize(
    ("module", "name"), [pytest.param(module, name, id=name) for file in HERE for module, name, _ in private_names(file)]
)
def test_this_part_of_dagster_is_still_there(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name), f"this version of Dagster has no {module}.{name} any more"


@pytest.mark.parametrize("file", HERE, ids=lambda file: file.stem)
def test_each_has_its_reason(file: Path) -> None:
    lines = file.read_text().splitlines()

    def has_reason(line: int) -> bool:
        """Whether a comment stands above the imports that this one follows without a gap."""
        above = line - 2
        while lines[above].strip().startswith("from dagster"):
            above -= 1
        return lines[above].strip().startswith("#")

    assert [name for _, name, line in private_names(file) if not has_reason(line)] == []


def test_nothing_else_imports_what_is_private_to_dagster() -> None:
    others = [file for file in PACKAGE.rglob("*.py") if file not in HERE and WEB not in file.parents]
    assert [f"{file.relative_to(PACKAGE)}: {name}" for file in others for _, name, _ in private_names(file)] == []
