"""`inventory-pipeline serve` or `dev` as a person starts it, and what comes back from its socket."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from inventory_pipeline_tests.processes import free_port, pids_on

PATIENCE = 240.0  # seconds; a machine that does other things as well


def ours(folder: Path) -> dict[int, str]:
    """The Python processes that work on this data folder, with their command lines."""
    return {pid: words for pid, words in pids_on(folder).items() if Path(words.split(" ")[0]).name.startswith("python")}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


class Served:
    """Runs until the end of the `with` block, in a process group of its own, as in a terminal of its own."""

    def __init__(self, *command: str, **environment: str) -> None:
        self.port = free_port()
        self.output = ""
        self._command = [str(Path(sys.executable).with_name("inventory-pipeline")), *command, "--port", str(self.port)]
        self._environment = environment
        self._lines: queue.Queue[str | None] = queue.Queue()

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command,
            env={**os.environ, **self._environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.wait_for("Ready after")
        return self

    def __exit__(self, *_: object) -> None:
        self.signal(signal.SIGINT)
        try:
            self.process.wait(60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, text: str, patience: float = PATIENCE) -> None:
        """Until it has printed this; AssertionError where it has ended or is silent for so long."""
        while text not in self.output:
            line = self._lines.get(timeout=patience)
            assert line is not None, self.output
            self.output += line

    def wait(self, patience: float = PATIENCE) -> int:
        """Its exit status; `output` is then whole."""
        status = self.process.wait(patience)
        while (line := self._lines.get(timeout=patience)) is not None:
            self.output += line
        return status

    def signal(self, number: int) -> None:
        """To the whole group, as the terminal sends it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def send(
        self, method: str, target: str, headers: Sequence[str] = (), body: str = "", *, version: str = "1.1", hosted: bool = True
    ) -> Answer:
        """One request, byte for byte; its Host is right unless `headers` have one, or `hosted` is false."""
        given = [line.replace("PORT", str(self.port)) for line in headers]
        if hosted and not any(line.startswith("Host:") for line in headers):
            given.append(f"Host: 127.0.0.1:{self.port}")
        if body:
            given.append(f"Content-Length: {len(body.encode())}")
        if not any("Upgrade" in line for line in headers):
            given.append("Connection: close")
        request = "\r\n".join([f"{method} {target.replace('PORT', str(self.port))} HTTP/{version}", *given, "", body])
        address = ("127.0.0.1", self.port)
        with socket.create_connection(address, timeout=30) as connection, connection.makefile("rb") as answer:
            connection.sendall(request.encode())
            status = int(answer.readline().split()[1])
            received = {}
            while (line := answer.readline().decode().strip()) != "":
                name, _, value = line.partition(":")
                received[name.lower()] = value.strip()
            return Answer(status, received, "" if status == 101 else answer.read().decode(errors="replace"))

    def open_socket(self, *headers: str) -> Answer:
        """The handshake of a websocket to /graphql."""
        upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: graphql-ws")
        return self.send("GET", "/graphql", [*headers, *upgrade, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="])
