"""What every command has in common: exit statuses, and errors as one line on standard error."""

import errno
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from inventory_pipeline.cli.session import Session
from inventory_pipeline.cli.terminal import PROGRAM, complain
from inventory_pipeline.core.errors import InventoryError, UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line

FAILED = 1
WRONG_USAGE = 2

logger = logging.getLogger(__name__)


class LoadedWhenAsked(Mapping[str, Any]):
    """Commands by name, each imported when it is first asked for: one command does not wait for what others need."""

    def __init__(self, package: str, modules: Mapping[str, str]) -> None:
        self._package, self._modules = package, modules
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def _load(self, name: str) -> Any:
        module = import_module(f"{self._package}.{self._modules[name]}")
        if hasattr(module, "app"):
            command: Any = typer.main.get_group(module.app)
        else:
            alone = typer.Typer(add_completion=False)
            alone.command()(getattr(module, name.replace("-", "_")))
            command = typer.main.get_command(alone)
        command.name = name
        for each in (command, *getattr(command, "commands", {}).values()):
            _plain_help(each)
        return command


def _plain_help(command: Any) -> None:
    """Helps where Typer 0.29 does not: its panels break options and words at 80 columns and are boxes where help is piped.

    Help shows `<bool>` beside each switch, and its own switches make every command slow.
    """
    command.rich_markup_mode = None
    if command.help:  # the list of commands would cut it off after 45 letters
        command.short_help = command.help.split(".\n")[0].split(". ")[0].removesuffix(".") + "."
    for param in command.get_params(typer.Context(command)):
        if getattr(param, "is_flag", False):
            param.metavar = ""
            if not param.expose_value:
                # --help and those of completion have no value unless given. To make one of nothing Typer loads pydantic,
                # which takes a tenth of a second.
                param.default = False


class Commands(TyperGroup):
    """The whole command line. Exit status: 0 all well, 1 something failed or was refused, 2 wrong usage."""

    def main(  # pyright: ignore[reportIncompatibleMethodOverride] - the rest goes through `extra`
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,  # noqa: ARG002
        **extra: Any,
    ) -> NoReturn:
        """Runs one command in a session of its own, and ends the process."""
        _plain_help(self)
        with Session() as session:
            try:
                status = super().main(args, PROGRAM, obj=session, standalone_mode=False, **extra)
            except InventoryError as error:
                status = WRONG_USAGE if isinstance(error, UsageError) else FAILED
                _tell(error, session, str(error))
            except typer.TyperException as error:
                status = getattr(error, "exit_code", FAILED)
                _tell(error, session, _usage_message(error))
            except OSError as error:
                status = FAILED
                _tell(error, session, _words_of(error))
            except Exception as error:
                status = FAILED
                if (trouble := _of_dagsters_database(error)) is not None:
                    _tell(error, session, str(trouble))
                    sys.exit(status)
                logger.debug("Unexpected error", exc_info=True)
                _tell(error, session, f"unexpected {type(error).__name__}: {error} (--debug shows where)")
        sys.exit(status if isinstance(status, int) else 0)


def _of_dagsters_database(error: Exception) -> InventoryError | None:
    """Only what has loaded Dagster can have met its database."""
    if "dagster" not in sys.modules:
        return None
    from inventory_pipeline.defs.instance import history_error

    return history_error(error)


def _words_of(error: OSError) -> str:
    """What the system refused, with its cure. What the project meets on purpose is an InventoryError already."""
    what = error.filename or error.filename2 or "a file"
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"the disk is full, at {what}: make room there, then do it again"
        case errno.EACCES | errno.EPERM | errno.EROFS | errno.ENOENT | errno.ENOTDIR:
            return (
                f"{what} cannot be used: {error.strerror}; let this user write there, or set INVENTORY_DATA_DIR to another folder"
            )
    return f"unexpected {type(error).__name__}: {error} (--debug shows where)"


def _tell(error: BaseException, session: Session, message: str) -> None:
    if session.debug:
        sys.stderr.write(redact("".join(traceback.format_exception(error))))
    complain(one_line(redact(message), 1_000))


def _usage_message(error: typer.TyperException) -> str:
    if isinstance(error, typer.Abort):
        return "stopped: no answer was given"
    context = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context is not None else ""
    format_message = getattr(error, "format_message", error.__str__)
    return f"{format_message().rstrip('.')}{hint}"
