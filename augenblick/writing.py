"""One answer being written: what the worker thread of a reply does, from its question to its end.

The request is built, sent, changed where it is refused, sent again after calls; what comes is
folded and handed to the log. When this happens, and for whom, is `answering`'s.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self, TypeVar

from augenblick.calling import (
    MAX_ROUNDS,
    Calling,
    Keep,
    Resumed,
    pictures_in,
    summed,
    unforced,
    with_ids,
)
from augenblick.chunks import Chunk
from augenblick.client import ChatClient
from augenblick.conversations import (
    Conversation,
    ReplyRecord,
    as_wire_messages,
    round_messages,
)
from augenblick.errors import (
    AugenblickError,
    Cancelled,
    Failure,
    ProviderError,
    QuestionNotSent,
    StoreError,
    StoreUnavailable,
)
from augenblick.following import LiveReply
from augenblick.intake import Intake
from augenblick.messages import (
    Adjustment,
    Attachment,
    ChoiceText,
    ImagePart,
    Message,
    PreparedPicture,
    ReplyEnd,
    Role,
    TextPart,
    ToolRound,
)
from augenblick.payload import build_payload
from augenblick.providers import Provider
from augenblick.remedies import (
    Remedy,
    Request,
    Shrink,
    ToJpeg,
    apply_lessons,
    ask_for_missing,
    remedy_for,
)
from augenblick.reply import Added, Reply
from augenblick.reply_log import ReplyLog
from augenblick.settings import RequestSettings
from augenblick.side_by_side import SideBySide
from augenblick.store import ConversationStore, OpenedReply, ReplyDelta
from augenblick.structured.prompting import with_json_named
from augenblick.tools import Toolbox
from augenblick.trace import Recorder

_MOST_REMEDIES = 3
_PATIENCE_SECONDS = 30.0  # a database server restarts in less
_TRY_AGAIN_SECONDS = 0.25
_NOTHING_CALLED = Resumed()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fitting:
    """How the pictures of a request are made: as data URIs, smaller, as JPEG."""

    data_uri: Callable[[Attachment], str]
    shrink: Shrink
    to_jpeg: ToJpeg


class Writer:
    """Writes answers, each in the thread that calls `write`.

    `client_of` gives the client of a provider; `is_closing` tells whether the server is going down,
    `live_count` how many replies are live; `on_end` is called when an answer's end is written.
    """

    def __init__(
        self,
        *,
        store: ConversationStore,
        log: ReplyLog,
        client_of: Callable[[Provider], ChatClient],
        fitting: Fitting,
        toolbox: Toolbox | None,
        is_closing: Callable[[], bool],
        live_count: Callable[[], int],
        on_end: Callable[[LiveReply], None],
    ) -> None:
        self._store = store
        self._log = log
        self._client_of = client_of
        self._fitting = fitting
        self._toolbox = toolbox
        self._is_closing = is_closing
        self._live_count = live_count
        self._on_end = on_end

    def write(self, live: LiveReply, task: Task) -> Recorder:
        """Write an answer to its end, which has been handed to the log when this returns.

        Never raises. Returns what went over the wire, for `keep_trace`.
        """
        answer = _Answer.of(live, task)
        try:
            if live.cancellation.is_cancelled or self._is_closing():
                raise Cancelled  # noqa: TRY301 - ends like every other stop
            if task.beginning is not None and task.beginning.text:
                self._hand_on(live, [Added(0, "text", task.beginning.text)])
            conversation = _patiently(
                live, partial(self._store.load_conversation, live.conversation_id)
            )
            self._send(answer, conversation, task)
            answer.reply.close()
        except Cancelled:
            answer.reply.close(was_stopped=True)
        except AugenblickError as error:
            answer.reply.close(failure=error.failure)
        except Exception as error:  # noqa: BLE001 - a worker dying silently would leave a spinner for ever
            answer.reply.close(failure=Failure("unexpected", {}, type(error).__name__))
        self._finish(answer, task)
        return answer.recorder

    def give_up(self, live: LiveReply, task: Task, failure: Failure) -> None:
        """End an answer that could not begin."""
        answer = _Answer.of(live, task)
        answer.reply.close(failure=failure)
        self._finish(answer, task)

    def keep_trace(self, reply_id: str, recorder: Recorder) -> None:
        """Keep what went over the wire, once the answer has ended and nobody waits for this."""
        if recorder.is_empty:
            return
        with contextlib.suppress(StoreError):  # the answer is there; its X-ray is missing
            self._store.save_trace(reply_id, recorder.pack())

    def _send(self, answer: _Answer, conversation: Conversation, task: Task) -> None:
        provider, settings = task.provider, task.settings
        path = conversation.path(task.opened.question_id)
        messages = tuple(as_wire_messages(path, conversation.pictures))
        if answer.beginning is not None:
            messages += answer.beginning.messages
            self._take_over(answer.live, answer.beginning.resumed)
            if answer.beginning.resumed != _NOTHING_CALLED:
                settings = unforced(settings)
            if answer.beginning.instruction:  # with the form it would begin another object
                settings = replace(settings, response_format=None)
        answer.messages = messages
        settings = with_json_named(messages, settings)
        lessons = dict(
            _patiently(
                answer.live, partial(self._store.load_lessons, provider.name, settings.model)
            )
        )
        request, adjustments = apply_lessons(
            Request(messages, settings),
            lessons,
            shrink=self._fitting.shrink,
            to_jpeg=self._fitting.to_jpeg,
        )
        answer.adjustments.extend(adjustments)
        if answer.calling.open is not None:  # the calls of an earlier answer, with their results
            request = self._with_round(answer, request, lessons)
        while True:
            request = self._send_fit(answer, request, lessons, task)
            if not self._takes_calls(answer):
                return
            request = self._with_round(answer, request, lessons)
            if answer.calling.is_waiting:
                return

    def _take_over(self, live: LiveReply, resumed: Resumed) -> None:
        """Have what earlier calls returned belong to this reply too."""
        for part in resumed.pictures:
            add = partial(self._store.add_reply_picture, live.reply_id, part, None)
            _patiently(live, add)

    def _send_fit(
        self, answer: _Answer, request: Request, lessons: dict[str, str], task: Task
    ) -> Request:
        """Send a request, changed until it is taken; returns what was taken."""
        provider, settings = task.provider, task.settings
        applied: list[str] = []
        while True:
            try:
                self._stream_all(answer, request, provider)
            except ProviderError as error:
                remedy = self._remedy(answer, error, request, lessons, applied)
                if remedy is None:
                    raise
                request = remedy.request
                applied.append(remedy.kind)
                answer.adjustments.append(remedy.adjustment)
                lessons |= remedy.lessons
                self._learn(remedy, provider, settings)
            else:
                self._ask_for_missing(answer, request, task)
                return request

    def _takes_calls(self, answer: _Answer) -> bool:
        """Whether a reply that has ended called something that is run here."""
        calling = answer.calling
        is_one = calling.settings.choice_count == 1  # of several answers a person picks one first
        if answer.reply.close() is not ReplyEnd.TOOL_CALLS or not is_one:
            return False
        said = answer.reply.choices[0]
        if self._toolbox is None or not (said.tool_calls and calling.settings.tools):
            return False
        if calling.is_at_limit:
            answer.adjustments.append(Adjustment("rounds_used_up", {"limit": MAX_ROUNDS}))
            return False
        calling.open = replace(said, tool_calls=with_ids(said.tool_calls, calling.rounds))
        answer.begin_round()
        return True

    def _with_round(self, answer: _Answer, request: Request, lessons: Mapping[str, str]) -> Request:
        """Run what was called; returns the next request: the one before, calls and results.

        The request stays as it is where calls wait for the person, who then has the word.
        """
        done = self._run_calls(answer, request.messages)
        if done is None:
            return request
        more = tuple(round_messages(done))
        answer.messages += more
        if done.text:  # in the store the texts of all rounds stand in one until the end
            self._log.append([ReplyDelta(answer.live.reply_id, 0, "text", "\n\n")])
        grown = Request((*request.messages, *more), unforced(request.settings))
        fit, changes = apply_lessons(
            grown, lessons, shrink=self._fitting.shrink, to_jpeg=self._fitting.to_jpeg
        )
        answer.adjustments.extend(each for each in changes if each not in answer.adjustments)
        return fit

    def _run_calls(self, answer: _Answer, sent: Sequence[Message]) -> ToolRound | None:
        """Answer what is open; None where calls wait for the person. Raises Cancelled."""
        live, said = answer.live, answer.calling.open
        if said is None:
            return None

        def keep_picture(part: ImagePart, picture: PreparedPicture) -> None:
            _patiently(live, partial(self._store.add_reply_picture, live.reply_id, part, picture))

        def keep_rounds(rounds: Sequence[ToolRound]) -> None:
            with contextlib.suppress(StoreUnavailable):  # the end brings them in any case
                self._store.keep_rounds(live.reply_id, rounds)

        seen, keep = answer.pictures_seen(sent), Keep(keep_picture, keep_rounds)
        return answer.calling.run(said, self._toolbox, seen, keep=keep)

    def _remedy(
        self,
        answer: _Answer,
        error: ProviderError,
        request: Request,
        lessons: Mapping[str, str],
        applied: Sequence[str],
    ) -> Remedy | None:
        if answer.has_text or len(applied) == _MOST_REMEDIES:
            return None
        return remedy_for(
            error,
            request,
            lessons,
            applied=applied,
            shrink=self._fitting.shrink,
            to_jpeg=self._fitting.to_jpeg,
        )

    def _learn(self, remedy: Remedy, provider: Provider, settings: RequestSettings) -> None:
        with contextlib.suppress(StoreError):  # then it is learnt again the next time
            for name, value in remedy.lessons.items():
                self._store.save_lesson(provider.name, settings.model, name, value)

    def _stream_all(self, answer: _Answer, request: Request, provider: Provider) -> None:
        """Send as often as there are answers wanted from an endpoint that gives one at a time."""
        if request.times == 1 and isinstance(answer.reply, Reply):
            self._stream(answer, answer.reply, request, provider)
            return
        answer.reply = together = SideBySide(request.times)
        together.run(lambda part: self._stream(answer, part, request, provider))

    def _ask_for_missing(self, answer: _Answer, request: Request, task: Task) -> None:
        """Ask for the answers that an endpoint was asked for and did not give."""
        begun = answer.reply
        if isinstance(begun, SideBySide):
            return
        remedy = ask_for_missing(request, len(begun.missing))
        if remedy is None:
            return
        answer.adjustments.append(remedy.adjustment)
        self._learn(remedy, task.provider, task.settings)
        answer.reply = together = SideBySide(remedy.request.times, begun=begun)
        together.run(lambda part: self._stream(answer, part, remedy.request, task.provider))

    def _stream(self, answer: _Answer, reply: Reply, request: Request, provider: Provider) -> None:
        live = answer.live
        data_uri = answer.recorder.knowing(self._fitting.data_uri)
        build = partial(build_payload, request.messages, request.settings, data_uri=data_uri)
        intake = Intake(
            partial(self._hand_on, live),
            rest=live.rest,
            live_count=lambda: round(live.patience() * self._live_count()),
        )
        with (
            self._client_of(provider).stream(  # the payload has no name: it goes once it is sent
                _patiently(live, build),
                cancellation=live.cancellation,
                on_wait=live.show_wait,
                on_read=intake.pause,
                recorder=answer.recorder,
            ) as stream,
            intake,  # left first: the last text does not wait for what comes after `[DONE]`
        ):
            if stream.headers_seconds is not None:
                reply.note_headers(at_seconds=stream.headers_seconds)
            for chunk in stream:
                intake.add(reply.fold(chunk, at_seconds=time.monotonic() - answer.started))
                if reply is answer.reply:  # several answers call nothing that is run here
                    answer.show_calls(chunk)

    def _hand_on(self, live: LiveReply, added: Sequence[Added]) -> None:
        deltas = [
            ReplyDelta(live.reply_id, piece.choice_index, piece.lane, piece.text) for piece in added
        ]
        with live.in_order:  # several requests may write; a mark stands for all that came before
            mark = live.hold(added)
            if not deltas:
                return
            self._log.append(
                deltas,
                lambda: live.release(mark, is_durable=True),
                is_awaited=live.is_awaited,
                is_unwanted=lambda: live.cancellation.is_cancelled,
            )
        if self._log.state.is_troubled:
            live.release(mark, is_durable=False)

    def _finish(self, answer: _Answer, task: Task) -> None:
        live = answer.live
        record = answer.record(task.provider, task.settings)
        if self._is_closing() and record.end is ReplyEnd.STOPPED:
            record = replace(record, end=ReplyEnd.INTERRUPTED)
        live.hold_end(record)
        with contextlib.suppress(StoreUnavailable):  # the log is closed; the next start ends it
            self._log.finish(live.reply_id, record, partial(self._on_end, live))
        if self._log.state.is_troubled:
            live.release_all(is_durable=False)


def _patiently(live: LiveReply, read: Callable[[], T]) -> T:
    """Read from the store, waiting out a fault that passes, for the question is accepted already.

    Raises QuestionNotSent when it lasts, Cancelled when the reply is stopped meanwhile.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return read()
        except StoreUnavailable as error:
            if time.monotonic() > deadline:
                raise QuestionNotSent(error.detail) from None
            if live.cancellation.wait(_TRY_AGAIN_SECONDS):
                raise Cancelled from None


@dataclass(frozen=True, slots=True)
class Beginning:
    """An earlier answer to go on from: what it had called, and its text, to be written on.

    Without an `instruction` its calls have got their results and nothing else is asked.
    """

    text: str
    instruction: str
    resumed: Resumed = _NOTHING_CALLED

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


@dataclass(frozen=True, slots=True)
class Task:
    """What one worker is to do."""

    opened: OpenedReply
    provider: Provider
    settings: RequestSettings
    beginning: Beginning | None = None


@dataclass(slots=True)
class _Answer:
    """What one worker has in hand. `reply` is that of the present request, `before` of the first.

    `messages` are those of the conversation and of the rounds as they were before any remedy.
    """

    live: LiveReply
    reply: Reply | SideBySide
    started: float
    adjustments: list[Adjustment]
    calling: Calling
    beginning: Beginning | None = None
    recorder: Recorder = field(default_factory=Recorder)
    messages: tuple[Message, ...] = ()
    before: Reply | SideBySide | None = None

    @classmethod
    def of(cls, live: LiveReply, task: Task) -> Self:
        calling = Calling(live, task.settings)
        if task.beginning is not None:
            calling.prefix = task.beginning.text
            calling.resume(task.beginning.resumed)
        reply = Reply(n=task.settings.choice_count)
        return cls(live, reply, time.monotonic(), [], calling, task.beginning)

    @property
    def has_text(self) -> bool:
        """Whether anything has come that sending once more would double."""
        said = self.reply.choices
        return any(choice.text or choice.reasoning or choice.tool_calls for choice in said)

    def show_calls(self, chunk: Chunk) -> None:
        """Tell followers of calls that a chunk has brought."""
        if any(delta.tool_calls for delta in chunk.choices):
            first = self.reply.choices[:1]
            self.calling.show_streaming(lambda: first[0].tool_calls if first else ())

    def begin_round(self) -> None:
        """The reply has ended with calls; another request follows."""
        self.calling.usage = summed(self.calling.usage, self.reply.usage)
        self.before = self.before or self.reply
        self.reply = Reply()

    def pictures_seen(self, sent: Sequence[Message]) -> list[ImagePart]:
        """The pictures of a request as they are stored; remedies drop none but the oldest."""
        every = pictures_in(self.messages)
        return every[len(every) - len(pictures_in(sent)) :]

    def record(self, provider: Provider, settings: RequestSettings) -> ReplyRecord:
        reply, first = self.reply, self.before or self.reply
        timings = replace(first.timings, total_seconds=time.monotonic() - self.started)
        return ReplyRecord(
            provider=provider.name,
            model=settings.model,
            end=ReplyEnd.TOOL_CALLS if self.calling.is_waiting else reply.end,
            choices=self._choices(),
            usage=summed(self.calling.usage, reply.usage),
            timings=timings,
            failure=reply.failure,
            adjustments=(*self.adjustments, *self._failed()),
            answered_model=reply.model or first.model,
            system_fingerprint=reply.system_fingerprint or first.system_fingerprint,
            picked_choice=self._first_said() if settings.choice_count > 1 else 0,
            rounds=self.calling.kept_rounds(),
            settings=settings,
        )

    def _failed(self) -> tuple[Adjustment, ...]:
        return self.reply.failed if isinstance(self.reply, SideBySide) else ()

    def _first_said(self) -> int:
        """The first of several answers that says something."""
        return next((at for at, choice in enumerate(self.reply.choices) if choice.text), 0)

    def _choices(self) -> tuple[ChoiceText, ...]:
        choices = self.reply.choices if self.calling.open is None else (self.calling.open,)
        if self.calling.prefix:
            first, *others = choices or (ChoiceText(),)
            choices = (replace(first, text=self.calling.prefix + first.text), *others)
        rounds = self.calling.rounds
        return tuple(
            replace(choice, tool_calls=with_ids(choice.tool_calls, rounds))
            if choice.tool_calls and self.calling.open is None
            else choice
            for choice in choices
        )
