"""The HTTP/1.1 server under every demo dialect: loopback, threaded, keep-alive, gzip, and faults on the wire."""

import contextlib
import socket
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

from inventory_pipeline.demo.faults import Faults
from inventory_pipeline.demo.messages import Answer, Request

ZIPPED = ("text/", "application/json")
SMALLEST_GZIP = 256  # bytes; below, compressing gains nothing


class DemoServer:
    """Serves `answer` on a loopback port from `start` (or `with`) until `close`, which leaves no thread and no socket.

    `requests` holds the latest requests as they came; `faults` stands around every answer.
    """

    def __init__(self, faults: Faults) -> None:
        self.requests: deque[Request] = deque(maxlen=10_000)
        self.closing = threading.Event()
        self._faults = faults
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The bound port. Raises RuntimeError before `start` and after `close`."""
        if self._server is None:
            raise RuntimeError("this demo server is not running: use it in a `with` block")
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        """Without a slash at its end: "http://127.0.0.1:40123"."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self, request: Request) -> Answer:
        """The dialect's own answer, without faults."""
        raise NotImplementedError

    def respond(self, request: Request) -> Answer:
        self.requests.append(request)
        answer = self._faults.around(self.answer)(request)
        request.status = answer.status
        self.closing.wait(answer.delay)
        return answer

    def start(self, port: int = 0) -> Self:
        """Binds the port, 0 for any free one (OSError where it is taken), and serves from a thread of its own."""
        self._server = _Server(port, self)
        self.closing.clear()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="demo server", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        if self._server is not None:
            self.closing.set()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self if self._server else self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = True
    request_queue_size = 128  # with the default of 5, one of a burst of connections waits a second for its second SYN

    def __init__(self, port: int, demo: DemoServer) -> None:
        self.demo = demo
        self._threads_of: dict[socket.socket, threading.Thread] = {}
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        # Daemon threads, so that a test which forgets `close` cannot hang; and known ones, so that `close` can end them.
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._threads_of[request] = thread
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._threads_of.pop(request, None)

    def finish_request(self, request: Any, client_address: Any) -> None:
        with contextlib.suppress(ConnectionError):  # a client may hang up whenever it likes
            super().finish_request(request, client_address)

    def server_close(self) -> None:
        """Closes the listener and the connections that clients keep open, and waits for their threads."""
        super().server_close()
        for connection, thread in list(self._threads_of.items()):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together

    @property
    def _demo(self) -> DemoServer:
        assert isinstance(self.server, _Server)
        return self.server.demo

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        path, _, query = self.path.partition("?")
        request = Request(
            method=self.command,
            target=self.path,
            path=unquote(path),
            params=dict(parse_qsl(query, keep_blank_values=True)),
            headers=headers,
            body=self.rfile.read(int(headers.get("content-length", 0))),
        )
        self._send(self._demo.respond(request), gzip_accepted="gzip" in headers.get("accept-encoding", ""))

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - the base class looks for these names

    def _send(self, answer: Answer, *, gzip_accepted: bool) -> None:
        headers = {**answer.headers, "Content-Length": str(len(answer.body.raw))}
        data = answer.body.raw
        if gzip_accepted and _worth_zipping(answer):
            data = answer.body.zipped
            headers |= {"Content-Encoding": "gzip", "Content-Length": str(len(data))}
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if answer.cut_at is not None:
            data = data[: answer.cut_at]
            self.close_connection = True
        step = answer.chunk or len(data) or 1
        for start in range(0, len(data), step):
            self.wfile.write(data[start : start + step])
            if answer.pause:
                self.wfile.flush()
                if self._demo.closing.wait(answer.pause):
                    raise ConnectionAbortedError

    def version_string(self) -> str:
        return "demo"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own name
        """Silent: `requests` is the log."""


def _worth_zipping(answer: Answer) -> bool:
    if "Content-Encoding" in answer.headers or len(answer.body.raw) < SMALLEST_GZIP:
        return False
    return answer.headers.get("Content-Type", "").startswith(ZIPPED)
