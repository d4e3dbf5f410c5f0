"""Workers for `sync-all-stores`, forked from a process that has loaded what syncs need: loading costs more than most syncs.

A process that forks must be alone: in the child other threads would be gone in the middle of what they held, and SQLite
would believe in locks that only the parent has. So a process of its own does it, the nursery, forked from this one before
anything is open, and it opens nothing itself. On Linux only, since Apple's libraries do not survive a fork without exec.
There, and where this process is not alone, each worker starts anew and loads everything by itself.
"""

import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from inventory_pipeline.cli import sync_process
from inventory_pipeline.connectors.registry import connector_for
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.defs.sync.launch import Process, Start, show_requests, spawn

if TYPE_CHECKING:
    from dagster import JobDefinition

_VERBOSE, _QUIET = b"verbose", b"quiet"


@contextmanager
def workers(stores: Iterable[StoreIntegration]) -> Iterator[Start]:
    """How to start a worker for these stores, while this is open."""
    if not _is_alone():
        yield spawn
        return
    with suppress(UsageError):  # a store of a platform that is gone: its sync says so
        for store in stores:
            connector_for(store.platform)
            if store.url.startswith("http"):
                import_module("inventory_pipeline.http.client")
    nursery = _Nursery(sync_process.load())
    try:
        yield nursery.start
    finally:
        nursery.close()


def _is_alone() -> bool:
    """Whether a child would miss nothing of this process: no thread, no connection, no database."""
    if sys.platform != "linux" or len(list(Path("/proc/self/task").iterdir())) > 1:
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:  # a system that does not know them
        return False
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that lists them
            target = str(descriptor.readlink())
            if ".db" in target or (target.startswith("socket:") and int(descriptor.name) > 2):
                return False
    return True


class _Nursery:
    def __init__(self, job: "JobDefinition") -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # what is written already must not be written by each child again
        self._pid = os.fork()
        if self._pid == 0:
            self._channel.close()
            _exit_after(_tend, theirs, job)
        theirs.close()

    def start(self, channel: socket.socket, errors: IO[bytes] | None) -> Process:
        """Forks a worker, as `spawn` starts one."""
        order = _VERBOSE if errors is None else _QUIET
        try:
            socket.send_fds(self._channel, [order], [channel.fileno(), 2 if errors is None else errors.fileno()])
            return _Forked(int(self._channel.recv(20)))
        except (OSError, ValueError):  # the nursery was killed
            return spawn(channel, errors)

    def close(self) -> None:
        self._channel.close()
        os.waitpid(self._pid, 0)


class _Forked(Process):
    """A worker that is the nursery's child. Held by a descriptor: its number may be another process's by now."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def wait(self) -> None:
        select.select([self._descriptor], [], [])
        os.close(self._descriptor)


def _exit_after(function: Callable[..., None], *arguments: object) -> NoReturn:
    """The child must never return into what its parent was doing, nor clean up after it."""
    status = 1
    try:
        function(*arguments)
        status = 0
    finally:
        os._exit(status)


def _tend(channel: socket.socket, job: "JobDefinition") -> None:
    """The nursery: forks a worker for each order, until nobody orders any more."""
    os.setsid()  # out of reach of the terminal's Ctrl-C
    gc.freeze()  # a child's garbage collector would copy every page that it looks at
    while True:
        order, descriptors, _, _ = socket.recv_fds(channel, 64, 2)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass  # those that have ended leave the system's table
        if not order:
            return
        pid = os.fork()
        if pid == 0:
            channel.close()
            _exit_after(_work, job, order == _VERBOSE, *descriptors)
        channel.send(b"%d" % pid)
        for descriptor in descriptors:
            os.close(descriptor)


def _work(job: "JobDefinition", verbose: bool, channel: int, errors: int) -> None:
    """What the process would be that `spawn` starts."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate((channel, channel, errors)):
        os.dup2(descriptor, number)
    os.close(channel)
    os.close(errors)
    if verbose:
        os.environ |= show_requests()
    sync_process.work(job)
