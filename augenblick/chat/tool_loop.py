"""What a model calls while it answers: built-in tools run here, round by round.

A round is what the model said and called, and the results. Built-in tools run by themselves;
a person's own functions wait for the person, and so the answer ends there (`waiting_calls`) until
another goes on from it (`continuation`). No network here; `worker` sends.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import Final

from augenblick.chat.continuation import Continuation
from augenblick.chat.live import CallsSoFar, LiveReply
from augenblick.chat.saver import outlast_outage
from augenblick.core.conversations import ReplyRecord
from augenblick.core.errors import Cancelled, StoreUnavailable
from augenblick.core.messages import (
    Adjustment,
    ChoiceText,
    ImagePart,
    ReplyEnd,
    ToolCall,
    ToolResult,
    ToolRound,
)
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.chunks import Chunk
from augenblick.endpoint.reply import Reply
from augenblick.lab.tools import Toolbox, built_in_name, name_of
from augenblick.lab.tools.tool_calls import Outcome, error_result
from augenblick.store import Store

MAX_ROUNDS: Final = 6  # that one answer runs; a model that still calls then is going in circles
MAX_CALLS: Final = 16  # that are run of one round
_TOOL_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_SMALL_CHARACTERS: Final = 10_000  # arguments up to this are shown with every chunk
_SHOW_SECONDS: Final = 0.5  # between two looks at larger ones, which are copied for each
_PLAIN_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")


class ToolLoop:
    """What the worker of one answer has called so far, with what it continues.

    `prefix` is text that was there before this answer; the first round or the end takes it.
    """

    def __init__(
        self,
        live: LiveReply,
        settings: RequestSettings,
        store: Store,
        toolbox: Toolbox | None,
        continuation: Continuation | None,
    ) -> None:
        self._live = live
        self._settings = settings
        self._store = store
        self._toolbox = toolbox
        self.prefix = ""
        self.rounds: list[ToolRound] = []
        self.open: ChoiceText | None = None  # called, not all answered
        self.is_waiting = False  # for the person's results
        self._open_results: tuple[ToolResult, ...] = ()  # what is there of it
        self._run_count = 0
        self._shown_at = 0.0
        self._shown_characters = 0
        if continuation is not None:
            self._resume(continuation)

    def _resume(self, continuation: Continuation) -> None:
        """Begin with what an earlier answer had called; a result nobody gave is an empty one."""
        self.prefix = continuation.text
        self.rounds = list(continuation.rounds)
        self.open = continuation.open
        if self.open is not None:
            given = {result.call_id for result in continuation.results}
            missing = [call for call in self.open.tool_calls if call.id not in given]
            empty = (ToolResult(call.id, "") for call in missing if self._waits(call))
            self._open_results = (*continuation.results, *empty)
        self.show()

    def show(self, calls: Sequence[ToolCall] = (), results: Sequence[ToolResult] = ()) -> None:
        """Tell followers how things stand."""
        self._live.show_calls(CallsSoFar(tuple(self.rounds), tuple(calls), tuple(results)))

    def show_streaming(self, chunk: Chunk, reply: Reply) -> None:
        """Tell followers of the calls in a chunk, whose arguments grow; the reply has taken it."""
        if not any(delta.tool_calls for delta in chunk.choices):
            return
        is_small = self._shown_characters < _SMALL_CHARACTERS
        if is_small or time.monotonic() - self._shown_at >= _SHOW_SECONDS:
            calls = reply.choices[0].tool_calls if reply.choices else ()
            self.show(calls)
            self._shown_at = time.monotonic()
            self._shown_characters = sum(len(call.arguments) for call in calls)

    def open_round(self, said: ChoiceText, adjustments: list[Adjustment]) -> bool:
        """Take over what a reply called; False where it is not run here, or not any longer."""
        settings = self._settings
        is_one = settings.choice_count == 1  # of several answers a person picks one first
        if self._toolbox is None or not (is_one and said.tool_calls and settings.tools):
            return False
        if self._run_count >= MAX_ROUNDS:
            adjustments.append(Adjustment("rounds_used_up", {"limit": MAX_ROUNDS}))
            return False
        self.open = replace(said, tool_calls=with_ids(said.tool_calls, self.rounds))
        return True

    def run(self, seen: Sequence[ImagePart]) -> ToolRound | None:
        """Answer what is open; None where a call has to wait for the person.

        `seen` are the pictures of the request. What comes is stored before it is shown or sent.
        Raises Cancelled; what was called is kept then.
        """
        said = self.open
        if said is None:
            return None
        self._run_count += 1
        results = {result.call_id: result for result in self._open_results}
        pictures = list(seen)
        self.show(said.tool_calls)
        for number, call in enumerate(said.tool_calls):
            if call.id in results or self._waits(call):
                continue
            outcome = self._outcome(call, number, pictures)
            if outcome.picture is not None and (part := outcome.result.picture) is not None:
                outlast_outage(
                    self._live.cancellation, self._store.add_reply_picture,
                    self._live.reply_id, part, outcome.picture,
                )  # fmt: skip
                pictures.append(part)
            results[call.id] = outcome.result
            self.show(said.tool_calls, tuple(results.values()))
        there = tuple(results[call.id] for call in said.tool_calls if call.id in results)
        if len(there) < len(said.tool_calls):
            self._open_results, self.is_waiting = there, True
            return None
        done = ToolRound(said.tool_calls, there, said.text, said.reasoning)
        with contextlib.suppress(StoreUnavailable):  # the end brings them in any case
            self._store.keep_rounds(self._live.reply_id, (*self.rounds, done))
        self._shown_characters = 0
        self.rounds.append(replace(done, text=self.prefix + done.text))
        self.prefix, self.open, self._open_results = "", None, ()
        self.show()
        return done

    def kept_rounds(self) -> tuple[ToolRound, ...]:
        """The rounds for the record, all of them whole.

        Results that are there while other calls wait make a round of their own; all that the model
        said and called last stands in the choice.
        """
        if self.open is None or not self._open_results:
            return tuple(self.rounds)
        there = {result.call_id for result in self._open_results}
        calls = tuple(call for call in self.open.tool_calls if call.id in there)
        return (*self.rounds, ToolRound(calls, self._open_results))

    def _waits(self, call: ToolCall) -> bool:
        """Whether this is a person's own function."""
        return any(
            name_of(tool) == call.name and built_in_name(tool) is None
            for tool in self._settings.tools
        )

    def _outcome(self, call: ToolCall, number: int, seen: Sequence[ImagePart]) -> Outcome:
        if (toolbox := self._toolbox) is None:
            return Outcome(error_result(call, "This function is not available."))
        if number >= MAX_CALLS:
            return Outcome(error_result(call, f"At most {MAX_CALLS} calls are run at once."))
        running: Future[Outcome] = Future()
        pictures = tuple(seen)

        def run() -> None:
            try:
                running.set_result(toolbox.run(call, self._settings.tools, pictures))
            except Exception:  # noqa: BLE001 - whatever a tool stumbles on, the model gets a result
                running.set_result(Outcome(error_result(call, "The call failed.")))

        # left to itself when nobody waits any longer
        threading.Thread(target=run, name="tool", daemon=True).start()
        deadline = time.monotonic() + _TOOL_SECONDS
        while not wait([running], _POLL_SECONDS).done:
            if self._live.cancellation.is_cancelled:
                raise Cancelled
            if time.monotonic() > deadline:
                return Outcome(error_result(call, "The call took too long."))
        if self._live.cancellation.is_cancelled:
            raise Cancelled
        return running.result()


def waiting_calls(record: ReplyRecord) -> tuple[ToolCall, ...]:
    """The calls of an answer that ended with them and that nobody has answered yet."""
    if record.end is not ReplyEnd.TOOL_CALLS:
        return ()
    last = record.rounds[-1].results if record.rounds else ()
    answered = {result.call_id for result in last}
    return tuple(call for call in record.picked.tool_calls if call.id not in answered)


def with_ids(calls: Sequence[ToolCall], taken: Sequence[ToolRound] = ()) -> tuple[ToolCall, ...]:
    """The calls, each with an id of its own; those that are missing or double are made up.

    Nine letters and digits, which the strictest server asks for (Mistral).
    """
    used = {call.id for each in taken for call in each.calls}
    whole: list[ToolCall] = []
    for call in calls:
        name = call.id if _PLAIN_ID.fullmatch(call.id) and call.id not in used else ""
        number = len(used)
        while not name or name in used:
            name = f"call{number:05}"
            number += 1
        used.add(name)
        whole.append(replace(call, id=name))
    return tuple(whole)
