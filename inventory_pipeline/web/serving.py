"""Starts the web UI with code server and daemon as a process group of its own, and ends it whole.

A group of its own, since Ctrl-C on a terminal reaches every process of the terminal's: the runs, the code server and the daemon
would all end at once, and each call the others dead.
"""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.core.text import one_line
from inventory_pipeline.environment import PROJECT_ROOT

HOST = "127.0.0.1"
PORT = 3000
# What the server says on its pipe: from now on it must be told to end, not killed; and it answers. Anything else is why it ends.
STARTING = "starting"
READY = "ready"
# After SIGTERM running syncs go on for so long; then, or after Ctrl-C, each is canceled, and has so long to clean up. Web server,
# daemon and code server close. All of it stays below the 90 s after which systemd kills.
DRAIN_SECONDS = 50
CANCEL_SECONDS = 10
CLOSE_SECONDS = 8
_ENDED_SECONDS = DRAIN_SECONDS + CANCEL_SECONDS + 2 * CLOSE_SECONDS + 5
_STRAGGLER_SECONDS = 3
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """`proxies` are addresses or networks whose word counts for who asks and whether by https; `certificate` and `key` are
    files, by which the site speaks https itself.
    """

    proxies: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at every address of the host; port 0 is any that is free. Raises InventoryError in plain words."""
    host = host.removeprefix("[").removesuffix("]")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise InventoryError(f"--host {one_line(host, 80)} is no address or name of this machine") from None
    listeners: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                listeners.append(socket.create_server(address[:2], family=family))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = error  # a machine without IPv6 may still call itself ::1
        if missing is not None and not listeners:
            raise missing
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise InventoryError(_why_not(error, host, port)) from None
    return listeners


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use by another program; end that, or choose another with --port"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has; choose one from 1024 on with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host} is not an address of this machine"
    return f"port {port} of {host} cannot be listened on: {error.strerror}"


class Served:
    """The running process group. Ends with this process, however that dies."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        *,
        daemon: bool = True,
        reload: bool = False,
        verbose: bool = False,
        site: "SiteOptions | None" = None,
        output: IO[bytes] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Takes the listeners over. With `site` it is the site with Dagster behind it, else Dagster's web UI alone.

        `output` gets what Dagster says, instead of this process's own; `pass_fds` are inherited.
        """
        reading, writing = os.pipe()
        numbers = [listener.fileno() for listener in listeners]
        command = [sys.executable, "-m", "inventory_pipeline.web.server", "--report", str(writing)]
        for number in numbers:
            command += ["--listener", str(number)]
        command += [f"--{name}" for name, chosen in (("daemon", daemon), ("reload", reload), ("verbose", verbose)) if chosen]
        if site is not None:
            command += ["--site", "--proxies", ",".join(site.proxies)]
            command += ["--certificate", site.certificate, "--key", site.key] if site.certificate else []
        self._process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=(writing, *numbers, *pass_fds),
            start_new_session=True,
        )
        os.close(writing)
        for listener in listeners:
            listener.close()
        self._report = os.fdopen(reading)
        self._hears = False
        self._answers = False
        self._why = ""
        self._deadline: float | None = None

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def is_ending(self) -> bool:
        """Whether it was told to end."""
        return self._deadline is not None

    def wait_until_ready(self) -> bool:
        """Waits until the web UI answers. False where it was told to end before that. Raises InventoryError where it cannot."""
        line = self._report.readline().strip()
        if line == STARTING:
            self._hears = True
            line = self._report.readline().strip()
        self._answers = line == READY
        if self._answers:
            return True
        self._why = line
        self.wait()
        return False

    def end(self, number: int) -> None:
        """Tells it to end: SIGTERM lets what runs end first, SIGINT cancels it. Safe in a signal handler."""
        self._deadline = time.monotonic() + _ENDED_SECONDS
        if self._hears:
            self._process.send_signal(number)
        else:
            self._signal_all(signal.SIGTERM)

    def kill(self) -> None:
        """Ends all processes at once. Safe in a signal handler."""
        self._signal_all(signal.SIGKILL)

    def _wait_for_stragglers(self) -> None:
        """Code servers that were told to end, and are about to."""
        deadline = time.monotonic() + _STRAGGLER_SECONDS
        while _group_lives(self._process.pid) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)

    def _signal_all(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def wait(self) -> None:
        """Waits until all processes have ended. Raises InventoryError where nobody told them to."""
        while self.is_running:
            if self._deadline is not None and time.monotonic() > self._deadline:
                self.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LOOK_SECONDS)
        if self._process.returncode != -signal.SIGKILL:
            self._wait_for_stragglers()
        self.kill()
        if not self.is_ending:
            why = self._why or self._report.read().strip() or f"the lines above say why (exit status {self._process.returncode})"
            raise InventoryError(f"the web UI {'has ended' if self._answers else 'could not start'}: {why}")


@contextmanager
def serving(listeners: Sequence[socket.socket], **options: Any) -> Iterator[Served]:
    """A `Served` while open; at the end what runs is canceled."""
    served = Served(listeners, **options)
    try:
        yield served
    finally:
        if not served.is_ending:
            served.end(signal.SIGINT)
        served.wait()


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
