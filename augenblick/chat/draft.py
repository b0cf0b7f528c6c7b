"""An answer while its worker writes it: the replies as they grow, and the record made of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from augenblick.chat.continuation import FROM_THE_QUESTION, Continuation
from augenblick.chat.live import LiveReply
from augenblick.chat.parallel_requests import ParallelRequests
from augenblick.chat.tool_loop import MAX_ROUNDS, ToolLoop, with_ids
from augenblick.core.conversations import ReplyRecord
from augenblick.core.messages import Adjustment, ChoiceText, ImagePart, ReplyEnd, total_usage
from augenblick.core.providers import Provider
from augenblick.core.settings import RequestSettings
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
    continuation: Continuation = FROM_THE_QUESTION


class Draft:
    """What has come of an answer. `replies` has one for each request, the present one last."""

    def __init__(self, live: LiveReply, task: Task, store: Store, toolbox: Toolbox | None) -> None:
        self.live = live
        self.loop = ToolLoop(live, task.settings, store, toolbox, task.continuation)
        self.replies: list[Reply | ParallelRequests] = [Reply(n=task.settings.choice_count)]
        self.adjustments: list[Adjustment] = []
        self.pictures: tuple[ImagePart, ...] = ()
        self._task = task
        self._started_at = time.monotonic()

    @property
    def reply(self) -> Reply | ParallelRequests:
        """That of the present request."""
        return self.replies[-1]

    @property
    def seconds(self) -> float:
        """How long the answer has been under way."""
        return time.monotonic() - self._started_at

    @property
    def has_text(self) -> bool:
        """Whether the reply has content, which another attempt would repeat."""
        said = self.reply.choices
        return any(choice.text or choice.reasoning or choice.tool_calls for choice in said)

    def begin_round(self) -> bool:
        """Whether the reply, which has ended, called something that is run here.

        Then that is the loop's, and another reply begins.
        """
        settings = self._task.settings
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
        self.replies.append(Reply())
        return True

    def record(self, *, was_interrupted: bool) -> ReplyRecord:
        """The answer, which has ended, as it is stored; interrupted if the server stopped it."""
        first, last, settings = self.replies[0], self.reply, self._task.settings
        end = ReplyEnd.TOOL_CALLS if self.loop.is_waiting else last.end
        if was_interrupted and end is ReplyEnd.STOPPED:
            end = ReplyEnd.INTERRUPTED
        unread = [each for reply in self.replies for each in reply.unread]
        failed = last.failed if isinstance(last, ParallelRequests) else ()
        said = (at for at, choice in enumerate(last.choices) if choice.text)
        return ReplyRecord(
            provider=self._task.provider.name,
            model=settings.model,
            end=end,
            choices=self._choices(),
            usage=total_usage(*(reply.usage for reply in self.replies)),
            timings=replace(first.timings, total_seconds=self.seconds),
            failure=last.failure,
            adjustments=(*self.adjustments, *unread, *failed),
            answered_model=last.model or first.model,
            system_fingerprint=last.system_fingerprint or first.system_fingerprint,
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
