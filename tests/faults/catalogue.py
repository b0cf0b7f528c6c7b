"""The catalogue of streaming faults seen in the wild, one table, each with what must come of it.

Numbers are those of the project's own list of faults. A row says what a server sends (`script`), at
which moments and in which framings that makes sense, and what a user must be left with: the end of
the reply, the class of the error and the text.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from augenblick.core import errors
from augenblick.core.messages import ReplyEnd, Usage
from augenblick.endpoint.client import Deadlines
from tests.faults.asking import Outcome
from tests.faults.server import (
    Ending,
    Framing,
    Pause,
    Piece,
    Step,
    Trickle,
    flushed_gzip,
    framed,
)
from tests.faults.wire import (
    DONE,
    FAREWELL,
    ROLE,
    STOP,
    TEXTS,
    USAGE,
    WHOLE_TEXT,
    Moment,
    answered_at_once,
    broken_off,
    chunk,
    data,
    delta,
    kept,
    whole_body,
    with_inserted,
)

Script = Callable[[Moment, Framing], list[Step]]
Check = Callable[[Outcome], None]
ALL_MOMENTS = tuple(Moment)
ALL_FRAMINGS = tuple(Framing)
FIRST = (Moment.BEFORE,)
LAST = (Moment.END,)
PATIENT = Deadlines()


@dataclass(frozen=True, slots=True)
class Row:
    """A fault and what must come of it. `error` None means that no failure may be stored."""

    number: int
    name: str
    script: Script
    text: Callable[[Moment], str] = lambda _: WHOLE_TEXT
    end: ReplyEnd = ReplyEnd.COMPLETE
    error: str | type[errors.AugenblickError] | None = None  # a code, or any of a class
    moments: tuple[Moment, ...] = ALL_MOMENTS
    framings: tuple[Framing, ...] = ALL_FRAMINGS
    deadlines: Deadlines = PATIENT
    choices: int = 1  # the `n` of the request
    check: Check = field(default=lambda _: None)

    @property
    def is_slow(self) -> bool:
        """Whether a deadline has to pass."""
        return self.deadlines is not PATIENT

    def is_expected(self, error: errors.AugenblickError | None) -> bool:
        """Whether this is the error that must come of it."""
        if self.error is None or isinstance(self.error, str):
            return getattr(error, "code", None) == self.error
        return isinstance(error, self.error)

    def cases(self) -> Iterator[tuple[str, Moment, Framing]]:
        """Every moment and framing with the name of that case."""
        for moment in self.moments:
            for framing in self.framings:
                yield f"{self.number:02}-{self.name}-{moment}-{framing}", moment, framing


def _inserted(*pieces: Piece, farewell: tuple[bytes, ...] = FAREWELL) -> Script:
    return lambda moment, framing: framed(
        with_inserted(moment, *pieces, farewell=farewell), framing
    )


def _ended(*pieces: Piece, ending: Ending = Ending.WHOLE) -> Script:
    return lambda moment, framing: broken_off(moment, framing, *pieces, ending=ending)


def _farewell(*blocks: bytes) -> Script:
    return lambda _, framing: framed(
        [ROLE, *(delta(content=text) for text in TEXTS), *blocks], framing
    )


def _body(*pieces: Piece, content_type: str | None = "text/event-stream") -> Script:
    return lambda _, framing: framed(pieces, framing, content_type=content_type)


def _rewritten(change: Callable[[bytes], bytes]) -> Script:
    return lambda _, framing: framed([change(whole_body())], framing)


def _zipped(moment: Moment, framing: Framing) -> list[Step]:
    pieces = flushed_gzip(piece for piece in with_inserted(moment) if isinstance(piece, bytes))
    return framed(pieces, framing, headers=[("Content-Encoding", "gzip")])


def _zip_cut(moment: Moment, framing: Framing) -> list[Step]:
    blocks = [ROLE, *(delta(content=text) for text in TEXTS), *FAREWELL]
    sent = {Moment.BEFORE: 1, Moment.MIDDLE: 3, Moment.END: 4}[moment]
    pieces = flushed_gzip(blocks)[:sent]
    return framed(pieces, framing, headers=[("Content-Encoding", "gzip")])


def _status(
    status: str, body: bytes, *headers: tuple[str, str], content_type: str = "application/json"
) -> Script:
    return lambda _, framing: framed(
        [body], framing, status=status, headers=headers, content_type=content_type
    )


def _refused(status: str, value: object) -> Script:
    return _status(status, json.dumps(value).encode())


def _with_head(*lines: bytes) -> Script:
    return lambda _, framing: [*lines, *framed([whole_body()], framing)]


def _head_trickles(_: Moment, framing: Framing) -> list[Step]:
    return [b"HTTP/1.1 200 OK\r\nX-Slow: ", Trickle(b"x", 0.05)]


def _between(moment: Moment, text: str) -> str:
    return kept(moment) + text + WHOLE_TEXT.removeprefix(kept(moment))


def _usage_kept(outcome: Outcome) -> None:
    assert outcome.usage == Usage(prompt_tokens=9, completion_tokens=7, total_tokens=16)


def _reasoned(text: str) -> Check:
    def check(outcome: Outcome) -> None:
        assert outcome.choices[0].reasoning == text

    return check


def _finished_with(reason: str) -> Check:
    def check(outcome: Outcome) -> None:
        assert outcome.choices[0].finish_reason == reason

    return check


def _refusal_kept(outcome: Outcome) -> None:
    assert outcome.choices[0].refusal == "Das geht nicht."


def _one_call_kept(outcome: Outcome) -> None:
    (call,) = outcome.choices[0].tool_calls
    assert (call.name, json.loads(call.arguments)) == ("look", {"where": "up"})


def _second_choice_kept(outcome: Outcome) -> None:
    assert [choice.text for choice in outcome.choices] == [WHOLE_TEXT, "Zwei"]


def _not_streamed(outcome: Outcome) -> None:
    assert outcome.was_streamed is False
    _usage_kept(outcome)


def _one_burst(outcome: Outcome) -> None:
    assert outcome.was_streamed is True


def _detail_has(words: str) -> Check:
    def check(outcome: Outcome) -> None:
        assert outcome.failure is not None
        assert words in outcome.failure.detail

    return check


def _waits_for(seconds: float) -> Check:
    def check(outcome: Outcome) -> None:
        assert outcome.failure is not None
        assert float(outcome.failure.params["retry_after_seconds"]) == seconds

    return check


def _last_model(outcome: Outcome) -> None:
    assert outcome.model == "m-2"


def _say_model(name: str) -> bytes:
    value = json.loads(delta(role="assistant", content="")[len("data: ") :])
    return data({**value, "id": "chatcmpl-other", "model": name})


def _ascii_delta(text: str) -> bytes:
    """A delta in JSON that is ASCII, where half a character can be written."""
    value = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _cumulative(moment: Moment, framing: Framing) -> list[Step]:
    """From the moment on, each delta repeats all of the text so far."""
    parts = [f"Das ist Satz Nummer {number} der Antwort. " for number in range(5)]
    first = {Moment.BEFORE: 0, Moment.MIDDLE: 2, Moment.END: 3}[moment]
    sent = parts[:first] + ["".join(parts[: count + 1]) for count in range(first, len(parts))]
    return framed([ROLE, *(delta(content=text) for text in sent), *FAREWELL], framing)


def _resent(message: str) -> bytes:
    whole = {"role": "assistant", "content": message}
    return chunk({"index": 0, "delta": {}, "message": whole, "finish_reason": "stop"})


def _lines_ended_with(end: bytes) -> Callable[[bytes], bytes]:
    return lambda body: body.replace(b"\n", end)


def _lines_ended_mixed(body: bytes) -> bytes:
    ends = (b"\n", b"\r\n", b"\r", b"\r\n", b"\r", b"\n")
    lines = body.split(b"\n")
    mixed = b"".join(line + ends[at % len(ends)] for at, line in enumerate(lines[:-1]))
    # CR followed by LF is one line end: where mixing made such a pair, a blank line is missing
    return mixed.replace(b"}\r\n", b"}\n\n").replace(b"\n\n\n", b"\n\n")


def _in_two_lines(body: bytes) -> bytes:
    return body.replace(b'"choices":', b'\ndata: "choices":')


_CLOSE_ONLY = (Framing.CLOSE,)
_BROKEN = "stream_interrupted"
_ERROR_TEXT = "The engine is overloaded"
# Only the one that is tested is short: what comes before it may be late on a busy machine.
_SHORT_FIRST = Deadlines(first_token_seconds=0.4)
_SHORT_IDLE = Deadlines(idle_seconds=1)
_SHORT_TOTAL = Deadlines(total_seconds=1.5)
_AZURE_CHOICE = {"index": 0, "finish_reason": None, "content_filter_offsets": {"check_offset": 1}}
_WORDS_OF_ERROR = _detail_has(_ERROR_TEXT)
_BOMB = gzip.compress(b"data: " + bytes(300_000_000), compresslevel=1)

HARMLESS = (
    Row(1, "usage-without-choices", _inserted(USAGE), check=_usage_kept),
    Row(1, "usage-with-null-choices", _inserted(data({"choices": None, "usage": {}}))),
    Row(
        2,
        "azure-prompt-filter",
        _inserted(data({"id": "", "model": "", "choices": [], "prompt_filter_results": [{}]})),
    ),
    Row(3, "azure-no-delta", _inserted(chunk(_AZURE_CHOICE))),
    Row(3, "null-delta", _inserted(chunk({"index": 0, "delta": None, "finish_reason": None}))),
    Row(
        4,
        "content-null-empty-missing",
        _inserted(delta(content=None), delta(content=""), delta(), chunk({})),
    ),
    Row(
        5,
        "content-parts",
        _inserted(
            delta(
                content=[
                    {"type": "text", "text": "und "},
                    {"type": "image_url", "image_url": {"url": "data:,x"}},
                    {"type": "text", "text": "dann "},
                ]
            )
        ),
        text=lambda moment: _between(moment, "und dann "),
    ),
    Row(
        5,
        "content-object",
        _inserted(delta(content={"type": "text", "text": "dazu "})),
        text=lambda moment: _between(moment, "dazu "),
    ),
    Row(
        5,
        "content-odd-types",
        _inserted(delta(content={"foo": 1}), delta(content=[None, 3])),
        text=lambda moment: _between(moment, '{"foo": 1}3'),  # an object is an answer in JSON
    ),
    Row(
        6,
        "cumulative-deltas",
        _cumulative,
        text=lambda _: "".join(f"Das ist Satz Nummer {n} der Antwort. " for n in range(5)),
        moments=(Moment.BEFORE, Moment.MIDDLE),
    ),
    Row(
        6,
        "true-repeats",
        _inserted(*[delta(content="na ")] * 6),
        text=lambda moment: _between(moment, "na " * 6),
    ),
    Row(
        6,
        "true-repeat-of-a-long-line",
        _inserted(*[delta(content="Und noch einmal von vorn, bitte. ")] * 2),
        text=lambda moment: _between(moment, "Und noch einmal von vorn, bitte. " * 2),
    ),
    Row(7, "message-after-deltas", _farewell(_resent(WHOLE_TEXT), USAGE, DONE), moments=LAST),
    Row(7, "message-alone", _body(ROLE, _resent(WHOLE_TEXT), DONE), moments=FIRST),
    Row(
        8,
        "reasoning-content",
        _inserted(delta(reasoning_content="Hm, "), delta(reasoning_content="Pelz.")),
        check=_reasoned("Hm, Pelz."),
    ),
    Row(8, "reasoning", _inserted(delta(reasoning="Pelz.")), check=_reasoned("Pelz.")),
    Row(
        8,
        "reasoning-details-beside-reasoning",
        _inserted(
            delta(
                reasoning="Pelz.",
                reasoning_details=[{"type": "reasoning.text", "text": "Pelz."}],
            )
        ),
        check=_reasoned("Pelz."),
    ),
    Row(
        8,
        "reasoning-details-alone",
        _inserted(delta(reasoning_details=[{"type": "reasoning.text", "text": "Pelz."}, {}])),
        check=_reasoned("Pelz."),
    ),
    Row(
        9,
        "think-split-over-chunks",
        _inserted(*(delta(content=part) for part in ("<th", "ink>Ein ", "Fell.", "</thi", "nk>"))),
        moments=FIRST,
        check=_reasoned("Ein Fell."),
    ),
    Row(15, "comments", _inserted(b": OPENROUTER PROCESSING\n\n", b": keep-alive\n", b":\n\n")),
    Row(16, "comment-as-data", _inserted(b"data: : keepalive\n\n", b"data::\n\n")),
    Row(17, "comment-glued-on", _inserted(b": still here\n")),
    Row(
        18,
        "empty-data-and-metadata-blocks",
        _inserted(b"data:\n\n", b"data\n\n", b"data: \n\n", b"retry: 3000\n\n", b"id: 1\n\n"),
    ),
    Row(18, "unknown-event-without-data", _inserted(b"event: ping\n\n", b"foo: bar\n\n")),
    Row(18, "named-ping-with-data", _inserted(b'event: ping\ndata: {"type": "ping"}\n\n')),
    Row(19, "empty-chat-chunk", _inserted(delta(), chunk(), data({}))),
    Row(
        19, "json-that-is-no-chunk", _inserted(data([]), data(None), data(7), data({"choices": 7}))
    ),
    Row(32, "no-charset", _body(whole_body()), moments=FIRST),
    Row(
        32,
        "latin-1-charset",
        _body(whole_body(), content_type="text/event-stream; charset=ISO-8859-1"),
        moments=FIRST,
    ),
    Row(
        33,
        "unicode-line-separators",
        _inserted(delta(content="a\u2028b\u2029c\u0085d\u000be\u000cf\u001cg ")),
        text=lambda moment: _between(moment, "a\u2028b\u2029c\u0085d\u000be\u000cf\u001cg "),
    ),
    Row(
        34,
        "byte-by-byte",
        lambda _, framing: framed([bytes([byte]) for byte in whole_body()], framing),
        moments=FIRST,
    ),
    Row(
        34,
        "surrogate-pair-in-two-deltas",
        _inserted(_ascii_delta("B\ud83d"), _ascii_delta("\udc3b ")),
        text=lambda moment: _between(moment, "B\U0001f43b "),
    ),
    Row(
        35,
        "lone-surrogates",
        _inserted(_ascii_delta("a\udc3bb\ud83d"), _ascii_delta("c ")),
        text=lambda moment: _between(moment, "a\ufffdb\ufffdc "),
    ),
    Row(
        35,
        "invalid-utf-8",
        _inserted(delta(content="<?>").replace(b"?", b"\xff\xc3")),
        text=lambda moment: _between(moment, "<\ufffd\ufffd>"),
    ),
    Row(36, "crlf", _rewritten(_lines_ended_with(b"\r\n")), moments=FIRST),
    Row(36, "cr", _rewritten(_lines_ended_with(b"\r")), moments=FIRST),
    Row(36, "mixed", _rewritten(_lines_ended_mixed), moments=FIRST),
    Row(36, "byte-order-mark", _rewritten(lambda body: b"\xef\xbb\xbf" + body), moments=FIRST),
    Row(37, "several-data-lines", _rewritten(_in_two_lines), moments=FIRST),
    Row(38, "gzip", _zipped, moments=FIRST),
    Row(38, "one-burst", _rewritten(lambda body: body), moments=FIRST, check=_one_burst),
    Row(
        47,
        "slow-first-token",
        _inserted(Pause(2.0)),
        moments=FIRST,
        deadlines=_SHORT_IDLE,
    ),
    Row(
        54,
        "role-id-and-model-change",
        _inserted(_say_model("m-2"), farewell=(STOP, _say_model("m-2"), DONE)),
        check=_last_model,
    ),
)

OTHER_CHANNELS = (
    Row(
        10,
        "only-reasoning",
        _body(ROLE, delta(reasoning_content="Hm"), delta("length"), USAGE, DONE),
        text=lambda _: "",
        end=ReplyEnd.LENGTH,
        moments=LAST,
        check=_reasoned("Hm"),
    ),
    Row(
        11,
        "refusal",
        _inserted(delta(refusal="Das geht "), delta(refusal="nicht.")),
        end=ReplyEnd.REFUSED,
        check=_refusal_kept,
    ),
    Row(
        12,
        "tool-call-without-index",
        _inserted(
            delta(tool_calls=[{"id": "c1", "function": {"name": "look", "arguments": '{"where'}}]),
            delta(tool_calls=[{"function": {"arguments": '": "up"}'}}]),
            farewell=(delta("tool_calls"), DONE),
        ),
        end=ReplyEnd.TOOL_CALLS,
        check=_one_call_kept,
    ),
    Row(
        12,
        "tool-call-id-repeated",
        _inserted(
            delta(
                tool_calls=[
                    {"index": 0, "id": "c1", "function": {"name": "look", "arguments": '{"where'}}
                ]
            ),
            delta(tool_calls=[{"index": 0, "id": "c1", "function": {"arguments": '": "up"}'}}]),
            delta(tool_calls=[{"index": 0, "id": None, "function": None}, None, 3]),
            farewell=(delta("tool_calls"), DONE),
        ),
        end=ReplyEnd.TOOL_CALLS,
        check=_one_call_kept,
    ),
    Row(
        13,
        "function-call",
        _inserted(
            delta(function_call={"name": "look", "arguments": '{"where'}),
            delta(function_call={"arguments": '": "up"}'}),
            farewell=(delta("function_call"), DONE),
        ),
        end=ReplyEnd.TOOL_CALLS,
        check=_one_call_kept,
    ),
    Row(
        14,
        "second-choice-interleaved",
        _inserted(delta(index=1, content="Zwei"), farewell=(delta("stop", index=1), *FAREWELL)),
        choices=2,
        check=_second_choice_kept,
    ),
    Row(14, "odd-indexes", _inserted(chunk({"index": -1, "delta": {}}, {"index": "x"}, {}))),
)

FINISHES = (
    Row(25, "finish-without-done", _farewell(STOP), moments=LAST),
    Row(25, "done-without-finish", _farewell(DONE), moments=LAST),
    Row(26, "done-without-blank-line", _farewell(STOP, b"data: [DONE]"), moments=LAST),
    Row(26, "done-with-one-line-end", _farewell(STOP, b"data: [DONE]\n"), moments=LAST),
    Row(26, "only-done-unterminated", _farewell(b"data: [DONE]"), moments=LAST),
    Row(26, "done-twice", _farewell(STOP, DONE, DONE), moments=LAST),
    Row(26, "done-without-space", _farewell(STOP, b"data:[DONE]\n\n"), moments=LAST),
    Row(26, "data-after-done", _farewell(STOP, DONE, delta(content="zu viel")), moments=LAST),
    Row(
        26,
        "open-after-done",
        lambda _, framing: framed(
            [ROLE, *(delta(content=text) for text in TEXTS), STOP, DONE],
            framing,
            ending=Ending.HOLD,
        ),
        moments=LAST,
    ),
    Row(27, "empty", _farewell(delta(""), DONE), moments=LAST),
    Row(27, "eos", _farewell(delta("eos"), DONE), moments=LAST),
    Row(27, "eos-token", _farewell(delta("eos_token"), DONE), moments=LAST),
    Row(27, "end-turn", _farewell(delta("end_turn"), DONE), moments=LAST),
    Row(27, "max-tokens", _farewell(delta("max_tokens"), DONE), end=ReplyEnd.LENGTH, moments=LAST),
    Row(27, "abort", _farewell(delta("abort"), DONE), end=ReplyEnd.CUT, moments=LAST),
    Row(
        27,
        "sensitive",
        _farewell(delta("sensitive"), DONE),
        end=ReplyEnd.CONTENT_FILTER,
        moments=LAST,
    ),
    Row(27, "unknown", _farewell(delta("banana"), DONE), moments=LAST),
    Row(
        28,
        "length",
        _ended(delta("length"), USAGE, DONE),
        text=kept,
        end=ReplyEnd.LENGTH,
        check=_finished_with("length"),
    ),
    Row(
        29,
        "content-filter",
        _ended(delta("content_filter"), DONE),
        text=kept,
        end=ReplyEnd.CONTENT_FILTER,
    ),
)


def _failed_in_stream(number: int, name: str, *blocks: bytes, check: Check) -> Row:
    return Row(
        number,
        name,
        _ended(*blocks),
        text=kept,
        end=ReplyEnd.FAILED,
        error=errors.ProviderError,
        check=check,
    )


IN_STREAM_ERRORS = (
    _failed_in_stream(
        20,
        "error-object",
        data({"error": {"message": _ERROR_TEXT, "type": "server_error", "code": 500}}),
        DONE,
        check=_WORDS_OF_ERROR,
    ),
    _failed_in_stream(
        20,
        "error-object-beside-choices",
        data({"choices": [], "error": {"message": _ERROR_TEXT, "code": "overloaded"}}),
        check=_WORDS_OF_ERROR,
    ),
    _failed_in_stream(
        20,
        "error-then-stop",
        data({"error": {"message": _ERROR_TEXT}}),
        STOP,
        DONE,
        check=_WORDS_OF_ERROR,
    ),
    _failed_in_stream(
        20,
        "error-in-choice",
        chunk(
            {"index": 0, "delta": {}, "finish_reason": "error", "error": {"message": _ERROR_TEXT}}
        ),
        DONE,
        check=_WORDS_OF_ERROR,
    ),
    _failed_in_stream(21, "error-string", data({"error": _ERROR_TEXT}), check=_WORDS_OF_ERROR),
    _failed_in_stream(21, "only-message", data({"message": _ERROR_TEXT}), check=_WORDS_OF_ERROR),
    _failed_in_stream(
        21,
        "object-error",
        data({"object": "error", "message": _ERROR_TEXT, "code": 50001}),
        check=_WORDS_OF_ERROR,
    ),
    _failed_in_stream(21, "detail", data({"detail": _ERROR_TEXT}), check=_WORDS_OF_ERROR),
    _failed_in_stream(
        22,
        "error-event-with-json",
        b"event: error\n" + data({"error": {"message": _ERROR_TEXT}}),
        check=_WORDS_OF_ERROR,
    ),
    _failed_in_stream(
        22,
        "error-event-with-text",
        b"event: error\ndata: " + _ERROR_TEXT.encode() + b"\n\n",
        check=_WORDS_OF_ERROR,
    ),
    _failed_in_stream(
        22,
        "error-event-with-odd-json",
        b"event: error\n" + data({"status": 500, "reason": _ERROR_TEXT}),
        check=lambda _: None,
    ),
)

CUTS = (
    Row(
        23,
        "malformed-json",
        _inserted(b'data: {"choices": [{"delta": {"cont\n\n'),
        end=ReplyEnd.CUT,
    ),
    Row(24, "clean-end", _ended(), text=kept, end=ReplyEnd.CUT),
    Row(
        24,
        "clean-end-in-an-event",
        _ended(delta(content="halb")[:-12]),
        text=kept,
        end=ReplyEnd.CUT,
    ),
    Row(24, "nothing-at-all", _body(), text=lambda _: "", end=ReplyEnd.CUT, moments=FIRST),
    Row(39, "gzip-cut", _zip_cut, text=kept, end=ReplyEnd.CUT),
    Row(44, "closed", _ended(ending=Ending.FIN), text=kept, end=ReplyEnd.CUT),
    Row(44, "reset", _ended(ending=Ending.RST), text=kept, end=ReplyEnd.CUT),
)

TOO_SLOW = (
    Row(
        45,
        "silence",
        _ended(ending=Ending.HOLD),
        text=kept,
        end=ReplyEnd.FAILED,
        error="first_token_timed_out",
        deadlines=_SHORT_FIRST,
        moments=FIRST,
    ),
    Row(
        45,
        "silence",
        _ended(ending=Ending.HOLD),
        text=kept,
        end=ReplyEnd.FAILED,
        error="idle_timed_out",
        deadlines=_SHORT_IDLE,
        moments=(Moment.MIDDLE, Moment.END),
    ),
    Row(
        45,
        "silence-before-headers",
        lambda *_: [Pause(30)],
        text=lambda _: "",
        end=ReplyEnd.FAILED,
        error="first_token_timed_out",
        deadlines=_SHORT_FIRST,
        moments=FIRST,
        framings=_CLOSE_ONLY,
    ),
    Row(
        45,
        "comments-are-no-progress",
        _ended(Trickle(b": still here\n\n", 0.05), ending=Ending.HOLD),
        text=kept,
        end=ReplyEnd.FAILED,
        error=errors.TimedOut,
        deadlines=_SHORT_TOTAL,
    ),
    Row(
        46,
        "trickling-body",
        _ended(Trickle(b"x", 0.05), ending=Ending.HOLD),
        text=kept,
        end=ReplyEnd.FAILED,
        error="total_timed_out",
        deadlines=_SHORT_TOTAL,
    ),
    Row(
        46,
        "trickling-head",
        _head_trickles,
        text=lambda _: "",
        end=ReplyEnd.FAILED,
        error="total_timed_out",
        deadlines=_SHORT_TOTAL,
        moments=FIRST,
        framings=_CLOSE_ONLY,
    ),
)

TOO_MUCH = (
    Row(
        48,
        "huge-event",
        _ended(b"data: " + b"A" * 9_500_000 + b"\n\n"),
        text=kept,
        end=ReplyEnd.FAILED,
        error="event_too_large",
    ),
    Row(
        48,
        "endless-event",
        _ended(b"data: ", Trickle(b"A" * 1_000_000, 0.0), ending=Ending.HOLD),
        text=kept,
        end=ReplyEnd.FAILED,
        error="event_too_large",
        framings=(Framing.CHUNKED, Framing.CLOSE),
    ),
    Row(
        49,
        "bomb",
        lambda _, framing: framed([_BOMB], framing, headers=[("Content-Encoding", "gzip")]),
        text=lambda _: "",
        end=ReplyEnd.FAILED,
        error="event_too_large",
        moments=FIRST,
    ),
)

_NOT_FOUND = {"error": {"message": "The model `m` does not exist", "code": "model_not_found"}}
_TOO_LONG = (
    "This model's maximum context length is 8192 tokens. However, you requested 9100 tokens."
)


def _refusal(
    number: int,
    name: str,
    script: Script,
    error: str | type[errors.AugenblickError],
    check: Check = lambda _: None,
) -> Row:
    return Row(
        number,
        name,
        script,
        text=lambda _: "",
        end=ReplyEnd.FAILED,
        error=error,
        moments=FIRST,
        check=check,
    )


_SAID = _detail_has("boom")
REFUSALS = (
    _refusal(
        31,
        "web-page",
        _status("200 OK", b"<!DOCTYPE html><html>Log in</html>", content_type="text/html"),
        "not_an_endpoint",
    ),
    _refusal(
        31,
        "web-page-called-stream",
        _body(b"<!DOCTYPE html><html><body>Log in</body></html>"),
        "not_an_endpoint",
    ),
    _refusal(
        40,
        "error-object",
        _refused(
            "400 Bad Request", {"error": {"message": "boom", "type": "invalid_request_error"}}
        ),
        errors.RequestRejected,
        _SAID,
    ),
    _refusal(
        40,
        "error-string",
        _refused("400 Bad Request", {"error": "boom"}),
        errors.RequestRejected,
        _SAID,
    ),
    _refusal(
        40,
        "object-error",
        _refused("400 Bad Request", {"object": "error", "message": "boom"}),
        errors.RequestRejected,
        _SAID,
    ),
    _refusal(
        40,
        "detail",
        _refused("422 Unprocessable", {"detail": "boom"}),
        errors.RequestRejected,
        _SAID,
    ),
    _refusal(
        40,
        "detail-list",
        _refused("422 Unprocessable", {"detail": [{"loc": ["body", "x"], "msg": "boom"}]}),
        errors.RequestRejected,
        _SAID,
    ),
    _refusal(
        40,
        "list",
        _refused("400 Bad Request", [{"error": {"message": "boom"}}]),
        errors.RequestRejected,
        _SAID,
    ),
    _refusal(
        40,
        "html",
        _status("502 Bad Gateway", b"<html><h1>boom</h1></html>", content_type="text/html"),
        "gateway_failed",
    ),
    _refusal(
        40,
        "text",
        _status("400 Bad Request", b"boom", content_type="text/plain"),
        errors.RequestRejected,
        _SAID,
    ),
    _refusal(40, "empty", _status("500 Oops", b""), "server_failed"),
    _refusal(40, "not-json", _status("500 Oops", b'{"error": {"mess'), "server_failed"),
    _refusal(
        40, "401", _refused("401 No", {"error": {"message": "boom"}}), "authentication_failed"
    ),
    _refusal(40, "403", _refused("403 No", {"error": {"message": "boom"}}), "permission_denied"),
    _refusal(40, "404-model", _refused("404 Not Found", _NOT_FOUND), "model_not_found"),
    _refusal(
        40, "404-path", _refused("404 Not Found", {"detail": "Not Found"}), "address_not_found"
    ),
    _refusal(
        40,
        "402",
        _refused("402 Payment Required", {"error": {"message": "Insufficient Balance"}}),
        "quota_exhausted",
    ),
    _refusal(
        40,
        "429-quota",
        _refused("429 Too Many", {"error": {"message": "boom", "code": "insufficient_quota"}}),
        "quota_exhausted",
    ),
    _refusal(
        41,
        "retry-after-float",
        _status("429 Too Many", b"{}", ("Retry-After", "2.5")),
        "rate_limited",
        _waits_for(2.5),
    ),
    _refusal(
        41,
        "retry-after-milliseconds",
        _status("429 Too Many", b"{}", ("retry-after-ms", "1500"), ("Retry-After", "9")),
        "rate_limited",
        _waits_for(1.5),
    ),
    _refusal(
        41,
        "retry-after-epoch",
        _status("429 Too Many", b"{}", ("Retry-After", "1760000000")),
        "rate_limited",
    ),
    _refusal(
        42,
        "go-durations",
        _status(
            "429 Too Many",
            b"{}",
            ("x-ratelimit-reset-requests", "120ms"),
            ("x-ratelimit-reset-tokens", "1m2.5s"),
        ),
        "rate_limited",
        _waits_for(62.5),
    ),
    _refusal(43, "408", _status("408 Timeout", b""), "request_timed_out"),
    _refusal(43, "409", _status("409 Conflict", b""), "conflict"),
    _refusal(43, "503", _status("503 Busy", b""), "server_overloaded"),
    _refusal(43, "529", _status("529 Busy", b""), "server_overloaded"),
    _refusal(
        50,
        "302",
        _status("302 Found", b"", ("Location", "http://127.0.0.1:9/login")),
        "redirected",
    ),
    _refusal(
        50,
        "307",
        _status("307 Temporary", b"", ("Location", "http://127.0.0.1:9/v1")),
        "redirected",
    ),
    _refusal(50, "308-without-location", _status("308 Permanent", b""), "redirected"),
    _refusal(
        52,
        "many-headers",
        _with_head(
            b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n"
        ),
        "malformed_response",
    ),
    _refusal(
        52,
        "long-header",
        _with_head(b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 70_000 + b"\r\n\r\n"),
        "malformed_response",
    ),
    _refusal(
        52, "bad-status-line", _with_head(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "malformed_response"
    ),
    _refusal(
        52,
        "bad-gzip",
        lambda _, framing: framed(
            [b"this is no gzip stream at all"], framing, headers=[("Content-Encoding", "gzip")]
        ),
        "malformed_response",
    ),
    _refusal(
        53,
        "413",
        _status("413 Content Too Large", b"<html>nginx</html>", content_type="text/html"),
        "request_too_large",
    ),
    _refusal(
        53,
        "context-length",
        _refused(
            "400 Bad Request", {"error": {"message": _TOO_LONG, "code": "context_length_exceeded"}}
        ),
        "context_too_long",
    ),
)


def _bad_chunk_size(moment: Moment, framing: Framing) -> list[Step]:
    steps = broken_off(moment, framing, ending=Ending.FIN)
    return [*steps, b"xyz\r\nno chunk\r\n"]


NOT_STREAMED = (
    Row(
        30,
        "json",
        lambda _, framing: framed(
            [json.dumps(answered_at_once()).encode()], framing, content_type="application/json"
        ),
        moments=FIRST,
        check=_not_streamed,
    ),
    Row(
        30,
        "json-called-stream",
        _body(json.dumps(answered_at_once()).encode()),
        moments=FIRST,
        check=_not_streamed,
    ),
    Row(
        30,
        "json-with-line-ends",
        _body(
            b"\n  " + json.dumps(answered_at_once(), indent=2).encode(),
            content_type="application/json; charset=utf-8",
        ),
        moments=FIRST,
        check=_not_streamed,
    ),
    Row(
        30,
        "stream-called-json",
        _body(whole_body(), content_type="application/json"),
        moments=FIRST,
        check=_one_burst,
    ),
    Row(30, "stream-called-text", _body(whole_body(), content_type="text/plain"), moments=FIRST),
    Row(30, "stream-of-no-type", _body(whole_body(), content_type=None), moments=FIRST),
    Row(
        30,
        "comment-first-called-text",
        _body(b": hello\n\n", whole_body(), content_type="text/plain"),
        moments=FIRST,
    ),
    Row(
        52,
        "bad-chunk-size",
        _bad_chunk_size,
        text=kept,
        end=ReplyEnd.FAILED,
        error="malformed_response",
        framings=(Framing.CHUNKED,),
    ),
)

ROWS: tuple[Row, ...] = (
    *HARMLESS,
    *OTHER_CHANNELS,
    *FINISHES,
    *IN_STREAM_ERRORS,
    *CUTS,
    *TOO_SLOW,
    *TOO_MUCH,
    *REFUSALS,
    *NOT_STREAMED,
)
