"""The server under every dialect: connections kept, bodies compressed, and nothing left behind."""

import http.client
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from inventory_pipeline.demo.faults import Faults
from inventory_pipeline.demo.messages import Answer, Body, Request
from inventory_pipeline.demo.server import SMALLEST_GZIP, DemoServer
from inventory_pipeline_tests.demo.client import send


class Echo(DemoServer):
    """Answers with the target, so often as the parameter `times` says."""

    def answer(self, request: Request) -> Answer:
        return Answer(200, {"Content-Type": "text/plain"}, Body(request.target.encode() * int(request.params.get("times", 1))))


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo(Faults()) as server:
        yield server


def test_a_connection_is_kept_for_many_requests(echo: Echo) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", echo.port, timeout=20)
    for number in range(5):
        connection.request("GET", f"/{number}")
        assert connection.getresponse().read() == f"/{number}".encode()
        assert connection.sock is not None
    connection.close()


def test_bodies_are_gzipped_for_whoever_accepts_it(echo: Echo) -> None:
    target = f"/?times={SMALLEST_GZIP}"
    plain = send(echo, target)
    zipped = send(echo, target, {"Accept-Encoding": "gzip, deflate"})
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert int(zipped.headers["content-length"]) < len(plain.body)
    assert zipped.body == plain.body


def test_requests_are_kept_with_what_was_answered(echo: Echo) -> None:
    send(echo, "/a%20b?c=1&d=&c=2", {"X-Test": "yes"})
    request = echo.requests[0]
    assert (request.method, request.path, request.params, request.status) == ("GET", "/a b", {"c": "2", "d": ""}, 200)
    assert request.headers["x-test"] == "yes"


def test_many_connections_at_once_are_all_served(echo: Echo) -> None:
    with ThreadPoolExecutor(50) as pool:
        bodies = set(pool.map(lambda number: send(echo, f"/{number}").body, range(200)))
    assert len(bodies) == 200


def test_a_client_that_hangs_up_harms_nobody(echo: Echo, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", echo.port)) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # hang up by a reset
            raw.sendall(b"GET /?times=100000 HTTP/1.1\r\n\r\n")
    assert send(echo, "/still/here").status == 200
    assert capfd.readouterr().err == ""


def test_closing_leaves_no_thread_and_no_port_though_clients_keep_their_connections() -> None:
    before = set(threading.enumerate())
    with Echo(Faults()) as server:
        port = server.port
        connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=20) for _ in range(3)]
        for connection in connections:
            connection.request("GET", "/")
            connection.getresponse().read()
        idle = socket.create_connection(("127.0.0.1", port))
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with Echo(Faults()).start(port) as again:
        assert again.port == port
    for connection in (*connections, idle):
        connection.close()


def test_a_server_that_does_not_run_says_so() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = Echo(Faults()).url


def test_a_taken_port_is_an_error(echo: Echo) -> None:
    with pytest.raises(OSError, match="in use"):
        Echo(Faults()).start(echo.port)
