"""What the documents say is true: commands, options, variables, platforms, links, libraries."""

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from inventory_pipeline.cli.main import app
from inventory_pipeline.cli.platforms import facts_of
from inventory_pipeline.connectors.base import PlatformInfo
from inventory_pipeline.connectors.registry import platforms
from inventory_pipeline.defs.sync.interval import checked_cron
from inventory_pipeline.environment import PROJECT_ROOT, load_environment

README = (PROJECT_ROOT / "README.md").read_text()
COMMANDS = (PROJECT_ROOT / "docs" / "commands.md").read_text()
DOCUMENTS = [PROJECT_ROOT / "README.md", PROJECT_ROOT / "CHANGELOG.md", *sorted((PROJECT_ROOT / "docs").rglob("*.md"))]
# Passed from one process of this project to another; nobody sets them.
INTERNAL = {"INVENTORY_WORKER_SHOWS_REQUESTS", "INVENTORY_CRED_"}


def leaves(command: Any, path: str = "inventory-pipeline") -> Iterator[tuple[str, Any]]:
    """Every command with its full name; typer's own type for them is private."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from leaves(inner, f"{path} {name}")


EVERY_COMMAND = dict(leaves(typer.main.get_command(app)))


def shell_lines(text: str) -> list[list[str]]:
    """The `inventory-pipeline` lines of a document's shell blocks, as words, without comments."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, flags=re.S)).replace("\\\n", " ")
    lines = [shlex.split(line, comments=True) for line in blocks.splitlines()]
    return [words for words in lines if words and words[0].endswith("inventory-pipeline")]


@pytest.mark.parametrize("name", EVERY_COMMAND)
def test_every_command_stands_in_the_list_with_all_its_options(name: str) -> None:
    documented = [line for line in COMMANDS.splitlines() if line == name or line.startswith(f"{name} ")]
    assert len(documented) == 1
    for parameter in EVERY_COMMAND[name].params:
        for option in [*parameter.opts, *parameter.secondary_opts]:
            if option.startswith("--") and option != "--help":
                assert option in documented[0]


def test_the_list_names_no_command_that_is_gone() -> None:
    listed = [line for line in COMMANDS.splitlines() if line.startswith("inventory-pipeline ")]
    assert len(listed) == len(EVERY_COMMAND)


def inline_commands(text: str) -> list[list[str]]:
    """The commands within a document's sentences and tables, with or without the program's name before them."""
    first = "|".join({name.split()[1] for name in EVERY_COMMAND})
    found = re.findall(rf"`(?:inventory-pipeline )?((?:--verbose )?(?:{first})(?: [^`…]*)?)`", text)
    return [["inventory-pipeline", *shlex.split(command)] for command in found]


def every_command_line() -> list[list[str]]:
    texts = [path.read_text() for path in DOCUMENTS if path.name != "commands.md"]
    return [words for text in texts for words in shell_lines(text) + inline_commands(text)]


@pytest.mark.parametrize("words", every_command_line(), ids=" ".join)
def test_every_command_of_the_documents_would_be_understood(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    rest = [word for word in words[1:] if word not in ("--verbose", "--debug")]
    while rest and hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    if hasattr(command, "commands"):
        return  # only the name of a noun
    command.make_context(words[1], rest).close()


def test_every_make_target_of_the_readme_exists() -> None:
    shown = subprocess.run(["make", "help"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout
    for target in re.findall(r"^make (\w+)", README, flags=re.M) + re.findall(r"`make (\w+)`", README):
        assert f"make {target} " in shown


def test_every_variable_of_the_code_is_in_the_example_and_no_other() -> None:
    code = "\n".join(file.read_text() for file in (PROJECT_ROOT / "inventory_pipeline").rglob("*.py"))
    used = set(re.findall(r"""["'{](INVENTORY_[A-Z_]+|DAGSTER_HOME)["'}]""", code)) - INTERNAL
    given = set(re.findall(r"^# ([A-Z_]+)=", (PROJECT_ROOT / ".env.example").read_text(), flags=re.M))
    assert {name for name in given if not name.startswith("INVENTORY_CRED_")} == used


def test_the_example_variables_are_usable_as_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in re.findall(r"^# ([A-Z_]+)=(.*)$", (PROJECT_ROOT / ".env.example").read_text(), flags=re.M):
        monkeypatch.setenv(name, value)
    environment = load_environment()
    assert checked_cron(environment.sync_cron, environment.timezone) == "0 */2 * * *"
    assert environment.alert_interval.total_seconds() == 1800


@pytest.mark.parametrize("variable", ["INVENTORY_SYNC_CRON='0 */2 * * *'", "INVENTORY_ALERT_INTERVAL_SECONDS=1800"])
def test_the_readme_shows_how_to_change_when_it_runs(variable: str) -> None:
    assert variable in README


@pytest.mark.parametrize("info", platforms(), ids=lambda info: info.platform)
def test_every_platform_is_described_in_the_words_of_its_connector(info: PlatformInfo) -> None:
    text = (PROJECT_ROOT / "docs" / "platforms.md").read_text()
    facts = facts_of(info)
    row = (info.versions, info.calls_per_100k, info.locations, info.proved_by)
    assert f"| [`{info.platform}`](#{info.platform}) | {' | '.join(row)} |\n" in text
    section = text.partition(f"\n## {info.platform}\n")[2].partition("\n## ")[0]
    for name in ("sign_in", "credentials", "permissions", "to_grant", "available", "limits", "not_read"):
        assert facts[name] or (info.platform, name) == ("feed", "permissions"), "a platform says all of it"
        assert not facts[name] or f"| {name.replace('_', ' ')} | {facts[name]} |\n" in section


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_every_library_has_its_line_among_the_decisions() -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    decisions = (PROJECT_ROOT / "docs" / "decisions" / "README.md").read_text()
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        assert f"`{re.split(r'[^a-z0-9-]', requirement)[0]}`" in decisions


def test_the_constraints_pin_every_library_and_name_no_address() -> None:
    text = (PROJECT_ROOT / "constraints.txt").read_text()
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in text.splitlines() if "==" in line}
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        assert re.split(r"[^a-z0-9-]", requirement)[0] in pinned
    assert "://" not in text
    assert " @ " not in text
