"""Several answers from an endpoint that gives one at a time: as many requests, side by side.

No network here: how one request is sent and read is the caller's. `ParallelRequests` stands in for
the one `Reply` of an ordinary answer; each request folds into a part of it, which is one choice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from augenblick.core.errors import AugenblickError, Cancelled, Failure
from augenblick.core.messages import Adjustment, ChoiceText, ReplyEnd, Timings, Usage, total_usage
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
        self.error: AugenblickError | None = None  # what kept it from coming
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
    """The answers of several requests as one reply. Without `begun` there are `count` requests.

    `begun` is a reply with some of the `count` answers; then only the missing ones are asked for.
    """

    def __init__(self, count: int, *, begun: Reply | None = None) -> None:
        self._begun = begun
        self._count = count
        missing = range(count) if begun is None else begun.missing
        self._parts = {at: Part(at) for at in missing}
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
        helpers = [
            threading.Thread(target=self._work, args=(ask,), name="side-by-side", daemon=True)
            for _ in range(min(MOST_AT_ONCE, len(self._parts)) - 1)
        ]
        started = _start(helpers)
        self._work(ask)
        for helper in started:
            helper.join()
        errors = [part.error for part in self._parts.values() if part.error is not None]
        stopped = next((error for error in errors if isinstance(error, Cancelled)), None)
        if stopped is not None:
            raise stopped
        if errors and not self.choices:
            raise errors[0]

    def _work(self, ask: Callable[[Part], None]) -> None:
        while (part := self._next()) is not None:
            error: AugenblickError | None = None
            try:
                ask(part)
            except AugenblickError as caught:
                error = caught
            except Exception as caught:  # noqa: BLE001 - its answer is missing, the others are not
                error = AugenblickError(type(caught).__name__)
            with self._changed:
                part.error = error
                self._running -= 1
                self._changed.notify_all()

    def _next(self) -> Part | None:
        """The next request to send; None when there is none, or when it would be in vain."""
        with self._changed:
            while self._waiting and not self._was_stopped():
                sent_count = len(self._parts) - len(self._waiting)
                if sent_count < MOST_AT_ONCE or not self._is_doubtful():
                    self._running += 1
                    return self._waiting.pop(0)
                if not self._running:
                    return None
                self._changed.wait(_POLL_SECONDS)
            return None

    def _was_stopped(self) -> bool:
        return any(isinstance(part.error, Cancelled) for part in self._parts.values())

    def _is_doubtful(self) -> bool:
        """Whether a request has failed and none has brought a word yet: others would fail too."""
        has_failed = any(part.error is not None for part in self._parts.values())
        has_come = any(part.has_come for part in self._parts.values())
        return has_failed and not has_come and self._begun is None

    @property
    def choices(self) -> tuple[ChoiceText, ...]:
        """All answers at their places; none at all while nobody has said anything."""
        begun = dict(enumerate(self._begun.choices)) if self._begun is not None else {}
        said = {at: part.choice for at, part in self._parts.items()} | begun
        choices = tuple(said.get(at, ChoiceText()) for at in range(self._count))
        return choices if any(choice != ChoiceText() for choice in choices) else ()

    @property
    def failed(self) -> tuple[Adjustment, ...]:
        """The answers that did not come, or not whole, by number and with the reason.

        Empty until `close`, and where no answer came at all: then that is how the reply failed.
        """
        if self.end is None or not self.choices:
            return ()
        found = ((at, _why(part)) for at, part in self._parts.items())
        return tuple(
            Adjustment(
                "answer_failed",
                {
                    **failure.params,
                    "number": at + 1,
                    "code": failure.code,
                    "detail": failure.detail,
                },
            )
            for at, failure in found
            if failure is not None
        )

    @property
    def pictures(self) -> tuple[str, ...]:
        """The pictures of all answers, in their order."""
        return tuple(dict.fromkeys(each for reply in self._replies for each in reply.pictures))

    @property
    def unread(self) -> tuple[Adjustment, ...]:
        """What came that is neither text nor picture."""
        return tuple(each for reply in self._replies for each in reply.unread)

    @property
    def usage(self) -> Usage | None:
        """All that was counted, added up."""
        return total_usage(*(reply.usage for reply in self._replies))

    @property
    def timings(self) -> Timings:
        """The first headers, the first word of any answer, the last word of all."""
        found = [reply.timings for reply in self._replies]
        return Timings(
            min(_known(each.headers_seconds for each in found), default=None),
            min(_known(each.first_token_seconds for each in found), default=None),
            max(_known(each.total_seconds for each in found), default=None),
        )

    @property
    def model(self) -> str:
        """The model that the endpoint named."""
        return next((reply.model for reply in self._replies if reply.model), "")

    @property
    def system_fingerprint(self) -> str:
        """The one that came first."""
        found = (reply.system_fingerprint for reply in self._replies)
        return next(filter(None, found), "")

    def close(self, *, failure: Failure | None = None, was_stopped: bool = False) -> ReplyEnd:
        """End all parts and say how the whole ended: like its first answer that came."""
        if self.end is None:
            ends = [self._end_of(reply, was_stopped=was_stopped) for reply in self._replies]
            if was_stopped and ReplyEnd.STOPPED in ends:
                self.end = ReplyEnd.STOPPED
            elif failure is not None and not self.choices:
                self.failure = failure
                self.end = ReplyEnd.CUT if failure.code == _CUT else ReplyEnd.FAILED
            else:
                self.end = next((end for end in ends if end not in _BROKEN), ends[0])
                self.failure = self._replies[0].failure if self.end in _BROKEN else None
        return self.end

    @property
    def _replies(self) -> list[Reply]:
        begun = [self._begun] if self._begun is not None else []
        return [*begun, *self._parts.values()]

    @staticmethod
    def _end_of(reply: Reply, *, was_stopped: bool) -> ReplyEnd:
        error = reply.error if isinstance(reply, Part) else None
        is_failure = error is not None and not isinstance(error, Cancelled)
        failure = error.failure if error is not None and is_failure else None
        return reply.close(failure=failure, was_stopped=was_stopped and not is_failure)


def _start(helpers: list[threading.Thread]) -> list[threading.Thread]:
    """Start as many as the system has threads left for; the work gets done with fewer."""
    started = []
    for helper in helpers:
        try:
            helper.start()
        except RuntimeError:
            break
        started.append(helper)
    return started


def _why(part: Part) -> Failure | None:
    """Why a part is missing or not whole; None where it is whole, or was stopped."""
    if part.error is not None:
        return None if isinstance(part.error, Cancelled) else part.error.failure
    return part.failure or (Failure(_CUT) if part.end is ReplyEnd.CUT else None)


def _known(seconds: Iterable[float | None]) -> Iterable[float]:
    return [each for each in seconds if each is not None]
