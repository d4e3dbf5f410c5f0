"""Runs a child process and measures its CPU, its time and its peak memory."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STORE = "shop"  # the one store that is registered


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of the child's own CPU (user and system), seconds by the clock, and its peak resident memory in MB."""

    cpu: float
    wall: float
    peak_mb: float


def measure(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Cost:
    """Runs `python -m module`, which must end with `report_peak()`. Raises RuntimeError with the end of its standard error."""
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **(environment or {})},
        )
        assert child.stdout is not None
        output = child.stdout.read().split()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
        child.stdout.close()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode or not output:
            errors.seek(0)
            raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{errors.read().decode(errors='replace')[-3000:]}")
    return Cost(round(usage.ru_utime + usage.ru_stime, 3), round(wall, 3), float(output[-1]))


def report_peak() -> None:
    """Writes this process's peak memory in MB as the last line of standard output; `measure` reads it.

    (The figure of wait4 may be the parent's, from before the exec.)
    """
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    sys.stdout.write(f"{int(peak.split()[1]) / 1024:.1f}\n")
    sys.stdout.flush()


def arguments_of(words: Sequence[str]) -> dict[str, str]:
    """The mapping that `name=value` words stand for."""
    return dict(word.split("=", 1) for word in words)


def machine() -> dict[str, str | int]:
    """The machine and the Python version, which the figures depend on."""
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    return {
        "cpu": cpu.partition(":")[2].strip(),
        "cores": os.cpu_count() or 0,
        "memory_mb": memory,
        "python": platform.python_version(),
        "system": platform.platform(),
    }
