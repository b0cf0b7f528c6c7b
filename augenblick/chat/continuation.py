"""Going on from an earlier answer: writing an unfinished one on, or giving its calls results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from augenblick.core.conversations import ReplyRecord, round_messages
from augenblick.core.messages import (
    ChoiceText,
    ImagePart,
    Message,
    Role,
    TextPart,
    ToolResult,
    ToolRound,
)
from augenblick.core.settings import RequestSettings


@dataclass(frozen=True, slots=True)
class ResumeState:
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
        returned = (each for done in self.rounds for each in done.pictures)
        waiting = (each.picture for each in self.results if each.picture is not None)
        return (*returned, *waiting)


_NOTHING_CALLED = ResumeState()


@dataclass(frozen=True, slots=True)
class Continuation:
    """What an answer begins with: what an earlier one had called, and its text, to be written on.

    Without an `instruction` nothing else is asked.
    """

    text: str = ""
    instruction: str = ""
    resumed: ResumeState = _NOTHING_CALLED

    @property
    def messages(self) -> tuple[Message, ...]:
        """What follows the question in the request."""
        called = tuple(each for done in self.resumed.rounds for each in round_messages(done))
        if not self.instruction:
            return called
        return (
            *called,
            Message(Role.ASSISTANT, (TextPart(self.text),)),
            Message(Role.USER, (TextPart(self.instruction),)),
        )

    def settings_for(self, settings: RequestSettings) -> RequestSettings:
        """The settings of its first request."""
        if self.resumed != _NOTHING_CALLED:
            settings = unforced(settings)
        if self.instruction:  # with the form it would begin another object
            settings = replace(settings, response_format=None)
        return settings


FROM_THE_QUESTION = Continuation()  # goes on from no earlier answer


def written_on(
    record: ReplyRecord, instruction: str, settings: RequestSettings
) -> tuple[Continuation, RequestSettings]:
    """How an answer that ended too early is written on: as one answer, in the form it began in."""
    settings = settings.for_one_answer()
    if record.settings is not None:
        settings = replace(settings, response_format=record.settings.response_format)
    return Continuation(record.picked.text, instruction, ResumeState(record.rounds)), settings


def with_results(record: ReplyRecord, given: Mapping[str, str]) -> Continuation:
    """How an answer goes on whose calls waited; `given` are results by the call's id."""
    said = record.picked
    rounds = record.rounds
    calls = {call.id for call in said.tool_calls}
    results = [ToolResult(name, text) for name, text in given.items() if name in calls]
    if rounds and calls.issuperset(call.id for call in rounds[-1].calls):
        results += rounds[-1].results  # of the same round: tools that ran while the others waited
        rounds = rounds[:-1]
    return Continuation(resumed=ResumeState(rounds, said, tuple(results)))


def unforced(settings: RequestSettings) -> RequestSettings:
    """The settings for a request with results: a call that was asked for is not asked for again."""
    is_forced = settings.tool_choice == "required" or isinstance(settings.tool_choice, Mapping)
    return replace(settings, tool_choice=None) if is_forced else settings
