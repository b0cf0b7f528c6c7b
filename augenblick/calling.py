"""What a model calls while it answers: built-in tools run here, round by round.

A round is what the model said and called, and the results. Built-in tools run by themselves;
a person's own functions wait for the person, and so the answer ends there (`waiting_calls`) until
another goes on from it (`Resumed`). No network and no store here; `answering` sends.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from augenblick.conversations import ReplyRecord
from augenblick.errors import Cancelled
from augenblick.following import CallsSoFar, LiveReply
from augenblick.messages import (
    ChoiceText,
    ImagePart,
    Message,
    PreparedPicture,
    ReplyEnd,
    ToolCall,
    ToolResult,
    ToolRound,
    Usage,
)
from augenblick.settings import RequestSettings
from augenblick.tools import Toolbox, built_in_name, name_of
from augenblick.tools.running import Outcome, error_result

MAX_ROUNDS: Final = 6  # that one answer runs; a model that still calls then is going in circles
MAX_CALLS: Final = 16  # that are run of one round
_TOOL_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.05
_SMALL_CHARACTERS: Final = 10_000  # arguments up to this are shown with every chunk
_SHOW_SECONDS: Final = 0.5  # between two looks at larger ones, which are copied for each
_PLAIN_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Keep:
    """Stores what calls brought, before it is shown or sent: a picture, and all rounds so far."""

    picture: Callable[[ImagePart, PreparedPicture], None]
    rounds: Callable[[Sequence[ToolRound]], None]


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where an answer goes on from an earlier one: its rounds, and the calls that waited.

    `said` is what the model said and called last (None: nothing waits), `results` what is known
    of those calls.
    """

    rounds: tuple[ToolRound, ...] = ()
    said: ChoiceText | None = None
    results: tuple[ToolResult, ...] = ()

    @property
    def pictures(self) -> tuple[ImagePart, ...]:
        """What those calls returned."""
        results = (*(each for done in self.rounds for each in done.results), *self.results)
        return tuple(each.picture for each in results if each.picture is not None)


@dataclass(slots=True)
class Calling:
    """What the worker of one answer has called so far."""

    live: LiveReply
    settings: RequestSettings
    rounds: list[ToolRound] = field(default_factory=list)
    open: ChoiceText | None = None  # called, not all answered
    open_results: tuple[ToolResult, ...] = ()  # what is there of it
    is_waiting: bool = False  # for the person's results
    usage: Usage | None = None  # of the requests before the present one
    run_count: int = 0
    prefix: str = ""  # text that was there before this answer, until a round or the end takes it
    _shown_at: float = 0.0
    _shown_characters: int = 0

    @property
    def is_at_limit(self) -> bool:
        """Whether no further round is run."""
        return self.run_count >= MAX_ROUNDS

    def resume(self, resumed: Resumed) -> None:
        """Begin with what an earlier answer had called; a result nobody gave is an empty one."""
        self.rounds = list(resumed.rounds)
        self.open = resumed.said
        if resumed.said is not None:
            given = {result.call_id for result in resumed.results}
            missing = [call for call in resumed.said.tool_calls if call.id not in given]
            empty = (ToolResult(call.id, "") for call in missing if self._waits(call))
            self.open_results = (*resumed.results, *empty)
        self.show()

    def show(self, calls: Sequence[ToolCall] = (), results: Sequence[ToolResult] = ()) -> None:
        """Tell followers how things stand."""
        self.live.show_calls(CallsSoFar(tuple(self.rounds), tuple(calls), tuple(results)))

    def show_streaming(self, calls: Callable[[], Sequence[ToolCall]]) -> None:
        """Tell followers of calls whose arguments grow."""
        is_small = self._shown_characters < _SMALL_CHARACTERS
        if is_small or time.monotonic() - self._shown_at >= _SHOW_SECONDS:
            found = calls()
            self.show(found)
            self._shown_at = time.monotonic()
            self._shown_characters = sum(len(call.arguments) for call in found)

    def run(
        self,
        said: ChoiceText,
        toolbox: Toolbox | None,
        seen: Sequence[ImagePart],
        *,
        keep: Keep,
    ) -> ToolRound | None:
        """Answer what the model called; None where a call has to wait for the person.

        Raises Cancelled; what was called is kept then.
        """
        self.open = said
        self.run_count += 1
        results = {result.call_id: result for result in self.open_results}
        pictures = list(seen)
        self.show(said.tool_calls)
        for number, call in enumerate(said.tool_calls):
            if call.id in results or self._waits(call):
                continue
            outcome = self._outcome(call, number, toolbox, pictures)
            if outcome.picture is not None and outcome.result.picture is not None:
                keep.picture(outcome.result.picture, outcome.picture)
                pictures.append(outcome.result.picture)
            results[call.id] = outcome.result
            self.show(said.tool_calls, tuple(results.values()))
        there = tuple(results[call.id] for call in said.tool_calls if call.id in results)
        if len(there) < len(said.tool_calls):
            self.open_results, self.is_waiting = there, True
            return None
        done = ToolRound(said.tool_calls, there, said.text, said.reasoning)
        keep.rounds((*self.rounds, done))
        return self.close_round(done)

    def close_round(self, done: ToolRound) -> ToolRound:
        """Take in a whole round; the text begins anew."""
        self._shown_characters = 0
        self.rounds.append(replace(done, text=self.prefix + done.text))
        self.prefix = ""
        self.open, self.open_results = None, ()
        self.show()
        return done

    def kept_rounds(self) -> tuple[ToolRound, ...]:
        """The rounds for the record, all of them whole.

        Results that are there while other calls wait make a round of their own; all that the model
        said and called last stands in the choice.
        """
        if self.open is None or not self.open_results:
            return tuple(self.rounds)
        there = {result.call_id for result in self.open_results}
        calls = tuple(call for call in self.open.tool_calls if call.id in there)
        return (*self.rounds, ToolRound(calls, self.open_results))

    def _waits(self, call: ToolCall) -> bool:
        """Whether this is a person's own function."""
        return any(
            name_of(tool) == call.name and built_in_name(tool) is None
            for tool in self.settings.tools
        )

    def _outcome(
        self, call: ToolCall, number: int, toolbox: Toolbox | None, seen: Sequence[ImagePart]
    ) -> Outcome:
        if toolbox is None:
            return Outcome(error_result(call, "This function is not available."))
        if number >= MAX_CALLS:
            return Outcome(error_result(call, f"At most {MAX_CALLS} calls are run at once."))
        run = _Running(lambda: toolbox.run(call, self.settings.tools, tuple(seen)))
        deadline = time.monotonic() + _TOOL_SECONDS
        while not run.done.wait(_LOOK_SECONDS):
            if self.live.cancellation.is_cancelled:
                raise Cancelled
            if time.monotonic() > deadline:
                return Outcome(error_result(call, "The call took too long."))
        if self.live.cancellation.is_cancelled:
            raise Cancelled
        return run.outcome or Outcome(error_result(call, "The call failed."))


class _Running:
    """A call in a thread of its own, which is left to itself when nobody waits any longer."""

    def __init__(self, run: Callable[[], Outcome]) -> None:
        self.done = threading.Event()
        self.outcome: Outcome | None = None
        self._run = run
        threading.Thread(target=self._work, name="tool", daemon=True).start()

    def _work(self) -> None:
        try:
            self.outcome = self._run()
        except Exception:  # noqa: BLE001 - whatever a tool stumbles on, the model gets a result
            self.outcome = None
        finally:
            self.done.set()


def waiting_calls(record: ReplyRecord) -> tuple[ToolCall, ...]:
    """The calls of an answer that ended with them and that nobody has answered yet."""
    if record.end is not ReplyEnd.TOOL_CALLS:
        return ()
    last = record.rounds[-1].results if record.rounds else ()
    answered = {result.call_id for result in last}
    return tuple(call for call in record.picked.tool_calls if call.id not in answered)


def resumed_from(record: ReplyRecord, given: Mapping[str, str]) -> Resumed:
    """Where an answer goes on from one whose calls waited; `given` are results by the call's id."""
    said = record.picked
    rounds = record.rounds
    calls = {call.id for call in said.tool_calls}
    results = [ToolResult(name, text) for name, text in given.items() if name in calls]
    if rounds and calls.issuperset(call.id for call in rounds[-1].calls):
        results += rounds[-1].results  # of the same round: tools that ran while the others waited
        rounds = rounds[:-1]
    return Resumed(rounds, said, tuple(results))


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


def unforced(settings: RequestSettings) -> RequestSettings:
    """The settings for a request with results: a call that was asked for is not asked for again."""
    is_forced = settings.tool_choice == "required" or isinstance(settings.tool_choice, Mapping)
    return replace(settings, tool_choice=None) if is_forced else settings


def pictures_in(messages: Sequence[Message]) -> list[ImagePart]:
    """The pictures of messages, oldest first."""
    return [part for message in messages for part in message.parts if isinstance(part, ImagePart)]


def summed(one: Usage | None, other: Usage | None) -> Usage | None:
    """The tokens of several requests together; what nobody told stays unknown."""
    if one is None or other is None:
        return one or other
    return Usage(
        _total(one.prompt_tokens, other.prompt_tokens),
        _total(one.completion_tokens, other.completion_tokens),
        _total(one.total_tokens, other.total_tokens),
        _total(one.reasoning_tokens, other.reasoning_tokens),
    )


def _total(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
