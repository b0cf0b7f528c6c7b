"""What one worker has in hand: its task, the reply as it grows, and the record made of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from augenblick.chat.continuation import FROM_THE_QUESTION, Continuation
from augenblick.chat.live import LiveReply
from augenblick.chat.parallel_requests import ParallelRequests
from augenblick.chat.tool_loop import MAX_ROUNDS, ToolLoop, pictures_in, with_ids
from augenblick.core.conversations import ReplyRecord
from augenblick.core.messages import (
    Adjustment,
    ChoiceText,
    ImagePart,
    Message,
    ReplyEnd,
    total_usage,
)
from augenblick.core.providers import Provider
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.chunks import Chunk
from augenblick.endpoint.recorder import Recorder
from augenblick.endpoint.reply import Reply
from augenblick.lab.tools import Toolbox
from augenblick.store import Store
from augenblick.store.store_values import OpenedReply


@dataclass(frozen=True, slots=True)
class Task:
    """What one worker is to do."""

    opened: OpenedReply
    provider: Provider
    settings: RequestSettings
    beginning: Continuation = FROM_THE_QUESTION


class Draft:
    """An answer while its worker writes it. `reply` is that of the present request.

    `messages` are those of the conversation and of the rounds as they were before any fallback.
    """

    def __init__(self, live: LiveReply, task: Task, store: Store, toolbox: Toolbox | None) -> None:
        self.live = live
        self.task = task
        self.started = time.monotonic()
        self.reply: Reply | ParallelRequests = Reply(n=task.settings.choice_count)
        self.loop = ToolLoop(live, task.settings, store, toolbox, prefix=task.beginning.text)
        self.loop.resume(task.beginning.resumed)
        self.recorder = Recorder()
        self.adjustments: list[Adjustment] = []
        self.messages: tuple[Message, ...] = ()
        self.pictures: tuple[ImagePart, ...] = ()
        self._first: Reply | ParallelRequests | None = None  # of several requests

    @property
    def has_text(self) -> bool:
        """Whether the reply has content, which another attempt would repeat."""
        said = self.reply.choices
        return any(choice.text or choice.reasoning or choice.tool_calls for choice in said)

    def show_calls(self, chunk: Chunk) -> None:
        """Show followers the tool calls of a chunk."""
        if any(delta.tool_calls for delta in chunk.choices):
            first = self.reply.choices[:1]
            self.loop.show_streaming(lambda: first[0].tool_calls if first else ())

    def takes_calls(self) -> bool:
        """Whether the reply, which has ended, called something that is run here.

        Then that is the loop's, and another reply begins.
        """
        settings = self.task.settings
        is_one = settings.choice_count == 1  # of several answers a person picks one first
        if self.reply.close() is not ReplyEnd.TOOL_CALLS or not is_one:
            return False
        said = self.reply.choices[0]
        if self.loop.toolbox is None or not (said.tool_calls and settings.tools):
            return False
        if self.loop.is_at_limit:
            self.adjustments.append(Adjustment("rounds_used_up", {"limit": MAX_ROUNDS}))
            return False
        self.loop.open = replace(said, tool_calls=with_ids(said.tool_calls, self.loop.rounds))
        self.adjustments.extend(self.reply.unread)
        self.loop.usage = total_usage(self.loop.usage, self.reply.usage)
        self._first = self._first or self.reply
        self.reply = Reply()
        return True

    def pictures_seen(self, sent: Sequence[Message]) -> list[ImagePart]:
        """The pictures of a request as they are stored; fallbacks drop none but the oldest."""
        every = pictures_in(self.messages)
        return every[len(every) - len(pictures_in(sent)) :]

    def record(self, *, was_interrupted: bool) -> ReplyRecord:
        """The reply, which has ended, as it is stored; interrupted if the server stopped it."""
        reply, first, settings = self.reply, self._first or self.reply, self.task.settings
        end = ReplyEnd.TOOL_CALLS if self.loop.is_waiting else reply.end
        if was_interrupted and end is ReplyEnd.STOPPED:
            end = ReplyEnd.INTERRUPTED
        failed = reply.failed if isinstance(reply, ParallelRequests) else ()
        said = (at for at, choice in enumerate(reply.choices) if choice.text)
        return ReplyRecord(
            provider=self.task.provider.name,
            model=settings.model,
            end=end,
            choices=self._choices(),
            usage=total_usage(self.loop.usage, reply.usage),
            timings=replace(first.timings, total_seconds=time.monotonic() - self.started),
            failure=reply.failure,
            adjustments=(*self.adjustments, *reply.unread, *failed),
            answered_model=reply.model or first.model,
            system_fingerprint=reply.system_fingerprint or first.system_fingerprint,
            picked_choice=next(said, 0) if settings.choice_count > 1 else 0,
            rounds=self.loop.kept_rounds(),
            settings=settings,
            pictures=self.pictures,
        )

    def _choices(self) -> tuple[ChoiceText, ...]:
        if self.loop.open is not None:
            choices: tuple[ChoiceText, ...] = (self.loop.open,)
        else:
            choices = tuple(
                replace(choice, tool_calls=with_ids(choice.tool_calls, self.loop.rounds))
                for choice in self.reply.choices
            )
        if self.loop.prefix:
            first, *others = choices or (ChoiceText(),)
            choices = (replace(first, text=self.loop.prefix + first.text), *others)
        return choices
