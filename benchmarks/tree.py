"""A command with all that it starts, and what they used of the CPU together. Linux only."""

import ctypes
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

_PR_SET_CHILD_SUBREAPER = 36
FAREWELL_SECONDS = 20.0


class Tree:
    """Runs the command while open. `cpu` holds user and system seconds of every process of it, once all have ended.

    Processes whose parent dies become children of this one, so that none is left uncounted. No other child may be waited
    for meanwhile.
    """

    def __init__(self, *command: str, environment: Mapping[str, str] | None = None) -> None:
        self._command, self._environment = command, environment
        self.cpu = 0.0

    def __enter__(self) -> Self:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            env={**os.environ, **(self._environment or {})},
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._errors.close()

    def wait(self) -> None:
        """Until the command and all that it started have ended. Raises RuntimeError where it failed."""
        status = self._reap()
        if status:
            self._errors.seek(0)
            last_words = self._errors.read().decode(errors="replace")[-3000:]
            raise RuntimeError(f"{' '.join(self._command)} failed:\n{last_words}")

    def end(self) -> None:
        """Ends whatever still runs: politely at first."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            for pid in _below(os.getpid()):
                os.kill(pid, number)
            deadline = time.monotonic() + FAREWELL_SECONDS
            while _below(os.getpid()) and time.monotonic() < deadline:
                self._reap_ended()
                time.sleep(0.1)
        self._reap()

    def _reap(self) -> int | None:
        status = None
        while True:
            try:
                pid, ended, usage = os.wait4(-1, 0)
            except ChildProcessError:
                return status
            self._count(usage)
            if pid == self._process.pid:
                status = self._process.returncode = os.waitstatus_to_exitcode(ended)

    def _reap_ended(self) -> None:
        while True:
            try:
                pid, ended, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._count(usage)
            if pid == self._process.pid:
                self._process.returncode = os.waitstatus_to_exitcode(ended)

    def _count(self, usage: "os.struct_rusage") -> None:  # pyright: ignore[reportAttributeAccessIssue]
        self.cpu += usage.ru_utime + usage.ru_stime


def _below(pid: int) -> list[int]:
    """Every living process below this one, zombies left out."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        state, parent = text.rpartition(")")[2].split()[:2]
        if state != "Z":
            children.setdefault(int(parent), []).append(int(stat.parent.name))
    found, open_ones = [], [pid]
    while open_ones:
        open_ones += (below := children.get(open_ones.pop(), []))
        found += below
    return found
