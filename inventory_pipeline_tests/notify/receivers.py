"""Real receivers on loopback ports: an SMTP server and an HTTP one that keep what they get."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, TypeVar


class Mail(NamedTuple):
    subject: str
    text: str


class Request(NamedTuple):
    headers: dict[str, str]
    body: bytes


class _Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a sender needs."""

    def handle(self) -> None:
        self._say("220 test")
        assert isinstance(self.server, SmtpServer)
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"EHLO":
                self._say("250-test\r\n250 AUTH PLAIN LOGIN")
                continue
            if word == b"AUTH" and self.server.refusal:
                self._say(self.server.refusal)
                continue
            if word == b"DATA":
                self._say("354 go on")
                self._take()
            self._say("221 bye" if word == b"QUIT" else "250 ok")
            if word == b"QUIT":
                return

    def _take(self) -> None:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        body = message.get_body(("plain",))
        assert isinstance(self.server, SmtpServer)
        self.server.mails.append(Mail(message["subject"], body.get_content() if body else ""))

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class SmtpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Smtp)
        self.mails: list[Mail] = []
        # What it answers to whoever signs in.
        self.refusal = ""

    @property
    def url(self) -> str:
        """The address as Apprise takes it."""
        return f"mailto://127.0.0.1:{self.server_address[1]}/?from=stock@shop.example&to=lena@shop.example"


class _Http(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, HttpServer)
        server.paths.append(self.path)
        self.send_response(server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, HttpServer)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.requests.append(Request(dict(self.headers), body))
        server.got.set()
        if server.hang is not None:
            server.hang.wait(30)
        self.send_response(server.status)
        if server.location:
            self.send_header("Location", server.location)
        self.send_header("Content-Length", str(len(server.says)))
        self.end_headers()
        self.wfile.write(server.says)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's signature
        """Nothing: the tests read `requests`."""


class HttpServer(ThreadingHTTPServer):
    """Answers every POST with `status`, after `hang` is set where it is one."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Http)
        self.requests: list[Request] = []
        self.paths: list[str] = []
        self.status = 204
        self.location = ""
        self.says = b""
        self.got = threading.Event()
        self.hang: threading.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/T0KEN-which-is-secret"


Server = TypeVar("Server", SmtpServer, HttpServer)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
