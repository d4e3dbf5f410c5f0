"""The process that `serving` starts: the site with Dagster behind it, or Dagster's web UI alone; behind the gate, with its
code server, and its daemon as a child.

SIGTERM lets what runs end first, SIGINT cancels it. What the web needs of Dagster's private parts is in this file alone, and is
what `dagster dev` is made of.
"""

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import dagster
from dagster import DagsterError, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._cli.proxy_server_manager import ProxyServerManager
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._grpc import client as _client  # noqa: F401 - for `_start_code_server`
from dagster._grpc import server as _server  # noqa: F401 - for `_start_code_server`
from dagster._serdes import serialize_value

from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.defs.sync.interval import sync_interval
from inventory_pipeline.environment import PROJECT_ROOT, Environment, load_environment
from inventory_pipeline.logs import configure_logging
from inventory_pipeline.web.behind import PATH as DAGSTER_PATH
from inventory_pipeline.web.behind import BehindTheDoor
from inventory_pipeline.web.gate import Gate
from inventory_pipeline.web.runs import SyncRuns
from inventory_pipeline.web.serving import CANCEL_SECONDS, CLOSE_SECONDS, DRAIN_SECONDS, READY, STARTING
from inventory_pipeline.web.site import create_site
from inventory_pipeline.web.state import Site
from inventory_pipeline.web.web_server import WebServer
from inventory_pipeline.wiring import open_services

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_LOOK_SECONDS = 0.25
# As `dagster-webserver` has them unless told.
_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_SECONDS, _POOL_OVERFLOW, _POLL_RATE_MS = 15_000, 3_600, 20, 2_000
_DAEMON = "daemon"  # the process is the daemon, not the server
_PACKAGE = Path(__file__).resolve().parent.parent


class Ending(BaseException):
    """The process was asked to end. `drain`: what runs may end first."""

    def __init__(self, *, drain: bool) -> None:
        self.drain = drain


def main() -> None:
    """Serves until it is told to end. Tells on the pipe `report` that it serves, or why it does not."""
    options = _options()
    orphaned = threading.Event()
    status = 0
    try:
        configure_logging(load_environment(), console=True, verbose=options.verbose)
        _serve(options, orphaned)
    except Ending:
        pass
    except InventoryError as error:
        _report(options, str(error))
        status = 1
    finally:
        if orphaned.is_set():
            os.killpg(0, signal.SIGKILL)  # as the parent would have done
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # all is closed; to take Dagster's objects apart would take seconds


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listener", type=int, action="append", required=True, help="descriptor of a listening socket")
    parser.add_argument("--report", type=int, required=True, help="descriptor of a pipe to the parent")
    parser.add_argument("--daemon", action="store_true")
    parser.add_argument("--reload", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--site", action="store_true", help="the site with its sign-in, and Dagster behind it")
    parser.add_argument("--proxies", default="", help="addresses whose X-Forwarded headers are believed")
    parser.add_argument("--certificate", help="file; the site then speaks https")
    parser.add_argument("--key", help="file of the certificate's key")
    return parser.parse_args()


def _report(options: argparse.Namespace, text: str) -> None:
    with suppress(BrokenPipeError):  # the parent is dead, and this process about to end as well
        os.write(options.report, f"{text}\n".encode())


def _end(number: int, _: object) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # whoever cannot wait for the end kills
    raise Ending(drain=number == signal.SIGTERM)


def _end_with_parent(orphaned: threading.Event) -> None:
    """Standard input is a pipe from the parent, and closes however that dies."""
    os.read(sys.stdin.fileno(), 1)
    orphaned.set()
    os.kill(os.getpid(), signal.SIGINT)


def _serve(options: argparse.Namespace, orphaned: threading.Event) -> NoReturn:
    level = "info" if options.verbose else "warning"
    if options.reload:
        # Where the code has an error, its code server says so, without Dagster's own frames, and nobody repeats it.
        os.environ.update(DAGSTER_IS_DEV_CLI="1", DAGSTER_verbose="1" if options.verbose else "")
    environment = load_environment()
    dagsters = _DagstersWebUi()
    with (
        open_instance() as instance,
        _start_daemon(instance, verbose=options.verbose) if options.daemon else nullcontext() as daemon,
        _site(environment, instance, dagsters) if options.site else nullcontext() as site,
    ):
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_SECONDS, _POOL_OVERFLOW)
        # The site answers while the code is still being loaded; Dagster's own web UI shows nothing before that.
        app = dagsters if site is None else site.app
        gate = Gate(app, environment.web_hosts, dagster_at="" if site is None else DAGSTER_PATH)
        web = WebServer(gate, options)
        if site is not None:
            web.start()
        with (
            _stopped(web),
            _start_code_server(instance, level, with_web_ui=site is None) as code_server,
            _runs_ended(instance, code_server),
            _workspace_file(code_server) as workspace,
            ExitStack() as opened,
        ):
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _end)
            _report(options, STARTING)
            threading.Thread(target=_end_with_parent, args=(orphaned,), daemon=True).start()
            if daemon is not None:
                opened.enter_context(_begun(daemon, workspace))
            context = WorkspaceProcessContext(instance, WorkspaceFileTarget([workspace]), version=dagster.__version__)
            opened.enter_context(context)
            dagsters.context = context
            if site is None:
                dagsters.load("")
                web.start()
            else:
                site.runs.ready(context)
            opened.enter_context(_stopped(web))  # before what runs is let end: nothing new begins then
            if options.reload:
                threading.Thread(target=_reload, args=(context,), daemon=True).start()
            _report(options, READY)
            while True:
                if daemon is not None and daemon.poll() is not None:
                    raise InventoryError(f"Dagster's daemon has ended by itself (exit status {daemon.returncode})")
                if not web.is_alive:
                    raise InventoryError("the web server has ended by itself")
                time.sleep(_LOOK_SECONDS)


class _DagstersWebUi:
    """Dagster's own application, made once its workspace is loaded; as an application itself it is that one."""

    def __init__(self) -> None:
        self.context: WorkspaceProcessContext | None = None
        self._app: ASGIApp | None = None

    def load(self, path: str) -> "ASGIApp | None":
        """For serving at the path; None while the workspace is not loaded yet. Takes seconds the first time."""
        if self._app is None and self.context is not None:
            from dagster_webserver.app import create_app_from_workspace_process_context

            self._app = create_app_from_workspace_process_context(self.context, path, live_data_poll_rate=_POLL_RATE_MS)
        return self._app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        assert self._app is not None, "it is loaded before it is served"
        await self._app(scope, receive, send)


class _OpenSite(NamedTuple):
    app: "ASGIApp"
    runs: SyncRuns


@contextmanager
def _site(environment: Environment, instance: DagsterInstance, dagsters: _DagstersWebUi) -> Iterator[_OpenSite]:
    with open_services(environment) as services:
        runs = SyncRuns(instance)
        site = Site(services, runs, sync_interval(environment))
        behind = BehindTheDoor(lambda: dagsters.load(DAGSTER_PATH), site.sign_in)
        yield _OpenSite(create_site(site, behind), runs)


@contextmanager
def _stopped(web: WebServer) -> Iterator[None]:
    try:
        yield
    finally:
        web.stop()


def _start_code_server(instance: DagsterInstance, level: str, *, with_web_ui: bool) -> ProxyServerManager:
    """Waits in a thread until the code is loaded, and meanwhile makes the slowest import of all, where it is needed now.

    What the thread needs is imported above: two threads that import Dagster at once find each other's modules half made.
    """
    with ThreadPoolExecutor(1) as thread:
        code = WorkspaceFileTarget([str(PROJECT_ROOT / "workspace.yaml")])
        starting = thread.submit(ProxyServerManager, instance, code, level)
        if with_web_ui:
            importlib.import_module("dagster_webserver.app")
        return starting.result()


@contextmanager
def _workspace_file(code_server: ProxyServerManager) -> Iterator[str]:
    """Tells daemon and web UI where the code server listens."""
    with tempfile.TemporaryDirectory(prefix="inventory_pipeline-") as folder:
        file = Path(folder) / "workspace.yaml"
        file.write_text(json.dumps({"load_from": code_server.get_code_server_specs()}))  # JSON is YAML
        yield str(file)


def _start_daemon(instance: DagsterInstance, *, verbose: bool) -> "subprocess.Popen[str]":
    """A daemon that makes its imports while the code is loaded, then waits for the workspace file (`_begun`)."""
    # Its warnings are about what it does not find on its first start.
    options = ["--instance-ref", serialize_value(instance.get_ref()), "--log-level", "info" if verbose else "error"]
    return subprocess.Popen([sys.executable, "-m", __spec__.name, _DAEMON, *options], stdin=subprocess.PIPE, text=True)


@contextmanager
def _begun(daemon: "subprocess.Popen[str]", workspace: str) -> Iterator[None]:
    assert daemon.stdin is not None
    with suppress(BrokenPipeError):  # it has died; whoever watches it says so
        daemon.stdin.write(f"{workspace}\n")
        daemon.stdin.flush()
    try:
        yield
    finally:
        daemon.terminate()
        try:
            daemon.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            daemon.kill()


def _be_daemon(options: Sequence[str]) -> None:
    from dagster._daemon.cli import run_command

    workspace = sys.stdin.readline().strip()
    if workspace:  # else the server has ended before there was anything to do
        threading.Thread(target=_end_with_parent, args=(threading.Event(),), daemon=True).start()
        run_command.main(["--workspace", workspace, *options], standalone_mode=False)


def _reload(context: WorkspaceProcessContext) -> None:
    """Loads the code anew whenever a file of the package has changed."""
    import watchfiles

    for changes in watchfiles.watch(_PACKAGE, watch_filter=watchfiles.PythonFilter()):
        names = sorted({str(Path(file).relative_to(_PACKAGE)) for _, file in changes})
        started = time.monotonic()
        for location in context.code_location_names:
            context.reload_code_location(location)
        failed = any(context.has_code_location_error(location) for location in context.code_location_names)
        came = "cannot be loaded" if failed else f"loaded in {time.monotonic() - started:.1f} s"
        _say(f"{', '.join(names[:3])}{' …' if names[3:] else ''} changed: {came}")


@contextmanager
def _runs_ended(instance: DagsterInstance, code_server: ProxyServerManager) -> Iterator[None]:
    """At the end, when no daemon starts any more, sees the runs of this code server end: they would die with it.

    What waits in the queue stays there for the next start.
    """
    try:
        yield
    except Ending as ending:
        _end_runs(instance, code_server, DRAIN_SECONDS if ending.drain else 0)
        raise
    except BaseException:
        _end_runs(instance, code_server, 0)
        raise


def _end_runs(instance: DagsterInstance, code_server: ProxyServerManager, patience: float) -> None:
    running = _running(instance, code_server)
    if running and patience:
        _say(f"{_runs(running)} may take up to {patience:.0f} s to end; Ctrl-C ends everything at once")
        _wait_until_none(instance, code_server, patience)
    running = _running(instance, code_server)
    if not running:
        return
    _say(f"{_runs(running)} {'is' if len(running) == 1 else 'are'} canceled; what was last published stays")
    for run in running:
        with suppress(DagsterError):  # it ended meanwhile; or has not begun, and dies with the code server
            instance.run_coordinator.cancel_run(run.run_id)
    _wait_until_none(instance, code_server, CANCEL_SECONDS)


def _running(instance: DagsterInstance, code_server: ProxyServerManager) -> list[DagsterRun]:
    """The runs that live in this code server: others of the same history are another machine's, or the command line's."""
    sockets = [str(spec["grpc_server"].get("socket")) for spec in code_server.get_code_server_specs()]
    statuses = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    runs = instance.get_runs(RunsFilter(statuses=statuses))
    return [run for run in runs if any(each in run.tags.get(GRPC_INFO_TAG, "") for each in sockets)]


def _wait_until_none(instance: DagsterInstance, code_server: ProxyServerManager, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _running(instance, code_server) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)


def _runs(runs: Sequence[DagsterRun]) -> str:
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"


def _say(text: str) -> None:
    with suppress(OSError):  # the terminal is gone
        print(text, flush=True)  # noqa: T201 - for the person at the terminal or in the journal


if __name__ == "__main__":
    if sys.argv[1:2] == [_DAEMON]:
        _be_daemon(sys.argv[2:])
    else:
        main()
