"""Reading GraphQL, as much as a demo server needs: one operation with arguments, variables and aliases."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'[\s,]+|(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<number>-?\d+)|(?P<name>[A-Za-z_]\w*)|(?P<mark>[{}()\[\]:$!=])')
_WORDS = {"null": None, "true": True, "false": False}


class GraphqlError(Exception):
    """An entry of `errors`: its message, its code, and what else stands in its `extensions`."""

    def __init__(self, message: str, code: str, **extensions: str) -> None:
        super().__init__(message)
        self.code = code
        self.extensions = {"code": code, **extensions}


@dataclass(frozen=True, slots=True)
class Field:
    """One selected field. `key` is the name it has in the answer: its alias or its own."""

    name: str
    key: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    selections: "Sequence[Field]" = ()


def parse(text: str, variables: Mapping[str, Any] | None = None) -> tuple[str, list[Field]]:
    """Kind ("query" or "mutation") and selections of the one operation in `text`. Raises GraphqlError."""
    return _Parser(text, variables or {}).operation()


class _Parser:
    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        self._tokens = list(_tokens(text))
        self._variables = variables

    def operation(self) -> tuple[str, list[Field]]:
        kind = "query"
        if self._next != "{":
            kind = self._take()
            if self._next not in ("{", "("):
                self._take()  # its name
            if self._next == "(":
                while self._take() != ")":
                    pass  # types of variables: without a schema there is nothing to hold them against
        if kind not in ("query", "mutation"):
            raise _syntax(kind)
        selections = self._selections()
        if self._tokens:
            raise _syntax(self._next)
        return kind, selections

    @property
    def _next(self) -> str:
        return self._tokens[0] if self._tokens else "end of document"

    def _take(self, expected: str | None = None) -> str:
        if not self._tokens or expected not in (None, self._tokens[0]):
            raise _syntax(self._next)
        return self._tokens.pop(0)

    def _selections(self) -> list[Field]:
        self._take("{")
        fields = []
        while self._next != "}":
            key = name = self._take()
            if self._next == ":":
                self._take()
                name = self._take()
            arguments = self._arguments() if self._next == "(" else {}
            fields.append(Field(name, key, arguments, self._selections() if self._next == "{" else ()))
        self._take("}")
        return fields

    def _arguments(self) -> dict[str, Any]:
        self._take("(")
        arguments = {}
        while self._next != ")":
            name = self._take()
            self._take(":")
            arguments[name] = self._value()
        self._take(")")
        return arguments

    def _value(self) -> Any:
        token = self._take()
        if token == "$":
            return self._variables.get(self._take())
        if token == "[":
            values = []
            while self._next != "]":
                values.append(self._value())
            self._take("]")
            return values
        if token.startswith('"'):
            return token[1:-1]
        return int(token) if token.lstrip("-").isdecimal() else _WORDS.get(token, token)


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _syntax(text[at])
        at = found.end()
        if found.lastgroup:
            yield found[0]


def _syntax(token: str) -> GraphqlError:
    return GraphqlError(f"syntax error, unexpected {token!r}", "syntaxError")
