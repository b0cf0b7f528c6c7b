"""What accumulates while an answer arrives: typed chunks are folded into a `Reply`.

No I/O and no clock of its own: the caller says when things happened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from augenblick.core.errors import Failure
from augenblick.core.messages import Adjustment, ChoiceText, ReplyEnd, Timings, ToolCall, Usage
from augenblick.endpoint.channels import (
    MOVED,
    PICTURE,
    REASONING,
    REFUSAL,
    TEXT,
    UNREAD,
    EmbeddedPictures,
    GrowingText,
    Piece,
    ReplayFilter,
    TemplateMarks,
    ThinkSplitter,
    sort_text,
    without_halves,
)
from augenblick.endpoint.chunks import ChoiceDelta, Chunk, ToolCallDelta

_MAX_CHOICES: Final = 128  # the most the API allows
_MAX_TOOL_CALLS: Final = 128
_MAX_CHECKED_CHARS: Final = 20_000  # of arguments, which are read anew with every fragment
_MAX_KINDS: Final = 5
_KIND: Final = re.compile(r"[\w.-]{1,40}", re.ASCII)

# The words of the API's schema for what servers have been seen to say (ollama#4357, dstack#2229,
# openai-dotnet#267, pi#1509, and the references of Anthropic, Gemini, Mistral and DeepSeek).
_FINISH_WORDS: Final = {
    word: meant
    for meant, words in {
        "stop": "stop eos eos_token end_turn stop_sequence end complete completed done finished",
        "length": "length max_tokens max_output_tokens max_new_tokens model_length "
        "model_context_window_exceeded context_length",
        "content_filter": "content_filter content_filtered sensitive safety recitation blocklist "
        "prohibited_content spii image_safety guardrail_intervened",
        "tool_calls": "tool_calls tool_call function_call tool_use",
        "refusal": "refusal",
        "abort": "abort aborted cancelled canceled",
        "error": "error network_error server_error internal_error insufficient_system_resource",
        "": "null none finish_reason_unspecified",
    }.items()
    for word in words.split()
}
_ENDS: Final = {
    "length": ReplyEnd.LENGTH,
    "content_filter": ReplyEnd.CONTENT_FILTER,
    "tool_calls": ReplyEnd.TOOL_CALLS,
    "refusal": ReplyEnd.REFUSED,
    "abort": ReplyEnd.CUT,
    "error": ReplyEnd.FAILED,
}
_BEFORE_TIME: Final = {
    ReplyEnd.STOPPED, ReplyEnd.CUT, ReplyEnd.FAILED, ReplyEnd.INTERRUPTED,
}  # fmt: skip
# What may go wrong after the last word without harm to the answer.
_TRANSPORT_CODES: Final = {
    "stream_interrupted", "connection_lost", "idle_timed_out", "total_timed_out",
    "malformed_response", "malformed_stream",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Added:
    """Text that one chunk added to one channel ("text", "reasoning" or "refusal") of one choice."""

    choice_index: int
    channel: str
    text: str


class Reply:
    """An answer as it grows. Feed it chunks with `fold`, end it once with `close`.

    Unknown things in a chunk are ignored, never raised. `n` is how many choices were asked for:
    with one, the choices are numbered as they appear, whatever numbers the server gives them; with
    more, choices with other numbers are ignored.

    Text that was handed out stays, unless it turns out to be thinking (only `</think>` came): then
    it is found in that channel of `choices`.
    """

    def __init__(self, *, n: int = 1) -> None:
        self._n = n
        self._choices: dict[int, _Choice] = {}
        self._positions: dict[int, int] = {}
        self._is_done = False
        self._has_gaps = False  # an event was no JSON: text is missing there
        self._first_token_seconds: float | None = None
        self._last_seconds: float | None = None
        self._pictures: dict[str, None] = {}
        self._unread: dict[str, int] = {}
        self.headers_seconds: float | None = None  # when the headers of the answer came
        self.usage: Usage | None = None
        self.model = ""
        self.system_fingerprint = ""
        self.failure: Failure | None = None
        self.end: ReplyEnd | None = None

    @property
    def choices(self) -> tuple[ChoiceText, ...]:
        """What every choice has said so far; the position is the `choice_index` of `Added`."""
        count = max(self._choices, default=-1) + 1
        return tuple(
            self._choices[at].so_far if at in self._choices else ChoiceText() for at in range(count)
        )

    @property
    def missing(self) -> tuple[int, ...]:
        """Which of the choices asked for never appeared, in an answer that has come to its end."""
        if not (self._is_finished() or (self._is_done and self._has_spoken())):
            return ()
        return tuple(at for at in range(self._n) if at not in self._choices)

    @property
    def timings(self) -> Timings:
        """When things happened, in the seconds the caller gave."""
        return Timings(self.headers_seconds, self._first_token_seconds, self._last_seconds)

    @property
    def pictures(self) -> tuple[str, ...]:
        """The addresses of the pictures that came, each once; mostly data URIs."""
        return tuple(self._pictures)

    @property
    def unread(self) -> tuple[Adjustment, ...]:
        """What came that is neither text nor picture, to be said in words."""
        return tuple(
            Adjustment("unread_part", {"count": count, "kind": kind})
            for kind, count in self._unread.items()
        )

    def fold(self, chunk: Chunk, *, at_seconds: float) -> tuple[Added, ...]:
        """Take in one chunk; returns what it added. `at_seconds` counts from sending.

        A chunk after `[DONE]` or after `close` is ignored.
        """
        if self.end is not None or self._is_done:
            return ()
        self._last_seconds = at_seconds
        self._is_done = chunk.is_done
        self._has_gaps |= chunk.is_malformed
        self.failure = self.failure or chunk.error
        if chunk.usage is not None:
            self.usage = self.usage.updated(chunk.usage) if self.usage else chunk.usage
        if chunk.model and chunk.model != self.model:
            self.model = without_halves(chunk.model)
        if chunk.system_fingerprint and chunk.system_fingerprint != self.system_fingerprint:
            self.system_fingerprint = without_halves(chunk.system_fingerprint)
        added: list[Added] = []
        for delta in chunk.choices:
            if (at := self._position(delta.index)) is not None:
                choice = self._choices.get(at) or self._choices.setdefault(at, _Choice())
                added += self._keep(at, choice.take(delta))
        if self._is_done:
            added += self._flush()
        if self._first_token_seconds is None and any(one.has_content for one in chunk.choices):
            self._first_token_seconds = at_seconds
        return tuple(added)

    def close(
        self,
        *,
        failure: Failure | None = None,
        was_stopped: bool = False,
        at_seconds: float | None = None,
    ) -> ReplyEnd:
        """End the reply and say how. A second call returns the first end."""
        if self.end is None:
            self._flush()
            self._last_seconds = at_seconds if at_seconds is not None else self._last_seconds
            self.end = self._end(failure, was_stopped=was_stopped)
        return self.end

    def _end(self, failure: Failure | None, *, was_stopped: bool) -> ReplyEnd:
        is_finished = self._is_finished()
        if was_stopped and not is_finished:
            return ReplyEnd.STOPPED
        if self.failure is None and failure is not None:
            if is_finished and failure.code in _TRANSPORT_CODES:
                return self._finished_end()
            self.failure = failure
        if self.failure is not None:
            is_cut = self.failure.code == "stream_interrupted"
            return ReplyEnd.CUT if is_cut else ReplyEnd.FAILED
        has_ended = is_finished or (self._is_done and self._has_spoken())
        return self._finished_end() if has_ended else ReplyEnd.CUT

    def _is_finished(self) -> bool:
        """Whether every choice that spoke has a finish_reason."""
        reasons = [choice.finish_word for choice in self._choices.values()]
        return bool(reasons) and all(reasons)

    def _has_spoken(self) -> bool:
        said = (choice.so_far for choice in self._choices.values())
        return bool(self._pictures or self._unread) or any(
            one.text or one.reasoning or one.refusal or one.tool_calls for one in said
        )

    def _finished_end(self) -> ReplyEnd:
        first = self._choices.get(0) or _Choice()
        end = _ENDS.get(first.finish_word or "", ReplyEnd.COMPLETE)
        if end is ReplyEnd.FAILED:
            self.failure = self.failure or Failure(
                "error_in_stream", {"finish_reason": first.finish_raw or ""}
            )
        if end is not ReplyEnd.COMPLETE:
            return end
        if self._has_gaps:
            return ReplyEnd.CUT
        if first.so_far.refusal:
            return ReplyEnd.REFUSED
        return ReplyEnd.TOOL_CALLS if first.so_far.tool_calls else end

    def _flush(self) -> list[Added]:
        """Have all choices hand out what they hold back."""
        held = ((at, choice.flush()) for at, choice in self._choices.items())
        return [added for at, pieces in held for added in self._keep(at, pieces)]

    def _keep(self, at: int, pieces: Iterable[Piece]) -> list[Added]:
        """What was added to a choice; what it holds beside texts is the whole reply's."""
        added = []
        for channel, piece in pieces:
            if channel == PICTURE:
                self._pictures[piece] = None
            elif channel == UNREAD:
                kind = piece if _KIND.fullmatch(piece) else "?"
                if len(self._unread) < _MAX_KINDS or kind in self._unread:
                    self._unread[kind] = self._unread.get(kind, 0) + 1
            else:
                added.append(Added(at, channel, piece))
        return added

    def _position(self, index: int) -> int | None:
        if self._n > 1:
            return index if index < self._n else None
        if index not in self._positions and len(self._positions) < _MAX_CHOICES:
            self._positions[index] = len(self._positions)
        return self._positions.get(index)


def end_of_choice(choice: ChoiceText, end: ReplyEnd | None) -> ReplyEnd | None:
    """How one of several choices ended; `end` is how their reply did.

    What ended the reply before its time ended the choices that had no finish_reason by then.
    """
    if choice.finish_reason:
        found = _ENDS.get(choice.finish_reason, ReplyEnd.COMPLETE)
        return ReplyEnd.REFUSED if found is ReplyEnd.COMPLETE and choice.refusal else found
    return end if end in _BEFORE_TIME else ReplyEnd.COMPLETE


class _Choice:
    """One choice while it grows."""

    def __init__(self) -> None:
        self._said = {channel: GrowingText() for channel in (REASONING, TEXT, REFUSAL)}
        self._new = {channel: ReplayFilter() for channel in self._said}
        self._splitter = ThinkSplitter(lambda: str(self._said[TEXT]))
        self._stages = (TemplateMarks(), self._splitter, EmbeddedPictures())
        self._calls: list[_GrowingCall] = []
        self.finish_raw: str | None = None

    @property
    def finish_word(self) -> str | None:
        """The finish_reason in the words of the schema; None for none, unknown ones as they are."""
        raw = self.finish_raw or ""
        return _FINISH_WORDS.get(raw.lower(), raw) or None

    @property
    def so_far(self) -> ChoiceText:
        """What was said, as a value."""
        reasoning, text, refusal = map(str, self._said.values())
        calls = tuple(call.so_far for call in self._calls)
        return ChoiceText(text, reasoning, refusal, calls, self.finish_word)

    def take(self, delta: ChoiceDelta) -> Iterator[Piece]:
        """Take in a delta, as far as what it added is read."""
        if delta.reasoning:
            self._splitter.seeks_bare_close = False
        said = ((REASONING, delta.reasoning), (TEXT, delta.text), (REFUSAL, delta.refusal))
        for channel, piece in said:
            if piece and (not delta.is_whole or self._new[channel].is_empty):
                yield from self._add(channel, self._new[channel].feed(piece))
        yield from ((PICTURE, address) for address in delta.pictures)
        yield from ((UNREAD, kind) for kind in delta.unread)
        if not (delta.is_whole and self._calls):
            for call in delta.tool_calls:
                self._take_call(call)
        if delta.finish_reason:
            self.finish_raw = without_halves(delta.finish_reason)
            yield from self.flush()

    def flush(self) -> Iterator[Piece]:
        """What was held back."""
        for channel, new in self._new.items():
            yield from self._add(channel, new.flush(), is_end=True)

    def _add(self, channel: str, new: str, *, is_end: bool = False) -> Iterator[Piece]:
        """Sort what is new in a channel and keep it; at the end with all that was held back."""
        stages = self._stages if channel == TEXT else ()
        for to, piece in sort_text(stages, channel, new, is_end=is_end):
            if to == MOVED:
                self._said[REASONING].add(str(self._said[TEXT]))
                self._said[TEXT] = GrowingText()
            elif to == PICTURE:
                yield to, piece
            elif added := self._said[to].add(piece):
                yield to, added
        if is_end and (rest := self._said[channel].add("", is_end=True)):
            yield channel, rest

    def _take_call(self, delta: ToolCallDelta) -> None:
        call = self._call_for(delta)
        if call is None:
            return
        call.id = call.id or delta.id
        if not any(call.arguments) and delta.name != call.name:
            call.name += delta.name
        if delta.arguments:
            call.arguments.append(delta.arguments)

    def _call_for(self, delta: ToolCallDelta) -> _GrowingCall | None:
        """The call a fragment belongs to: by id, else by index, else the last one."""
        same_id = [call for call in self._calls if delta.id and call.id == delta.id]
        if same_id:
            return same_id[-1]
        same_index = [
            call for call in self._calls if delta.index is None or call.index == delta.index
        ]
        last = same_index[-1] if same_index else None
        is_new = last is None or (delta.id and last.id) or self._begins_anew(delta, last)
        if not is_new:
            return last
        if len(self._calls) >= _MAX_TOOL_CALLS:
            return None
        self._calls.append(_GrowingCall(delta.index))
        return self._calls[-1]

    @staticmethod
    def _begins_anew(delta: ToolCallDelta, last: _GrowingCall) -> bool:
        """Whether a fragment without id names a further call, for want of a number of its own.

        Some servers number all calls 0; only whole arguments tell those from fragments.
        """
        if delta.id or not (delta.name and any(last.arguments)):
            return False
        if delta.index is None or not delta.arguments:
            return delta.index is None
        last.arguments = ["".join(last.arguments)]
        can_be_whole = last.arguments[0][-1] in "}]" and len(last.arguments[0]) < _MAX_CHECKED_CHARS
        return can_be_whole and _is_json(last.arguments[0])


@dataclass(slots=True)
class _GrowingCall:
    index: int | None
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    @property
    def so_far(self) -> ToolCall:
        arguments = without_halves("".join(self.arguments))
        return ToolCall(without_halves(self.id), without_halves(self.name), arguments)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
