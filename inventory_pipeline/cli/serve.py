"""`inventory-pipeline serve` and `dev`: Dagster's web UI behind the gate, with daemon and code server."""

import os
import signal
import time
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated

import typer

from inventory_pipeline.cli.session import Session, session_of
from inventory_pipeline.cli.terminal import say
from inventory_pipeline.core.host_names import host_name
from inventory_pipeline.environment import Environment
from inventory_pipeline.web.serving import HOST, PORT, listen, serving

Host = Annotated[str, typer.Option(help="Where the web UI listens. There is no login: whoever reaches it can launch runs.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]


def serve(
    context: typer.Context,
    host: Host = HOST,
    port: Port = PORT,
    no_daemon: Annotated[bool, typer.Option("--no-daemon", help="Web UI only: the daemon runs elsewhere.")] = False,
) -> None:
    """Start Dagster for good: web UI, schedule and sensors. SIGTERM lets running syncs end first, Ctrl-C cancels them."""
    _until_ended(session_of(context), host, port, daemon=not no_daemon, reload=False)


def dev(context: typer.Context, host: Host = HOST, port: Port = PORT) -> None:
    """As `serve`, and load the code anew whenever it changes."""
    _until_ended(session_of(context), host, port, daemon=True, reload=True)


def _until_ended(session: Session, host: str, port: int, *, daemon: bool, reload: bool) -> None:
    listeners = listen(host, port)
    typer.echo(f"{web_address(session.environment, host, port)} is starting; Ctrl-C ends it")
    if _spelt(host) not in session.environment.web_hosts:
        say(f"It answers only to {', '.join(session.environment.web_hosts)}: INVENTORY_WEB_HOSTS names the hosts.")
    session.services.database.migrate()
    started = time.monotonic()
    with serving(listeners, daemon=daemon, reload=reload, verbose=session.verbose) as served:

        def end(number: int, _: object) -> None:
            if served.is_ending:
                served.kill()
                return
            served.end(number)
            with suppress(OSError):  # the terminal is gone
                os.write(1, "\nEnding…\n".encode())

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end)
        if served.wait_until_ready():
            typer.echo(f"Ready after {time.monotonic() - started:.1f} s")
            served.wait()


def web_address(environment: Environment, host: str, port: int) -> str:
    """What to type into a browser; where it listens at every address, under the first name that it answers to."""
    name = _spelt(host)
    with suppress(ValueError):
        if ip_address(name).is_unspecified:
            name = environment.web_hosts[0]
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _spelt(host: str) -> str:
    try:
        return host_name(host)
    except ValueError:
        return host
