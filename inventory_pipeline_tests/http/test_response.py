"""JSON answers: whole, or an error that says what came instead."""

import json

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured
from inventory_pipeline.http.response import Response, decode_json, decode_loosely

ANYTHING = msgspec.json.Decoder(dict[str, str])


def response(body: bytes) -> Response:
    return Response(200, httpx.Headers(), body, "https://shop.example/x?secret=y")


@given(st.dictionaries(st.text(), st.text(), min_size=1), st.integers(1))
def test_json_cut_anywhere_is_never_taken_for_whole(value: dict[str, str], cut: int) -> None:
    body = json.dumps(value).encode()
    assert decode_json(response(body), ANYTHING) == value
    with pytest.raises(IncompleteRead):
        decode_json(response(body[: cut % len(body)]), ANYTHING)


def test_a_byte_order_mark_is_skipped() -> None:
    assert decode_json(response(b'\xef\xbb\xbf{"a": "b"}'), ANYTHING) == {"a": "b"}


def test_one_broken_text_does_not_cost_the_page() -> None:
    assert decode_json(response(b'{"a": "\\ud800", "b": "\\u0000"}'), ANYTHING) == {"a": "\ud800", "b": "\0"}
    assert decode_json(response(b'{"a": "\xff"}'), ANYTHING) == {"a": "\ufffd"}


def test_another_shape_is_left_to_the_caller() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_json(response(b"[1]"), ANYTHING)
    with pytest.raises(msgspec.ValidationError):
        decode_json(response(b'{"a": 1, "b": "\\ud800"}'), ANYTHING)
    assert decode_loosely(response(b"[1]")) == [1]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", "200 “Log in” with a web page"),
        (b"\n <html></html>", "answers 200 with a web page"),
        (b"<br />\n<b>Warning</b>:  x in y on line 3<br />\n{}", "PHP messages"),
        (b"PHP Notice:  Undefined index\n{}", "PHP messages"),
    ],
)
def test_what_is_not_json_at_all_is_a_persons_to_mend(body: bytes, text: str) -> None:
    with pytest.raises(StoreMisconfigured, match=text) as caught:
        decode_json(response(body), ANYTHING)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b'{"a": "b"}x'])
def test_malformed_json_is_an_incomplete_read(body: bytes) -> None:
    with pytest.raises(IncompleteRead, match="cut off or malformed"):
        decode_json(response(body), ANYTHING)


def test_json_nested_without_end_is_an_incomplete_read() -> None:
    with pytest.raises(IncompleteRead, match="cut off or malformed"):
        decode_json(response(b"[" * 100_000), msgspec.json.Decoder())
