"""What went over the wire, against a real server: whole, masked, folded, bounded."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import random
import string
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from augenblick.core.errors import AugenblickError, StoreError
from augenblick.core.messages import Attachment, ImagePart, Message, PreparedPicture, Role, TextPart
from augenblick.core.providers import ApiKey, Provider
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.client import Cancellation, ChatClient, RetryPolicy
from augenblick.endpoint.payload import DataUri, DataUris, build_payload, encode_payload
from augenblick.endpoint.recorder import Recorder, is_secret, mask_url
from augenblick.endpoint.trace import (
    MASK,
    Trace,
    WireEvent,
    WireExchange,
    WirePicture,
    read_trace,
)
from augenblick.pictures import prepare_image
from tests.browser.playing import photo
from tests.faults.server import (
    Ending,
    FaultServer,
    Framing,
    Pause,
    Piece,
    Step,
    answered_json,
    framed,
)
from tests.raising import raises

KEY = "sk-canary-4711"
PAYLOAD: dict[str, Any] = {"model": "m", "messages": [], "stream": True}


def said(text: str) -> bytes:
    """A chunk of a stream."""
    choice = {"index": 0, "delta": {"content": text}}
    return f"data: {json.dumps({'id': '1', 'choices': [choice]})}\n\n".encode()


STREAM: tuple[Piece, ...] = (
    b": hello\n\n",
    said("One "),
    b"event: ping\nid: 7\ndata: {}\n\n",
    said("two äöü 🙂"),
    b"data: [DONE]\n\n",
)


def record(
    *answers: Sequence[Step],
    payload: dict[str, Any] | None = None,
    stop_after: int | None = None,
) -> tuple[Trace, FaultServer]:
    """Ask a server that answers so in turn, read to the end or a stop; give what was kept."""
    recorder, cancellation, left = Recorder(), Cancellation(), list(answers)
    with FaultServer(lambda _: left.pop(0)) as server:
        provider = Provider("t", "T", server.base_url, ApiKey(KEY))
        client = ChatClient(provider, retry=RetryPolicy(base_seconds=0.01))
        with (
            client,
            contextlib.suppress(AugenblickError),
            client.stream(
                payload or PAYLOAD, cancellation=cancellation, recorder=recorder
            ) as stream,
        ):
            for number, _ in enumerate(stream, start=1):
                if number == stop_after:
                    cancellation.cancel()
    return read_trace(recorder.pack()), server


def only(trace: Trace) -> WireExchange:
    """The one exchange there is."""
    (exchange,) = trace.exchanges
    return exchange


@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.CLOSE])
def test_everything_that_came_is_there_in_order(framing: Framing) -> None:
    """Status, headers, every event with name, its own id and time, the comment, the end."""
    steps = framed(STREAM, framing, headers=[("X-Request-Id", "r-1"), ("Set-Cookie", "a=b")])

    trace, server = record(steps)
    exchange = only(trace)

    (received,) = server.received
    assert (exchange.request.method, exchange.status) == ("POST", 200)
    assert exchange.request.url == f"http://{received.headers['host']}/v1/chat/completions"
    assert exchange.request.unfold(lambda _: "") == received.body
    sent = {name.lower(): value for name, value in exchange.request.headers}
    assert sent["authorization"] == f"Bearer {MASK}"
    assert {name: received.headers[name] for name in sent if name != "authorization"} == {
        name: value for name, value in sent.items() if name != "authorization"
    }
    assert ("X-Request-Id", "r-1") in exchange.headers
    assert ("Set-Cookie", MASK) in exchange.headers
    assert [(each.event, each.id, each.is_comment) for each in exchange.events] == [
        ("message", "", True), ("message", "", False), ("ping", "7", False),
        ("message", "", False), ("message", "", False),
    ]  # fmt: skip
    assert [each.data for each in exchange.events] == [
        "hello", *(piece[6:-2].decode() for piece in (said("One "),)), "{}",
        said("two äöü 🙂")[6:-2].decode(), "[DONE]",
    ]  # fmt: skip
    times = [each.at_seconds for each in exchange.events]
    assert exchange.headers_seconds is not None
    assert exchange.end_seconds is not None
    assert times == sorted(times)
    assert 0 <= exchange.headers_seconds <= times[0] <= times[-1] <= exchange.end_seconds
    assert exchange.end == "done"
    assert (trace.cut_records, trace.cut_bytes) == (0, 0)


def test_a_cut_stream_says_how_it_ended() -> None:
    """What came before the break stands there, and the code of the error."""
    exchange = only(record(framed(STREAM[:2], Framing.CHUNKED, ending=Ending.FIN))[0])
    closed = only(record(framed(STREAM[:2], Framing.CLOSE))[0])

    assert [each.is_comment for each in exchange.events] == [True, False]
    assert exchange.end == "stream_interrupted"
    assert closed.end == "closed"


def test_a_stop_in_the_middle_keeps_what_had_come() -> None:
    """The events up to the stop, and that it was stopped."""
    steps = framed((*STREAM[:2], Pause(30)), Framing.CHUNKED, ending=Ending.HOLD)

    exchange = only(record(steps, stop_after=1)[0])

    assert [each.is_comment for each in exchange.events] == [True, False]
    assert exchange.end == "cancelled"


def test_an_answer_in_one_piece_and_an_error_are_kept_as_they_came() -> None:
    """A body that is no stream stands there byte for byte."""
    whole = {"id": "1", "choices": [{"index": 0, "message": {"content": "Ja."}}]}
    error = {"error": {"message": "No such model: größe", "code": "model_not_found"}}

    answered = only(record(answered_json(whole), payload={**PAYLOAD, "stream": False})[0])
    refused = only(record(answered_json(error, status="404 Not Found"))[0])

    assert json.loads(answered.content) == whole
    assert answered.end == "closed"
    assert (refused.status, json.loads(refused.content)) == (404, error)
    assert refused.end == "model_not_found"


def test_a_repeat_is_an_exchange_of_its_own() -> None:
    """A busy server and the good answer after it both stand there, with the same body."""
    busy = answered_json({"error": {"message": "busy"}}, status="503 Unavailable")

    trace, server = record(busy, framed(STREAM, Framing.CHUNKED))

    first, second = trace.exchanges
    assert (first.status, second.status) == (503, 200)
    assert len(server.received) == 2
    assert [each.request.unfold(lambda _: "") for each in trace.exchanges] == [
        received.body for received in server.received
    ]
    assert second.started_at >= first.started_at
    assert not first.events


def test_nobody_listening_is_an_exchange_without_an_answer() -> None:
    """What was to be sent stands there all the same."""
    recorder = Recorder()
    provider = Provider("t", "T", "http://127.0.0.1:9/v1", ApiKey(KEY))
    with (
        ChatClient(provider, retry=RetryPolicy(attempts=1)) as client,
        pytest.raises(AugenblickError),
        client.stream(PAYLOAD, recorder=recorder),
    ):
        pass

    exchange = only(read_trace(recorder.pack()))

    assert (exchange.status, exchange.headers, exchange.end) == (0, (), "connection_refused")
    assert exchange.request.unfold(lambda _: "") == encode_payload(PAYLOAD)


def test_no_secret_is_kept_wherever_it_comes_back() -> None:
    """In header, address, event, comment and error body alike, in every spelling."""
    secrets = (KEY, "team-secret-0815-xyz", "a+b/c==&0123456789")
    echo = " ".join(secrets)
    said_again = [
        f": {echo}\n\n".encode(),
        said(echo),
        f"event: e\ndata: {json.dumps({'a': echo})}\n\n".encode(),
    ]
    headers = (("X-Api-Key", secrets[1]), ("X-Team", "pictures"))
    error = answered_json({"error": echo}, status="400 Bad", headers=[("Location", echo)])
    address = "code=a%2Bb%2Fc%3D%3D%260123456789&api-version=2026-01-01"
    recorder = Recorder()
    for steps in (framed([*said_again, *STREAM], Framing.CHUNKED), error):
        with FaultServer(lambda _, steps=steps: steps) as server:  # type: ignore[misc] # bound
            query = (("code", secrets[2]), ("api-version", "2026-01-01"))
            provider = Provider(
                "t", "T", server.base_url, ApiKey(KEY), query=query, headers=headers
            )
            with (
                ChatClient(provider) as client,
                contextlib.suppress(AugenblickError),
                client.stream(PAYLOAD, recorder=recorder) as stream,
            ):
                list(stream)
            assert server.received[0].target.endswith(address)
    packed = recorder.pack()
    content = zlib.decompressobj().decompress(packed[5:])

    for secret in (*secrets, "a%2Bb%2Fc%3D%3D%260123456789"):
        assert secret.encode() not in packed + content
    streamed, refused = read_trace(packed).exchanges
    assert streamed.request.url.endswith(f"?code={MASK}&api-version=2026-01-01")
    assert ("X-Api-Key", MASK) in streamed.request.headers
    assert ("X-Team", "pictures") in streamed.request.headers
    assert streamed.events[0].data == " ".join([MASK] * 3)
    assert json.loads(refused.content)["error"] == " ".join([MASK] * 3)


@pytest.mark.parametrize(
    ("name", "value", "is_masked"),
    [
        ("Authorization", "Bearer x", True), ("api-key", "x", True), ("X-Goog-Api-Key", "x", True),
        ("Ocp-Apim-Subscription-Key", "x", True), ("X-Auth-Token", "x", True),
        ("X-Whatever", "0a1b2c3d4e5f6a7b8c9d0e", True), ("Cookie", "a=b", True),
        ("User-Agent", "augenblick", False), ("Accept", "text/event-stream", False),
        ("X-Team", "pictures", False), ("api-version", "2026-01-01", False),
        ("HTTP-Referer", "https://example.org", False), ("X-Keyboard", "de", False),
    ],
)  # fmt: skip
def test_what_is_masked(name: str, value: str, *, is_masked: bool) -> None:
    """Keys by their name or by how they look; nothing else."""
    assert is_secret(name, value) is is_masked


def test_a_masked_address_keeps_its_other_fields() -> None:
    """Only the value of a secret field goes."""
    masked = f"http://h/v1?a=1&sig={MASK}&b=2"
    assert mask_url("http://h/v1?a=1&sig=x+y&b=2") == (masked, ["x y"])
    assert mask_url("http://h/v1") == ("http://h/v1", [])


def _picture(content: bytes) -> Attachment:
    return Attachment(f"{len(content)}", "image/jpeg", 1, 1, len(content), receipt=None)  # type: ignore[arg-type] # not looked at


def test_folding_and_unfolding_is_byte_exact(tmp_path: Path) -> None:
    """Pictures become what they are, and come back where they stood, whatever the words say."""
    picture = prepare_image(photo(tmp_path, "a.jpg").read_bytes(), name="a.jpg")
    uris = DataUris({picture.attachment.sha256: picture.content}.__getitem__)
    body = _tricky_body(picture, uris)
    recorder = Recorder()
    payload = build_payload(*body, data_uri=uris)
    payload["extra"] = {
        "text": uris(picture.attachment)[:-4],
        "foreign": "data:image/png;base64,AA",
    }
    recorder.open(payload).sent("POST", "http://h/v1", ())

    packed = recorder.pack()
    request = only(read_trace(packed)).request

    attachment = picture.attachment
    wire = WirePicture(attachment.sha256, attachment.media_type, attachment.byte_count, 640, 400)
    assert request.pictures == (wire, wire)
    assert request.is_whole
    assert request.unfold(lambda _: uris(attachment)) == encode_payload(payload)
    folded: Any = request.folded(lambda number, _: f'"{number}"')
    urls = [part["image_url"]["url"] for part in folded["messages"][0]["content"][:2]]
    assert urls == ['"0"', '"1"']
    assert folded["messages"][0]["content"][2]["text"].startswith(WORDS)


WORDS = 'ä"\\\n$`\u2028 data:image/jpeg;base64, '


def _tricky_body(picture: PreparedPicture, uris: DataUris) -> tuple[list[Message], RequestSettings]:
    image = ImagePart(picture.attachment)
    words = f"{WORDS}{uris(picture.attachment)[:40]} \ud83d"
    return [Message(Role.USER, (image, image, TextPart(words)))], RequestSettings("m")


def test_a_random_body_survives() -> None:
    """Whatever strings stand around a picture."""
    rng = random.Random(7)
    for _ in range(50):
        content = rng.randbytes(rng.randint(1, 40))
        attachment = _picture(content)
        recorder = Recorder()
        uri = DataUri(attachment, content)
        letters = string.printable + "äöü🙂\u2028\x00"
        text = "".join(rng.choices(letters, k=30))
        payload = {text: [text, {"url": uri}, 1.5, None, True, [uri]], "m": uri}
        recorder.open(payload).sent("POST", "http://h", ())
        request = only(read_trace(recorder.pack())).request
        assert len(request.pictures) == 3
        assert request.unfold(lambda _, uri=uri: uri) == encode_payload(payload)  # type: ignore[misc] # bound


def test_requests_side_by_side_do_not_mix() -> None:
    """Two lines of one recorder keep their events apart, in any order."""
    recorder = Recorder()
    lines = [recorder.open({"number": number}) for number in range(2)]
    for line in lines:
        line.sent("POST", "http://h", ())
    for turn in range(100):
        lines[turn % 2].event(str(turn))

    trace = read_trace(recorder.pack())

    for number, exchange in enumerate(trace.exchanges):
        assert json.loads(exchange.request.unfold(lambda _: "")) == {"number": number}
        assert [int(each.data) % 2 for each in exchange.events] == [number] * 50


def test_what_is_too_much_is_counted_only() -> None:
    """A flood stays within the limit, says how much is missing, and still says how it ended."""
    rng = random.Random(1)
    recorder = Recorder(max_packed_bytes=50_000)
    line = recorder.open(PAYLOAD)
    line.sent("POST", "http://h", ())
    line.answered(200, ())
    for _ in range(3000):
        line.event(rng.randbytes(50).hex())
    line.ended("done")

    packed = recorder.pack()
    trace = read_trace(packed)
    exchange = only(trace)

    assert len(packed) < 60_000
    assert 500 < len(exchange.events) < 3000
    assert trace.cut_records == 3000 - len(exchange.events)
    assert trace.cut_bytes == trace.cut_records * 100
    assert (exchange.status, exchange.end) == (200, "done")


def test_a_body_too_large_to_keep_is_said_to_be_cut() -> None:
    """Then nothing pretends to be the exact request."""
    recorder = Recorder()
    payload = {"text": "x" * (9 * 1024 * 1024)}
    recorder.open(payload).sent("POST", "http://h", ())

    request = only(read_trace(recorder.pack())).request

    assert not request.is_whole
    assert request.folded(lambda *_: "") is None


def test_a_long_answer_holds_little() -> None:
    """Five thousand events like those of an endpoint stay well below 100 KB."""
    rng = random.Random(3)
    recorder = Recorder()
    line = recorder.open(PAYLOAD, secrets=[KEY])
    line.sent("POST", "http://h", ())
    for _ in range(5000):
        line.event(said(f"wort{rng.randint(0, 3000)} ")[6:-2].decode())

    assert recorder.held_bytes < 80_000


@pytest.mark.parametrize(
    "how", ["empty", "foreign", "version", "cut", "flipped", "nonsense", "old", "lines"]
)
def test_a_damaged_trace_is_a_clear_error(how: str) -> None:
    """Whatever has happened to the bytes."""
    recorder = Recorder()
    line = recorder.open(PAYLOAD)
    line.sent("POST", "http://h", ())
    line.event("x")
    good = recorder.pack()
    middle = len(good) // 2
    damaged = {
        "empty": b"",
        "foreign": b"PK\x03\x04" + good,
        "version": good[:4] + b"\x09" + good[5:],
        "cut": good[:-3],
        "flipped": good[:middle] + bytes([good[middle] ^ 0xFF]) + good[middle + 1 :],
        "nonsense": _sealed(b"nonsense\n"),
        "lines": _sealed(b'sent 1 0 ["x"]\n'),
        "old": b"AGTR\x01" + zlib.compress(b"\x03\x01" + bytes(8) + b"\x02\x00\x00\x00[]"),
    }[how]

    with raises("trace_unreadable"):
        read_trace(damaged)


def _sealed(lines: bytes) -> bytes:
    """Lines as if they had been kept so."""
    kept = b"AGTR\x03" + zlib.compress(lines)
    return kept + zlib.crc32(kept).to_bytes(4)


def test_any_flipped_bit_is_noticed() -> None:
    """What is shown is what went over the wire, or nothing."""
    recorder = Recorder()
    line = recorder.open(PAYLOAD)
    line.sent("POST", "http://h", (("A", "b"),))
    line.answered(200, (("C", "d"),))
    line.event("x", "ping", "1")
    line.ended("done")
    good = recorder.pack()
    for place in range(len(good)):
        for bit in (1, 128):
            damaged = bytearray(good)
            damaged[place] ^= bit
            with raises("trace_unreadable"):
                read_trace(bytes(damaged))


def test_whatever_came_is_given_back_as_it_was() -> None:
    """Line ends, half characters and bytes that are no text do not break the lines of a trace."""
    events = ["", " ", "a\nb\n", "\r\n", "\u2028\x0b\x1e", "\ud83d", "\udcff", '["x"]', "ä 🙂"]
    pieces = [b"\xff\xfe\x00\n", "🙂".encode()[:2], "🙂".encode()[2:], b"\xed\xb3\xbf"]
    recorder = Recorder()
    line = recorder.open(PAYLOAD)
    line.sent("POST", "http://h", ())
    for data in events:
        line.event(data)
        line.event(data, "name\n", "id ")
        line.comment(data)
    for piece in pieces:
        line.content(piece)
    exchange = only(read_trace(recorder.pack()))

    assert [each.data for each in exchange.events] == [data for data in events for _ in range(3)]
    assert [(each.event, each.id) for each in exchange.events[1::3]] == [("name\n", "id ")] * 9
    assert exchange.content == b"".join(pieces)


FROM_0_3 = base64.b64decode(
    "QUdUUgFIDaVSTWjUQBRukm676/8fUkQkvKNkTfanuzZQarcKPVmhFZF1WLPZsUlNduJkslhDQMSDggevgiCCB4+CF+"
    "9eBC89eteDxx4FD/pmuirUHgQT8pK875v3vvneaNryV21CXl18cojZgEbgQgwWxDRNvXWagtvNgbOIYj5LKUfIZ0NB"
    "h0IhYjORSBgjt5fxCOE/324OMuWCrj3dMlSjnmwGXv//brDMnTb2RkLX8a9tma2mY5lNxyGa9uldSTXrYISisHIYyx"
    "T0rkCF6uXCNS81w1SYAy9dMN+/2n7x7AEUpCAWpIJTLwZX8IwWhma+nFb1nkjxNex9ZWV1TWoIhEhc2w7sUc32A0/Y"
    "PouTiIqQDdMFH92cv5HVnXoLud0uLGYiYDy850lcLu9Qj1NujjkESbDo+zRBjaYSadMRGl0dyyHIqLVbzYYjr3OzZF"
    "ILHleUsqpUNus0VJ+lnflU1+RssJKXJFHoq672RoqtCSFl7c2d/WqpjDlQzhnHSfXL2rfrBxVQxpilm+aXH1BUtAud"
    "w7/peAxGlPf6iBr6o7NHFTCP8Z/NkYb8tRt969hxVWpZlqo7OE90bfdu5PB2+SKNW6WiusTY7VBt+ZelhEzrM99PqK"
    "pyPwGNIoazLuk3P59U2UMYc/ADFvrqsJNiSn/9cUZhUk0XknAojxi0ZcgLICV9++0pRZiShIsrly+Rin7++WmVm8Q4"
    "YENqGPcfnlEZS7LquHiPY7OXERXjQ2SqlbJWRG+JfRNHroLKHMAoXZ5rNtq1uTr5Cc9R/F8="
)
WITH_CHECKSUM = base64.b64decode(
    "QUdUUgJIDaVSTWjUQBRukm676/8fUkQkvKNkTfanuzZQarcKPVmhFZF1WLPZsUlNduJkslhDQMSDggevgiCCB4+CF+"
    "9eBC89eteDxx4FD/pmuirUHgQT8pK875v3vvneaNryV21CXl18cojZgEbgQgwWxDRNvXWagtvNgbOIYj5LKUfIZ0NB"
    "h0IhYjORSBgjt5fxCOE/324OMuWCrj3dMlSjnmwGXv//brDMnTb2RkLX8a9tma2mY5lNxyGa9uldSTXrYISisHIYyx"
    "T0rkCF6uXCNS81w1SYAy9dMN+/2n7x7AEUpCAWpIJTLwZX8IwWhma+nFb1nkjxNex9ZWV1TWoIhEhc2w7sUc32A0/Y"
    "PouTiIqQDdMFH92cv5HVnXoLud0uLGYiYDy850lcLu9Qj1NujjkESbDo+zRBjaYSadMRGl0dyyHIqLVbzYYjr3OzZF"
    "ILHleUsqpUNus0VJ+lnflU1+RssJKXJFHoq672RoqtCSFl7c2d/WqpjDlQzhnHSfXL2rfrBxVQxpilm+aXH1BUtAud"
    "w7/peAxGlPf6iBr6o7NHFTCP8Z/NkYb8tRt969hxVWpZlqo7OE90bfdu5PB2+SKNW6WiusTY7VBt+ZelhEzrM99PqK"
    "pyPwGNIoazLuk3P59U2UMYc/ADFvrqsJNiSn/9cUZhUk0XknAojxi0ZcgLICV9++0pRZiShIsrly+Rin7++WmVm8Q4"
    "YENqGPcfnlEZS7LquHiPY7OXERXjQ2SqlbJWRG+JfRNHroLKHMAoXZ5rNtq1uTr5Cc9R/F+3YdBX"
)


@pytest.mark.parametrize("kept", [FROM_0_3, WITH_CHECKSUM])
def test_a_trace_of_an_earlier_version_is_read(kept: bytes) -> None:
    """Two bodies with a picture, headers, a body in pieces, every kind of event, what was cut."""
    trace = read_trace(kept)
    busy, answered, cut = trace.exchanges

    assert busy.request == dataclasses.replace(
        answered.request, url=busy.request.url, headers=busy.request.headers
    )
    assert busy.request.url == f"http://h/v1/chat/completions?code={MASK}"
    assert busy.request.headers == (
        ("Authorization", f"Bearer {MASK}"), ("Accept", "text/event-stream"),
    )  # fmt: skip
    assert busy.request.pictures == (WirePicture("ab" * 32, "image/jpeg", 7, 640, 400),)
    body: Any = json.loads(busy.request.unfold(lambda _: "data:"))
    assert body["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:"}},
        {"type": "text", "text": "Was ist das? ä🙂"},
    ]
    assert (busy.status, busy.end, busy.content) == (
        503,
        "server_busy",
        b'{"error":"busy \xe4\xff"}',
    )
    assert (busy.headers_seconds, busy.end_seconds, busy.started_at) == (0.125, 0.5, 1764300000.5)
    assert answered.headers == (("Content-Type", "text/event-stream"), ("Set-Cookie", MASK))
    assert answered.events == (
        WireEvent(0.25, "hello ä", is_comment=True), WireEvent(0.375, '{"choices":[]}'),
        WireEvent(0.5, "{}", "ping", "7"), WireEvent(0.625, "[DONE]"),
    )  # fmt: skip
    assert (answered.status, answered.end) == (200, "done")
    assert (cut.end, cut.request.is_whole) == ("left", False)
    assert (trace.cut_records, trace.cut_bytes) == (1, 9437192)


@pytest.mark.parametrize("kept", [FROM_0_3, WITH_CHECKSUM])
def test_damage_of_an_earlier_trace_is_never_another_exception(kept: bytes) -> None:
    """With the checksum any is noticed; before it there was none."""
    for place in range(len(kept)):
        damaged = bytearray(kept)
        damaged[place] ^= 128
        with (
            raises("trace_unreadable") if kept is WITH_CHECKSUM else contextlib.suppress(StoreError)
        ):
            read_trace(bytes(damaged))
        with raises("trace_unreadable"):
            read_trace(kept[:place])
