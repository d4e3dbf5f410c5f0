"""Faults to switch on in a demo server: what shared hosts, proxies and platforms do to a client sooner or later.

Every method switches one on until `clear`, or as its last arguments say: `times` limits it to so many requests, `skip`
lets so many pass first, `on` restricts it to requests whose path and query hold that text ("/variations", "page=3").
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

from inventory_pipeline.demo.messages import Answer, Body, Request, Respond

Fault = Callable[[Request, Respond], Answer]  # may change the request, ask for the answer or not, change the answer


class When(TypedDict, total=False):
    times: int
    skip: int
    on: str


@dataclass(slots=True)
class _Rule:
    fault: Fault
    times: float = float("inf")
    skip: int = 0
    on: str = ""

    def strikes(self, request: Request) -> bool:
        if self.on not in request.target or self.times <= 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class Faults:
    """The faults of one server, in the order they were switched on: an earlier one may keep a later one from its turn."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault, **when: Unpack[When]) -> None:
        """Switches on a fault of one's own."""
        with self._lock:
            self._rules.append(_Rule(fault, **when))

    def clear(self) -> None:
        with self._lock:
            self._rules = []

    def around(self, respond: Respond) -> Respond:
        """`respond`, with the faults that are on now around it."""
        for rule in reversed(self._rules):
            respond = self._guarded(rule, respond)
        return respond

    def _guarded(self, rule: _Rule, respond: Respond) -> Respond:
        def guarded(request: Request) -> Answer:
            with self._lock:
                strikes = rule.strikes(request)
            return rule.fault(request, respond) if strikes else respond(request)

        return guarded

    def _change(self, change: Callable[[Answer], Answer], when: When) -> None:
        self.add(lambda request, respond: change(respond(request)), **when)

    def fail(self, status: int, text: str = "", headers: Mapping[str, str] | None = None, **when: Unpack[When]) -> None:
        """Answers `status` with an HTML page instead of the truth."""
        page = f"<html>\n<head><title>{status} {text}</title></head>\n<body><h1>{status} {text}</h1></body>\n</html>\n"
        answer = Answer(status, {"Content-Type": "text/html", **(headers or {})}, Body(page.encode()))
        self.add(lambda _request, _respond: answer, **when)

    def rate_limited(self, retry_after: float | str | None = None, **when: Unpack[When]) -> None:
        """429. `retry_after` is in seconds, or an HTTP date as text; without it the header is missing."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self.fail(429, "Too Many Requests", headers, **when)

    def server_errors(self, **when: Unpack[When]) -> None:
        """500: a storm of them with `times`."""
        self.fail(500, "Internal Server Error", **when)

    def html(self, **when: Unpack[When]) -> None:
        """200 with a page for people, as bot checks and login walls give."""
        self.fail(200, "Checking your browser", **when)

    def notice(self, **when: Unpack[When]) -> None:
        """A PHP notice in front of the JSON."""
        text = b"<br />\n<b>Notice</b>:  Undefined index: sale in <b>/srv/shop.php</b> on line <b>12</b><br />\n"
        self._change(lambda answer: replace(answer, body=Body(text + answer.body.raw)), when)

    def truncated_json(self, **when: Unpack[When]) -> None:
        """Half of the body, with the Content-Length of that half: nothing but the JSON tells."""
        self._change(lambda answer: replace(answer, body=Body(answer.body.raw[: len(answer.body.raw) // 2])), when)

    def truncated_gzip(self, **when: Unpack[When]) -> None:
        """Half of a gzip stream, whatever the client accepts, with the Content-Length of that half."""

        def change(answer: Answer) -> Answer:
            half = answer.body.zipped[: len(answer.body.zipped) // 2]
            return replace(answer, headers={**answer.headers, "Content-Encoding": "gzip"}, body=Body(half))

        self._change(change, when)

    def cut(self, at: int = 100, **when: Unpack[When]) -> None:
        """Closes the connection after `at` bytes of the body."""
        self._change(lambda answer: replace(answer, cut_at=at), when)

    def hang_up(self, **when: Unpack[When]) -> None:
        """Closes the connection without a word."""

        def abort(_request: Request, _respond: Respond) -> Answer:
            raise ConnectionAbortedError

        self.add(abort, **when)

    def drip(self, pause: float = 1.0, chunk: int = 16, **when: Unpack[When]) -> None:
        """Sends the body in pieces of `chunk` bytes, `pause` seconds after each."""
        self._change(lambda answer: replace(answer, chunk=chunk, pause=pause), when)

    def latency(self, seconds: float, **when: Unpack[When]) -> None:
        """Answers so much later."""
        self._change(lambda answer: replace(answer, delay=answer.delay + seconds), when)

    def edit_json(self, change: Callable[[Any], Any], **when: Unpack[When]) -> None:
        """Passes the decoded body of each 200 through `change`."""

        def edit(answer: Answer) -> Answer:
            if answer.status != 200:
                return answer
            return replace(answer, body=Body.of_json(change(json.loads(answer.body.raw))))

        self._change(edit, when)
