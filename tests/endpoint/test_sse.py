"""Events come out of bytes as the WHATWG algorithm says, wherever the bytes were cut."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from augenblick.endpoint.sse import Event, read_events
from tests.raising import raises

M = "message"
NO_LINE_ENDS = "a\u2028b\u2029c\u0085d\v\f\x1c"

CASES: dict[str, tuple[bytes, list[tuple[str, str, str]]]] = {
    "lf": (b"data: a\n\ndata: b\n\n", [(M, "a", ""), (M, "b", "")]),
    "crlf": (b"data: a\r\n\r\ndata: b\r\n\r\n", [(M, "a", ""), (M, "b", "")]),
    "cr": (b"data: a\r\rdata: b\r\r", [(M, "a", ""), (M, "b", "")]),
    "lf then crlf blank": (b"data: a\n\r\ndata: b\n\n", [(M, "a", ""), (M, "b", "")]),
    "lf then cr blank": (b"data: a\n\rdata: b\n\n", [(M, "a", ""), (M, "b", "")]),
    "crlf then cr blank": (b"data: a\r\n\rdata: b\n\n", [(M, "a", ""), (M, "b", "")]),
    "crlf then lf blank": (b"data: a\r\n\ndata: b\r\n\r\n", [(M, "a", ""), (M, "b", "")]),
    "many blank lines": (b"\n\n\r\n\rdata: a\n\n\n\n\n", [(M, "a", "")]),
    "bom": (b"\xef\xbb\xbfdata: a\n\n", [(M, "a", "")]),
    "bom once only": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [(M, "b", "")]),
    "bom in the middle is text": (b"data: \xef\xbb\xbfa\n\n", [(M, "\ufeffa", "")]),
    "multi-line data": (b"data: a\ndata: b\ndata:\n\n", [(M, "a\nb\n", "")]),
    "empty data": (b"data:\n\n", [(M, "", "")]),
    "two empty data": (b"data\ndata\n\n", [(M, "\n", "")]),
    "one space only is cut": (b"data:  a\n\n", [(M, " a", "")]),
    "no space": (b"data:a\n\n", [(M, "a", "")]),
    "tab is kept": (b"data:\ta\n\n", [(M, "\ta", "")]),
    "colon in value": (b"data: a:b: c\n\n", [(M, "a:b: c", "")]),
    "event name": (b"event: error\ndata: a\n\ndata: b\n\n", [("error", "a", ""), (M, "b", "")]),
    "last event name wins": (b"event: x\nevent: y\ndata: a\n\n", [("y", "a", "")]),
    "empty event name": (b"event:\ndata: a\n\n", [(M, "a", "")]),
    "event without data": (b"event: x\n\ndata: a\n\n", [(M, "a", "")]),
    "comment": (b": hello\ndata: a\n\n", [(M, "a", "")]),
    "comment glued to the next field": (b": ping\ndata: a\n: pong\ndata: b\n\n", [(M, "a\nb", "")]),
    "comment only": (b": ping\n\n: ping\n\n", []),
    "unknown field": (b"foo: x\ndata: a\nfoo\n\n", [(M, "a", "")]),
    "field with space before the colon": (b"data : a\n\n", []),
    "field in capitals": (b"Data: a\n\n", []),
    "retry": (b"retry: 10\n\nretry: abc\ndata: a\n\n", [(M, "a", "")]),
    "id of its own event": (b"id: 1\ndata: a\n\ndata: b\n\n", [(M, "a", "1"), (M, "b", "")]),
    "id without data": (b"id: 7\n\ndata: b\n\n", [(M, "b", "")]),
    "id emptied": (b"id: 1\nid\ndata: b\n\n", [(M, "b", "")]),
    "nul in data": (b"data: a\0b\n\n", [(M, "a\0b", "")]),
    "u+2028": (f"data: {NO_LINE_ENDS}\n\n".encode(), [(M, NO_LINE_ENDS, "")]),
    "umlauts and emoji": ("data: äß👩‍👧\n\n".encode(), [(M, "äß👩‍👧", "")]),
    "invalid byte": (b"data: a\xffb\n\ndata: c\n\n", [(M, "a\ufffdb", ""), (M, "c", "")]),
    "cut character": (b"data: a\xe2\x82\n\ndata: c\n\n", [(M, "a\ufffd", ""), (M, "c", "")]),
    "surrogate": (b"data: \xed\xa0\x80\n\n", [(M, "\ufffd\ufffd\ufffd", "")]),
    "invalid id and name": (b"id: \xff\nevent: \xfe\ndata: a\n\n", [("\ufffd", "a", "\ufffd")]),
    "substitutes": (b"data: \x1a1\x1a0\x1a\ndata: \x1a\n\n", [(M, "\x1a1\x1a0\x1a\n\x1a", "")]),
    "done without blank line": (b"data: a\n\ndata: [DONE]", [(M, "a", ""), (M, "[DONE]", "")]),
    "done with one line end": (b"data: [DONE]\n", [(M, "[DONE]", "")]),
    "done with a half line after": (b"data: [DONE]\nda", [(M, "[DONE]", "")]),
    "half done": (b"data: [DON", []),
    "half json": (b'data: {"a":1}\n\ndata: {"a":{"b":2}', [(M, '{"a":1}', "")]),
    "whole json without blank line": (b'data: {"a":1}\n', [(M, '{"a":1}', "")]),
    "no blank lines": (
        b'data: {"a":1}\ndata: {"b":2}\r\ndata: {"c":3}\ndata: [DONE]\n',
        [(M, '{"a":1}', ""), (M, '{"b":2}', ""), (M, '{"c":3}', ""), (M, "[DONE]", "")],
    ),
    "no blank lines, the last not ended": (
        b'data: {"a":1}\ndata: {"b":2}', [(M, '{"a":1}', ""), (M, '{"b":2}', "")],
    ),
    "no blank lines, the last cut off": (
        b'data: {"a":1}\ndata: {"b":2}\ndata: {"c"', [(M, '{"a":1}', ""), (M, '{"b":2}', "")],
    ),
    "no blank lines, comments between": (
        b': x\ndata: {"a":1}\n: x\ndata: {"b":2}\n: x\n',
        [(M, '{"a":1}', ""), (M, '{"b":2}', "")],
    ),
    "no blank lines, every event named": (
        b'event: x\ndata: {"a":1}\nevent: error\ndata: {"b":2}\nevent: y\ndata: [DONE]\n',
        [("x", '{"a":1}', ""), ("error", '{"b":2}', ""), ("y", "[DONE]", "")],
    ),
    "no blank lines, heartbeats between": (
        b'data: {"a":1}\ndata:\ndata: {"b":2}\ndata: \ndata: {"c":3}\ndata\ndata: [DONE]\n',
        # the first may still be an event of several lines
        [(M, '{"a":1}\n', ""), (M, '{"b":2}', ""), (M, '{"c":3}', ""), (M, "[DONE]", "")],
    ),
    "no blank lines, then some": (
        b'data: {"a":1}\ndata: {"b":2}\n\ndata: {"c":3}\n\n',
        [(M, '{"a":1}', ""), (M, '{"b":2}', ""), (M, '{"c":3}', "")],
    ),
    "no blank line before done": (
        b'data: {"a":1}\n\ndata: {"b":2}\ndata: [DONE]\n\n',
        [(M, '{"a":1}', ""), (M, '{"b":2}', ""), (M, "[DONE]", "")],
    ),
    "one object over several lines": (
        b'data: {\ndata: "a": {"b": 1}\ndata: }\n\n', [(M, '{\n"a": {"b": 1}\n}', "")],
    ),
    "name after the data": (b'data: {"a":1}\nevent: error\n\n', [("error", '{"a":1}', "")]),
    "unterminated text": (b"data: a\n", []),
    "nothing": (b"", []),
}  # fmt: skip


def read(*chunks: bytes) -> list[tuple[str, str, str]]:
    """What comes out of chunks, as plain tuples."""
    return [(event.event, event.data, event.id) for event in read_events(chunks)]


def reference(stream: bytes) -> Iterator[tuple[str, str, str]]:
    """The specification, word for word, on the whole text; ids and the end as documented there."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    *lines, rest = text.split("\n")
    data, event, own_id = "", "", ""
    for line in lines:
        if not line:
            if data:
                yield event or M, data.removesuffix("\n"), own_id
            data, event, own_id = "", "", ""
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data += value + "\n"
        elif name == "event":
            event = value
        elif name == "id":
            own_id = value
    if rest.startswith("data:"):
        data += rest[5:].removeprefix(" ") + "\n"
    if data.strip(" \t\n\r\v\f") == "[DONE]":  # blanks of ASCII, not U+0085
        yield event or M, data.removesuffix("\n"), own_id


@pytest.mark.parametrize("name", CASES)
def test_reads_a_stream_given_whole(name: str) -> None:
    """Every case of the table reads as the specification says."""
    stream, expected = CASES[name]
    assert read(stream) == expected


@pytest.mark.parametrize("name", CASES)
def test_reads_the_same_byte_by_byte(name: str) -> None:
    """It does not matter that every byte comes alone, nor that empty chunks come between."""
    stream, expected = CASES[name]
    assert (
        read(*(piece for i in range(len(stream)) for piece in (stream[i : i + 1], b""))) == expected
    )


@pytest.mark.parametrize("name", CASES)
def test_reads_the_same_at_every_split(name: str) -> None:
    """It does not matter where a stream is cut in two."""
    stream, expected = CASES[name]
    for cut in range(len(stream) + 1):
        assert read(stream[:cut], stream[cut:]) == expected


PIECES = st.sampled_from(
    [b"data", b"event", b"id", b"retry", b":", b" ", b"\n", b"\r", b"\r\n", b"\n\n", b"a", b"\0",
     b"\xff", b"\xe2\x82", b"\xac", b"\xef\xbb\xbf", b"data: x\n\n", b"data: [DONE]", b"\x1a",
     b"\x1a1", b"\xc2\x85", b"\xe2\x80\xa8", b"foo: ", b": c"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30), st.lists(st.integers(1, 7), min_size=1, max_size=8))
@example([b"\xef\xbb\xbf", b"data: x\n\n"], [1])
@example([b"data: [DONE]", b"\xc2\x85"], [1])
@settings(deadline=None, max_examples=400)
def test_agrees_with_the_specification(pieces: list[bytes], widths: list[int]) -> None:
    """Random streams, cut at random, read as a naive reading of the specification."""
    stream = b"".join(pieces)
    chunks, at, turn = [], 0, 0
    while at < len(stream):
        width = widths[turn % len(widths)]
        chunks.append(stream[at : at + width])
        at, turn = at + width, turn + 1
    assert read(*chunks) == list(reference(stream))


def test_hands_out_an_event_with_the_bytes_that_end_it() -> None:
    """An event is never held back until the next one begins, also after a lone CR."""
    given_out = 0

    def chunks() -> Iterator[bytes]:
        nonlocal given_out
        for chunk in (b"data: a\r", b"\r", b"\ndata: b\r\n\r", b"\n"):
            given_out += 1
            yield chunk

    seen = [(event.data, given_out) for event in read_events(chunks())]
    assert seen == [("a", 2), ("b", 3)]


def test_hands_out_an_event_with_its_line_where_there_are_no_blank_ones() -> None:
    """Only the first event waits for the next one; from then on every line is an event."""
    given_out = 0

    def chunks() -> Iterator[bytes]:
        nonlocal given_out
        for number in (1, 2, 3):
            given_out += 1
            yield b'data: {"a":%d}\n' % number

    seen = [(event.data, given_out) for event in read_events(chunks())]
    assert seen == [('{"a":1}', 2), ('{"a":2}', 2), ('{"a":3}', 3)]


def test_reports_comments() -> None:
    """Comments are signs of life and are told to whoever asks."""
    heard: list[str] = []
    events = list(
        read_events([b": OPENROUTER PROCESSING\n\n:\ndata: a\n\n"], on_comment=heard.append)
    )
    assert heard == ["OPENROUTER PROCESSING", ""]
    assert events == [Event("message", "a")]


@pytest.mark.parametrize(
    "chunk", [b"data: " + b"x" * 90, b"data: xxxx\n" * 9, b"foo: xxxxx\n" * 9, b":" + b"x" * 90]
)
def test_refuses_an_event_above_the_cap(chunk: bytes) -> None:
    """An endless event is refused as soon as it is above the cap, ended or not."""
    events = read_events([b"data: ok\n\n", chunk], max_event_bytes=80)
    assert next(events).data == "ok"
    with raises("event_too_large") as caught:
        next(events)
    assert caught.value.params["limit"] == 80


@pytest.mark.parametrize("line", [b"data: x\n", b"foo: x\n", b"id: 1\n", b"data\n"])
def test_refuses_an_event_of_very_many_lines(line: bytes) -> None:
    """Which no endpoint sends: an event is one line of JSON, or a few where a proxy indents it."""
    assert len(list(read_events([b"data: x\n" + line * 999 + b"\n"]))) == 1
    with raises("event_too_large"):
        list(read_events([line * 800_000 + b"\n"]))


def test_events_below_the_cap_pass_for_ever() -> None:
    """The cap is for one event, not for the stream."""
    assert len(list(read_events([b"data: xxxxxxxxxx\n\n"] * 50, max_event_bytes=20))) == 50


@pytest.mark.parametrize(
    "chunks",
    [
        [b"data: " + b"x" * 1000] + [b"y" * 1000] * 7000 + [b"\n\n"],
        [(b"data: " + b"y" * 8000 + b"\n") * 999 + b"\n"],
        [b": ping\n" * 50_000] * 20,
    ],
    ids=["large event in small pieces", "many data lines", "a million comments"],
)
def test_costs_grow_with_the_bytes_only(chunks: list[bytes]) -> None:
    """Inputs that need quadratic time in sseclient alone (minutes) are done in a moment."""
    started = time.thread_time()
    list(read_events(chunks, max_event_bytes=10_000_000))
    assert time.thread_time() - started < 20


def test_what_the_source_raises_passes_through() -> None:
    """A broken connection stays a broken connection; the events before it were handed out."""

    def chunks() -> Iterator[bytes]:
        yield b"data: a\n\ndata: b"
        raise ConnectionResetError

    events = read_events(chunks())
    assert next(events).data == "a"
    with pytest.raises(ConnectionResetError):
        next(events)
