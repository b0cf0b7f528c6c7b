"""Several answers from an endpoint that gives one at a time: as many requests, side by side.

No network here: how one request is sent and read is the caller's. `ParallelRequests` stands in for
the one `Reply` of an ordinary answer; each request folds into a part of it, which is one choice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from augenblick.core.errors import AugenblickError, Cancelled, Failure, Param
from augenblick.core.messages import Adjustment, ChoiceText, ReplyEnd
from augenblick.endpoint.chunks import Chunk
from augenblick.endpoint.reply import Added, Reply

MOST_AT_ONCE: Final = 4
_POLL_SECONDS: Final = 0.1
_CUT: Final = "stream_interrupted"
_BROKEN: Final = {ReplyEnd.FAILED, ReplyEnd.CUT}


class Part(Reply):
    """The reply to one of the requests, with the place of its answer among all."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at
        self.was_stopped = False
        self.error: AugenblickError | None = None  # what else kept it from coming
        self.has_come = False  # whether it has said a word

    def fold(self, chunk: Chunk, *, at_seconds: float) -> tuple[Added, ...]:
        """As `Reply.fold`; the further choices of an endpoint that gives more than one are left."""
        added = super().fold(chunk, at_seconds=at_seconds)
        self.has_come = self.has_come or bool(added)
        return tuple(
            replace(piece, choice_index=self._at) for piece in added if not piece.choice_index
        )

    @property
    def choice(self) -> ChoiceText:
        """What this answer says so far."""
        return next(iter(self.choices), ChoiceText())


class ParallelRequests:
    """The answers of several requests as one reply. Without `first` there are `count` requests.

    `first` is a reply with some of the `count` answers; then only the missing ones are asked for.
    """

    def __init__(self, count: int, *, first: Reply | None = None) -> None:
        self._first = first
        self._count = count
        missing = range(count) if first is None else first.missing
        self._parts = {at: Part(at) for at in missing}
        self.replies: list[Reply] = [*self._parts.values()]  # to all requests
        if first is not None:
            self.replies.insert(0, first)
        self._changed = threading.Condition()
        self._waiting = list(self._parts.values())
        self._running = 0
        self.end: ReplyEnd | None = None
        self.failure: Failure | None = None

    def run(self, ask: Callable[[Part], None]) -> None:
        """Send all requests, at most four at once, and wait for all of them.

        What fails leaves the others alone. Raises Cancelled once stopped, and what the first
        request failed with where no answer came at all; once one has failed, no further one than
        the first four is sent until another has brought a word.
        """
        helpers = list[threading.Thread]()
        for _ in range(min(MOST_AT_ONCE, len(self._parts)) - 1):
            helper = threading.Thread(target=self._work, args=(ask,), name="parallel", daemon=True)
            try:
                helper.start()
            except RuntimeError:  # the system has no thread left; the work gets done with fewer
                break
            helpers.append(helper)
        self._work(ask)
        for helper in helpers:
            helper.join()
        if any(part.was_stopped for part in self._parts.values()):
            raise Cancelled
        errors = [part.error for part in self._parts.values() if part.error is not None]
        if errors and not self.choices:
            raise errors[0]

    def _work(self, ask: Callable[[Part], None]) -> None:
        while (part := self._next()) is not None:
            try:
                ask(part)
            except Cancelled:
                part.was_stopped = True
            except AugenblickError as error:
                part.error = error
            except Exception as error:  # noqa: BLE001 - its answer is missing, the others are not
                part.error = AugenblickError(type(error).__name__)
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _next(self) -> Part | None:
        """The next request to send; None when there is none, or when it would be in vain."""
        parts = self._parts.values()
        with self._changed:
            while self._waiting and not any(part.was_stopped for part in parts):
                sent_count = len(parts) - len(self._waiting)
                has_failed = any(part.error is not None for part in parts)
                has_come = self._first is not None or any(part.has_come for part in parts)
                if sent_count < MOST_AT_ONCE or has_come or not has_failed:
                    self._running += 1
                    return self._waiting.pop(0)
                if not self._running:  # all have failed, and so would this one
                    return None
                self._changed.wait(_POLL_SECONDS)
            return None

    @property
    def choices(self) -> tuple[ChoiceText, ...]:
        """All answers at their places; none at all while nobody has said anything."""
        first = dict(enumerate(self._first.choices)) if self._first is not None else {}
        said = first | {at: part.choice for at, part in self._parts.items()}
        choices = tuple(said.get(at, ChoiceText()) for at in range(self._count))
        return choices if any(choice != ChoiceText() for choice in choices) else ()

    @property
    def failed(self) -> tuple[Adjustment, ...]:
        """The answers that did not come, or not whole, by number and with the reason.

        Empty until `close`, and where no answer came at all: then that is how the reply failed.
        """
        if self.end is None or not self.choices:
            return ()
        found = []
        for at, part in self._parts.items():
            failure = part.error.failure if part.error is not None else part.failure
            if failure is None and part.end is ReplyEnd.CUT:
                failure = Failure(_CUT)
            if failure is not None and not part.was_stopped:
                params: dict[str, Param] = {**failure.params, "number": at + 1}
                params |= {"code": failure.code, "detail": failure.detail}
                found.append(Adjustment("answer_failed", params))
        return tuple(found)

    def close(self, *, failure: Failure | None = None, was_stopped: bool = False) -> ReplyEnd:
        """End all parts and say how the whole ended: like its first answer that came."""
        if self.end is None:
            ends = []
            for reply in self.replies:
                error = reply.error if isinstance(reply, Part) else None
                reason = error.failure if error is not None else None
                ends.append(reply.close(failure=reason, was_stopped=was_stopped and error is None))
            if was_stopped and ReplyEnd.STOPPED in ends:
                self.end = ReplyEnd.STOPPED
            elif failure is not None and not self.choices:
                self.failure = failure
                self.end = ReplyEnd.CUT if failure.code == _CUT else ReplyEnd.FAILED
            else:
                self.end = next((end for end in ends if end not in _BROKEN), ends[0])
                self.failure = self.replies[0].failure if self.end in _BROKEN else None
        return self.end
