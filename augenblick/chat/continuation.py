"""Going on from an earlier answer: writing an unfinished one on, or giving its calls results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

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
class Continuation:
    """What an answer goes on from: what an earlier one had called, and its text.

    The text is written on where there is an `instruction`, which asks for the rest; endpoints
    differ in how they continue an assistant message, so it is sent as it is. `open` is what the
    model said and called last (None: nothing waits), `results` what is known of those calls.
    """

    text: str = ""
    instruction: str = ""
    rounds: tuple[ToolRound, ...] = ()
    open: ChoiceText | None = None
    results: tuple[ToolResult, ...] = ()

    @classmethod
    def of_text(cls, record: ReplyRecord, instruction: str) -> Self:
        """How an answer that ended too early is written on (with `settings_to_continue`)."""
        return cls(record.picked.text, instruction, record.rounds)

    @classmethod
    def of_calls(cls, record: ReplyRecord, results: Mapping[str, str]) -> Self:
        """How an answer goes on that ended with calls; `results` are a person's by the call's id.

        Built-in tools among the calls are run; a call without a result gets an empty one.
        """
        said, rounds = record.picked, record.rounds
        calls = {call.id for call in said.tool_calls}
        known = [ToolResult(name, text) for name, text in results.items() if name in calls]
        if rounds and calls.issuperset(call.id for call in rounds[-1].calls):
            known += rounds[-1].results  # of the same round: tools that ran while others waited
            rounds = rounds[:-1]
        return cls(rounds=rounds, open=said, results=tuple(known))

    @property
    def pictures(self) -> tuple[ImagePart, ...]:
        """What those calls returned."""
        returned = (each for done in self.rounds for each in done.pictures)
        waiting = (each.picture for each in self.results if each.picture is not None)
        return (*returned, *waiting)

    @property
    def messages(self) -> tuple[Message, ...]:
        """What follows the question in the request."""
        called = tuple(each for done in self.rounds for each in round_messages(done))
        if not self.instruction:
            return called
        return (
            *called,
            Message(Role.ASSISTANT, (TextPart(self.text),)),
            Message(Role.USER, (TextPart(self.instruction),)),
        )

    def settings_for(self, settings: RequestSettings) -> RequestSettings:
        """The settings of its first request."""
        if self.rounds or self.open is not None:
            settings = without_forced_tool(settings)
        if self.instruction:  # with the form it would begin another object
            settings = replace(settings, response_format=None)
        return settings


def settings_to_continue(record: ReplyRecord, settings: RequestSettings) -> RequestSettings:
    """The settings for writing an answer on: as one answer, in the form it began in."""
    settings = settings.for_one_answer()
    if record.settings is not None:
        settings = replace(settings, response_format=record.settings.response_format)
    return settings


def without_forced_tool(settings: RequestSettings) -> RequestSettings:
    """The settings for a request with results: a call that was asked for is not asked for again."""
    is_forced = settings.tool_choice == "required" or isinstance(settings.tool_choice, Mapping)
    return replace(settings, tool_choice=None) if is_forced else settings
