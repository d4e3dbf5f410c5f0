"""How many faults the tests catch: one fault at a time in a copy of the code, then the tests of what it is in.

    python -m benchmarks.mutations --sample 40 --seed 7 [--only services/alerts]

Prints each fault that no test noticed. Not in CI: it takes a test run for each fault.
"""

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE, TESTS = "inventory_pipeline", "inventory_pipeline_tests"
_ALERTS = [f"services/alerts/test_{name}.py" for name in ("what_is_sent", "alert_check", "rules")]
# The tests that a part of the code answers to; the longest name that fits decides.
TESTS_OF = {
    "services/alerts": [
        "services/alerts/test_what_is_sent.py",
        "services/alerts/test_alert_check.py",
        "services/alerts/test_rules.py",
    ],
    "services/alerts/delivery.py": ["notify/test_delivery.py"],
    "services/alerts/routes.py": ["notify"],
    "db/alerts": _ALERTS,
    "db/alerts/notices.py": ["notify/test_delivery.py", "services/alerts/test_what_is_sent.py"],
    "db/alerts/thresholds.py": ["cli/test_alerts.py"],
    "db/users": ["services/users", "web/test_site.py"],
    "db/sync": ["db/sync"],
    "db/stock": ["db/stock", "services/stock"],
    "db/integrations": ["db/integrations", "services/integrations"],
    "db": ["db/test_database.py", "db/test_errors.py", "db/test_types.py"],
    "db/retention.py": ["defs/test_maintenance.py"],
    "defs/storage.py": ["defs/test_history.py"],
    "defs/sync": ["defs/sync"],
    "defs/alerts": ["defs/alerts"],
    "defs/integrations": ["defs/integrations"],
    "defs": ["defs/test_definitions.py", "defs/test_maintenance.py"],
}
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


class Fault(NamedTuple):
    file: str
    line: int
    was: str
    now: str
    code: str


def faults_in(file: Path, name: str) -> Iterator[Fault]:
    """Every fault that can be put into a file, one at a time."""
    tree = ast.parse(file.read_text())
    for number, node in enumerate(ast.walk(tree)):
        if not _is_code(node):
            continue
        changed = deepcopy(tree)
        twin = next(each for index, each in enumerate(ast.walk(changed)) if index == number)
        was = ast.unparse(twin)
        if _spoil(twin):
            yield Fault(name, getattr(node, "lineno", 0), was[:70], ast.unparse(twin)[:70], ast.unparse(changed))


def _is_code(node: ast.AST) -> bool:
    return isinstance(node, ast.Compare | ast.BoolOp | ast.If | ast.Return | ast.Expr | ast.Constant | ast.IfExp)


def _spoil(node: ast.AST) -> bool:
    """Changes the node in place; False where there is nothing to change."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARISONS:
            node.ops = [_COMPARISONS[type(op)]()]
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.If() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Return(value=ast.expr()):
            node.value = ast.Constant(None)
        case ast.Expr(value=ast.Call() | ast.YieldFrom()):
            node.value = ast.Constant(None)
        case ast.Constant(value=bool()):
            node.value = not node.value
        case ast.Constant(value=int()):
            node.value = node.value + 1
        case _:
            return False
    return True


def tests_of(name: str) -> list[str]:
    fitting = max((part for part in TESTS_OF if name.startswith(part)), key=len)
    return [f"{TESTS}/{test}" for test in TESTS_OF[fitting]]


def is_caught(fault: Fault, copy: Path) -> bool:
    file = copy / PACKAGE / fault.file
    sound = file.read_text()
    file.write_text(fault.code)
    try:
        # From the copy's folder, whose package is then the one that is imported.
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests_of(fault.file)]
        try:
            return subprocess.run(command, cwd=copy, capture_output=True, timeout=900).returncode != 0
        except subprocess.TimeoutExpired:
            return True
    finally:
        file.write_text(sound)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    chosen = parser.parse_args()
    package = ROOT / PACKAGE
    names = [
        str(file.relative_to(package)) for part in ("services/alerts", "db", "defs") for file in (package / part).rglob("*.py")
    ]
    names = [name for name in names if name.startswith(chosen.only) and "migrations" not in name]
    every = [fault for name in sorted(names) for fault in faults_in(package / name, name)]
    sample = random.Random(chosen.seed).sample(every, min(chosen.sample, len(every)))
    caught = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "var", "__pycache__"))
        for number, fault in enumerate(sample, 1):
            found = is_caught(fault, copy)
            caught += found
            told = "caught  " if found else "SURVIVED"
            print(f"{number:3} {told} {fault.file}:{fault.line}: {fault.was!r} -> {fault.now!r}", flush=True)  # noqa: T201
    print(f"{caught} of {len(sample)} caught, of {len(every):,} that are possible")  # noqa: T201


if __name__ == "__main__":
    main()
