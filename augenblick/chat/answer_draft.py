"""An answer while its worker writes it: the replies as they grow, and the record made of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from augenblick.chat.continuation import Continuation
from augenblick.chat.live import LiveReply
from augenblick.chat.parallel_requests import ParallelRequests
from augenblick.chat.tool_loop import ToolLoop, with_ids
from augenblick.core.conversations import ReplyRecord
from augenblick.core.messages import (
    Adjustment,
    ChoiceText,
    ImagePart,
    ReplyEnd,
    Timings,
    total_usage,
)
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
    continuation: Continuation | None = None  # None: the answer goes on from no earlier one


class AnswerDraft:
    """What has come of an answer.

    `reply` is that of the present request, or of present parallel ones; `replies` are those of all
    requests so far.
    """

    def __init__(self, live: LiveReply, task: Task, store: Store, toolbox: Toolbox | None) -> None:
        self.live = live
        self.loop = ToolLoop(live, task.settings, store, toolbox, task.continuation)
        self.replies = [Reply(n=task.settings.choice_count)]
        self.reply: Reply | ParallelRequests = self.replies[0]
        self.started_at = time.monotonic()
        self.adjustments: list[Adjustment] = []
        self.pictures: tuple[ImagePart, ...] = ()
        self._task = task

    @property
    def has_text(self) -> bool:
        """Whether the reply has content, which another attempt would repeat."""
        said = self.reply.choices
        return any(choice.text or choice.reasoning or choice.tool_calls for choice in said)

    def begin_round(self) -> bool:
        """Whether the reply, which has ended, called something; then another reply begins."""
        if self.reply.close() is not ReplyEnd.TOOL_CALLS:
            return False
        if not self.loop.open_round(self.reply.choices[0], self.adjustments):
            return False
        self.reply = Reply()
        self.replies.append(self.reply)
        return True

    def begin_parallel(self, count: int, first: Reply | None) -> ParallelRequests:
        """Have the answers come from parallel requests; `first` has some of them already."""
        self.reply = parallel = ParallelRequests(count, first=first)
        self.replies = parallel.replies
        return parallel

    def record(self, *, was_interrupted: bool) -> ReplyRecord:
        """The answer, which has ended, as it is stored; interrupted if the server stopped it."""
        reply, settings = self.reply, self._task.settings
        end = ReplyEnd.TOOL_CALLS if self.loop.is_waiting else reply.end
        if was_interrupted and end is ReplyEnd.STOPPED:
            end = ReplyEnd.INTERRUPTED
        unread = [each for reply in self.replies for each in reply.unread]
        failed = reply.failed if isinstance(reply, ParallelRequests) else ()
        said = (at for at, choice in enumerate(reply.choices) if choice.text)
        return ReplyRecord(
            provider=self._task.provider.name,
            model=settings.model,
            end=end,
            choices=self._choices(),
            usage=total_usage(*(each.usage for each in self.replies)),
            timings=self._timings(),
            failure=reply.failure,
            adjustments=(*self.adjustments, *unread, *failed),
            answered_model=_last_known(each.model for each in self.replies),
            system_fingerprint=_last_known(each.system_fingerprint for each in self.replies),
            picked_choice=next(said, 0) if settings.choice_count > 1 else 0,
            rounds=self.loop.kept_rounds(),
            settings=settings,
            pictures=self.pictures,
        )

    def _timings(self) -> Timings:
        """The first headers, the first word of any reply, the end of all."""
        found = [reply.timings for reply in self.replies]
        headers = (each.headers_seconds for each in found if each.headers_seconds is not None)
        tokens = (each.first_token_seconds for each in found)
        return Timings(
            next(headers, None),
            min((each for each in tokens if each is not None), default=None),
            time.monotonic() - self.started_at,
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


def _last_known(names: Iterable[str]) -> str:
    return ([each for each in names if each] or [""])[-1]
