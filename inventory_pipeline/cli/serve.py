"""`inventory-pipeline serve` and `dev`: the site with Dagster behind it, or Dagster's web UI alone; daemon and code server."""

import os
import signal
import time
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from socket import socket
from typing import Annotated

import typer

from inventory_pipeline.cli.session import Session, session_of
from inventory_pipeline.cli.terminal import say
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.host_names import host_name
from inventory_pipeline.environment import Environment
from inventory_pipeline.web.serving import HOST, PORT, SiteOptions, listen, serving

Host = Annotated[str, typer.Option(help="Where the site listens.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]
NoDaemon = Annotated[bool, typer.Option("--no-daemon", help="The web alone: the daemon runs elsewhere.")]


def serve(
    context: typer.Context,
    host: Host = HOST,
    port: Port = PORT,
    no_daemon: NoDaemon = False,
    behind_proxy: Annotated[
        list[str] | None,
        typer.Option("--behind-proxy", metavar="ADDRESS", help="The proxy with TLS before it, or its network."),
    ] = None,
    certificate: Annotated[str, typer.Option(metavar="FILE", help="Speak https with it; needs --key.")] = "",
    key: Annotated[str, typer.Option(metavar="FILE", help="The certificate's key.")] = "",
) -> None:
    """Start all of it for good: the site, Dagster behind it, schedule and sensors.

    SIGTERM lets running syncs end first, Ctrl-C cancels them.
    """
    listeners = listen(host, port)
    try:
        site = _site_options(host, behind_proxy or [], certificate, key)
    except UsageError:
        for listener in listeners:
            listener.close()
        raise
    _until_ended(session_of(context), listeners, host, port, daemon=not no_daemon, reload=False, site=site)


def dev(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Where it listens. There is no login: whoever reaches it can launch runs.")] = HOST,
    port: Port = PORT,
    no_daemon: NoDaemon = False,
) -> None:
    """For developers: Dagster's web UI without the site and its login, and the code loaded anew whenever it changes."""
    _until_ended(session_of(context), listen(host, port), host, port, daemon=not no_daemon, reload=True, site=None)


def _site_options(host: str, proxies: list[str], certificate: str, key: str) -> SiteOptions:
    """Raises UsageError where passwords would go over a network in the open."""
    if bool(certificate) != bool(key):
        raise UsageError("--certificate and --key belong together")
    for file in filter(None, (certificate, key)):
        if not Path(file).is_file():
            raise UsageError(f"there is no file {file!r:.200}")
    networks = []
    for text in proxies:
        try:
            networks.append(str(ip_network(text, strict=False)))
        except ValueError:
            raise UsageError(
                f"--behind-proxy {text!r:.60} is no address or network of a proxy, such as 127.0.0.1 or 10.0.0.0/8"
            ) from None
    if not certificate and not networks and not _is_loopback(host):
        raise UsageError(
            f"--host {host!r:.60} is reached from other machines, and passwords would go there in the open: give --certificate"
            " and --key for https, or --behind-proxy ADDRESS for a proxy that speaks it"
        )
    return SiteOptions(
        tuple(networks), str(Path(certificate).absolute()) if certificate else "", str(Path(key).absolute()) if key else ""
    )


def _is_loopback(host: str) -> bool:
    name = _spelt(host)
    with suppress(ValueError):
        return ip_address(name).is_loopback
    return name == "localhost"


def _until_ended(
    session: Session, listeners: list[socket], host: str, port: int, *, daemon: bool, reload: bool, site: SiteOptions | None
) -> None:
    is_https = site is not None and bool(site.certificate)
    typer.echo(f"{web_address(session.environment, host, port, https=is_https)} is starting; Ctrl-C ends it")
    if _spelt(host) not in session.environment.web_hosts:
        say(f"It answers only to {', '.join(session.environment.web_hosts)}: INVENTORY_WEB_HOSTS names the hosts.")
    session.services.database.migrate()
    if site is not None and not _has_users(session):
        say("Nobody can sign in yet: `inventory-pipeline users add NAME --role admin --all-groups` adds the first user.")
    started = time.monotonic()
    with serving(listeners, daemon=daemon, reload=reload, verbose=session.verbose, site=site) as served:

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


def _has_users(session: Session) -> bool:
    from inventory_pipeline.db.users.accounts import list_users

    with session.services.database.connect() as connection:
        return bool(list_users(connection))


def web_address(environment: Environment, host: str, port: int, *, https: bool = False) -> str:
    """What to type into a browser; where it listens at every address, under the first name that it answers to."""
    name = _spelt(host)
    with suppress(ValueError):
        if ip_address(name).is_unspecified:
            name = environment.web_hosts[0]
    return f"http{'s' if https else ''}://{f'[{name}]' if ':' in name else name}:{port}"


def _spelt(host: str) -> str:
    try:
        return host_name(host)
    except ValueError:
        return host
