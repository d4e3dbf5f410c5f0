"""What runs on this machine, and what is free."""

import os
import socket
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processes_on(folder: Path) -> list[str]:
    """The command lines of all living processes that work on this data folder (or the demo's in it)."""
    return list(pids_on(folder).values())


def pids_on(folder: Path) -> dict[int, str]:
    """The same by process id."""
    found = {}
    for process in Path("/proc").iterdir():
        try:
            environment = (process / "environ").read_bytes()
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"INVENTORY_DATA_DIR={folder}".encode() in environment and int(process.name) != os.getpid():
            found[int(process.name)] = words
    return found
