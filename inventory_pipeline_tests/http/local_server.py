"""A real HTTP server on the loopback interface whose answers a test decides, faults on the wire among them."""

import json
import select
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from inventory_pipeline.core.addresses import AddressPolicy, AllowedHosts

# Lets a client connect to these servers, which no store may without being allowed to.
LOOPBACK = AddressPolicy(allowed=AllowedHosts.parse("127.0.0.1"))

Wire = Callable[[BaseHTTPRequestHandler, threading.Event], None]


@dataclass(frozen=True)
class Request:
    """`number` counts the requests of this server from 1; `query` holds the decoded parameters."""

    number: int
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass(frozen=True)
class Answer:
    """`wire` writes to the connection itself instead (after which it is closed); its event is set when the server ends."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: Wire | None = None

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> "Answer":
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=UTF-8", **named})

    @classmethod
    def html(cls, title: str, status: int, **headers: str) -> "Answer":
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body></body></html>"
        return cls(status, page.encode(), {"Content-Type": "text/html; charset=UTF-8", **named})


def wire(*parts: bytes, every: float = 0.0, forever: bool = False) -> Answer:
    """Raw bytes, one part after another, `every` seconds apart; `forever` repeats the last part until the peer goes."""

    def write(handler: BaseHTTPRequestHandler, ended: threading.Event) -> None:
        for part in parts:
            handler.wfile.write(part)
            handler.wfile.flush()
        while forever and not ended.is_set() and not _gone(handler, every):
            handler.wfile.write(parts[-1])
            handler.wfile.flush()

    return Answer(wire=write)


def silence() -> Answer:
    """No answer at all until the peer goes."""

    def wait(handler: BaseHTTPRequestHandler, ended: threading.Event) -> None:
        while not ended.is_set() and not _gone(handler, 0.02):
            pass

    return Answer(wire=wait)


def _gone(handler: BaseHTTPRequestHandler, seconds: float) -> bool:
    """Whether the peer closes the connection within so many seconds."""
    readable, _, _ = select.select([handler.connection], [], [], seconds)
    return bool(readable) and not handler.connection.recv(1, socket.MSG_PEEK)


App = Callable[[Request], Answer]


class LocalServer:
    """Use as a context manager. `requests` holds what was asked, `connections` how many were ever opened;
    `open_connections` what clients still hold open."""

    def __init__(self, app: App, tls: ssl.SSLContext | None = None) -> None:
        self.app = app
        self.requests: list[Request] = []
        self.ended = threading.Event()
        self._changed = threading.Condition()
        self.connections = self.open_connections = 0
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def all_closed(self, seconds: float = 5.0) -> bool:
        """Whether every connection is closed by its client within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.open_connections == 0, seconds)

    def asked(self, count: int, seconds: float = 5.0) -> bool:
        """Whether so many requests have come within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.requests) >= count, seconds)

    def opened(self, by: int) -> None:
        with self._changed:
            self.open_connections += by
            self.connections += max(by, 0)
            self._changed.notify_all()

    def note(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
        with self._changed:
            request = Request(len(self.requests) + 1, method, target, headers, body)
            self.requests.append(request)
            self._changed.notify_all()
            return request


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests."""


def _handler(server: LocalServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body would otherwise leave in two packets, and the second wait for the first one's receipt.
        wbufsize = -1
        disable_nagle_algorithm = True

        def setup(self) -> None:
            server.opened(1)
            super().setup()

        def finish(self) -> None:
            try:
                super().finish()
            finally:
                server.opened(-1)

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = server.app(server.note(self.command, self.path, headers, body))
            if answer.wire is not None:
                self.close_connection = True
                answer.wire(self, server.ended)
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Quiet."""

    return Handler
