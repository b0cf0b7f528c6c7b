"""The use case: a question is saved, sent and answered, outside of any page.

`Answering.ask` writes question and pictures; as soon as it is the question's turn (`queueing`) a
worker thread posts the request and folds what comes into the reply log. A page is only a reader:
`LiveReply.follow` hands out what has been written, from any position, to any number of followers.
Nothing ends a reply but the endpoint, an error, `stop`, or the server going down.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from augenblick.calling import (
    MAX_ROUNDS,
    Calling,
    Keep,
    Resumed,
    pictures_in,
    resumed_from,
    summed,
    unforced,
    with_ids,
)
from augenblick.chunks import Chunk
from augenblick.client import ChatClient
from augenblick.conversations import (
    Conversation,
    Node,
    ReplyRecord,
    as_wire_messages,
    round_messages,
)
from augenblick.errors import (
    AugenblickError,
    Cancelled,
    ConversationNotFound,
    Failure,
    ProviderError,
    QuestionNotSent,
    StoreError,
    StoreUnavailable,
)
from augenblick.following import LiveReply, StoredReply
from augenblick.images import prepare_image
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
from augenblick.payload import DataUris, build_payload
from augenblick.providers import ApiKey, Provider, repair_base_url
from augenblick.queueing import Limits, ReplyQueue
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
from augenblick.reply_log import LogState, ReplyLog
from augenblick.settings import RequestSettings, refuse_invalid
from augenblick.side_by_side import SideBySide
from augenblick.store import ConversationStore, NewQuestion, OpenedReply, ReplyDelta
from augenblick.structured.prompting import with_json_named
from augenblick.tools import Toolbox
from augenblick.trace import Recorder

_MOST_REMEDIES = 3
_PATIENCE_SECONDS = 30.0  # a database server restarts in less
_TRY_AGAIN_SECONDS = 0.25
_LOOK_SECONDS = 0.5  # how often this process looks whether another was told to stop its replies
_NOTHING_CALLED = Resumed()
T = TypeVar("T")


class Answering:
    """Asks, follows, stops. One per process.

    `open_client` makes the client of a provider (one is kept for each); `data_uri`, `shrink` and
    `to_jpeg` give the pictures of a request. `limits` say how many replies are written at once.
    `toolbox` runs the built-in tools; without it every call waits for the person.
    """

    def __init__(
        self,
        *,
        store: ConversationStore,
        log: ReplyLog,
        open_client: Callable[[Provider], ChatClient],
        data_uri: Callable[[Attachment], str],
        shrink: Shrink,
        to_jpeg: ToJpeg,
        limits: Limits | None = None,
        toolbox: Toolbox | None = None,
    ) -> None:
        self._store = store
        self._log = log
        self._open_client = open_client
        self._data_uri = data_uri
        self._shrink = shrink
        self._to_jpeg = to_jpeg
        self._toolbox = toolbox
        self._lock = threading.Lock()
        self._live: dict[str, LiveReply] = {}
        self._clients: dict[str, tuple[str, ChatClient]] = {}  # by name, with the address
        self._workers: set[threading.Thread] = set()
        self._queue = ReplyQueue(limits or Limits())
        self._closing = threading.Event()
        self._listener = threading.Thread(target=self._heed_stops, name="stops", daemon=True)
        self._listener.start()

    def ask(
        self, question: NewQuestion, *, provider: Provider, settings: RequestSettings
    ) -> OpenedReply:
        """Save a question and start its answer; the same submission twice starts one.

        Raises SettingsInvalid, TooManyAsked, and as `ConversationStore.save_question`; then nothing
        was sent.
        """
        refuse_invalid(settings)
        with self._queue.room_for(question.owner or question.conversation_id or ""):
            opened = self._store.save_question(question)
            self._start(opened, question.owner, _Task(opened, provider, settings))
        return opened

    def ask_again(
        self,
        conversation_id: str,
        question_id: str,
        *,
        owner: str,
        submission_id: str,
        provider: Provider,
        settings: RequestSettings,
    ) -> OpenedReply:
        """Start another answer to a saved question.

        Raises SettingsInvalid, TooManyAsked, and as `ConversationStore.open_reply`.
        """
        return self._answer_again(
            _Place(conversation_id, question_id, owner, submission_id), provider, settings
        )

    def _answer_again(
        self,
        place: _Place,
        provider: Provider,
        settings: RequestSettings,
        beginning: _Beginning | None = None,
    ) -> OpenedReply:
        refuse_invalid(settings)
        with self._queue.room_for(place.owner or place.conversation_id):
            opened = self._store.open_reply(
                owner=place.owner,
                submission_id=place.submission_id,
                conversation_id=place.conversation_id,
                question_id=place.question_id,
                provider=provider.name,
                model=settings.model,
            )
            self._start(opened, place.owner, _Task(opened, provider, settings, beginning))
        return opened

    def continue_answer(
        self,
        conversation_id: str,
        answer_id: str,
        *,
        owner: str,
        submission_id: str,
        provider: Provider,
        settings: RequestSettings,
        instruction: str,
    ) -> OpenedReply:
        """Have an answer that ended too early written on, as a new answer that begins with it.

        Endpoints don't agree on how an unfinished answer is taken up again, so it is sent as said
        and `instruction`, in the person's language, asks for the rest. Raises as `ask_again`.
        """
        node, record = self._find_answer(conversation_id, answer_id, owner)
        beginning = _Beginning(record.picked.text, instruction, Resumed(record.rounds))
        settings = settings.for_one_answer()  # what is written on is one
        if record.settings is not None:  # it stays the form that it was begun as
            settings = replace(settings, response_format=record.settings.response_format)
        place = _Place(conversation_id, node.parent_id or "", owner, submission_id)
        return self._answer_again(place, provider, settings, beginning)

    def send_results(
        self,
        conversation_id: str,
        answer_id: str,
        *,
        owner: str,
        submission_id: str,
        provider: Provider,
        settings: RequestSettings,
        results: Mapping[str, str],
    ) -> OpenedReply:
        """Give the calls that an answer ended with their results, by id, and have it go on.

        It goes on as a new answer that begins with all that was called. Built-in tools among the
        calls are run; a call without a result gets an empty one. Raises as `ask_again`.
        """
        node, record = self._find_answer(conversation_id, answer_id, owner)
        place = _Place(conversation_id, node.parent_id or "", owner, submission_id)
        beginning = _Beginning("", "", resumed_from(record, results))
        return self._answer_again(place, provider, settings, beginning)

    def _find_answer(
        self, conversation_id: str, answer_id: str, owner: str
    ) -> tuple[Node, ReplyRecord]:
        """An answer and its record. Raises ConversationNotFound."""
        conversation = self._store.load_conversation(conversation_id, owner=owner)
        node = next((node for node in conversation.nodes if node.id == answer_id), None)
        if node is None or node.reply is None or node.parent_id is None:
            raise ConversationNotFound
        return node, node.reply

    def find(
        self, conversation_id: str, reply_id: str, *, owner: str, choice_count: int = 1
    ) -> LiveReply | StoredReply:
        """Return what to follow and stop an open reply with, whoever is writing it.

        `choice_count` is how many choices it is known to have so far.
        """
        with self._lock:
            live = self._live.get(reply_id)
        return live or StoredReply(
            self._store,
            conversation_id=conversation_id,
            reply_id=reply_id,
            owner=owner,
            choice_count=choice_count,
        )

    def list_models(self, provider: Provider) -> tuple[str, ...]:
        """Ask an endpoint for its models. Raises ProviderError."""
        return self._client(provider).list_models()

    def show_unwritten(self, state: LogState) -> None:
        """Show what came although it can't be written at the moment; for the log to call."""
        if not state.is_troubled:
            return
        with self._lock:
            replies = list(self._live.values())
        for live in replies:
            live.release_all(is_durable=False)

    def close(self, *, timeout_seconds: float = 3.0) -> None:
        """End all replies as interrupted, keeping their text, and close the clients."""
        self._closing.set()
        with self._lock:
            replies = list(self._live.values())
            clients = [client for _, client in self._clients.values()]
        for live in replies:
            live.stop()
        deadline = time.monotonic() + timeout_seconds
        while (worker := self._any_worker()) and (left := deadline - time.monotonic()) > 0:
            worker.join(left)
        self._listener.join(max(0.0, deadline - time.monotonic()))
        for client in clients:
            client.close()

    def _any_worker(self) -> threading.Thread | None:
        with self._lock:
            return next(iter(self._workers), None)

    def _heed_stops(self) -> None:
        """Stop what another process was asked to stop here."""
        while not self._closing.wait(_LOOK_SECONDS):
            with self._lock:
                replies = dict(self._live)
            if not replies:
                continue
            with contextlib.suppress(StoreError):  # looked for again in a moment
                for reply_id in self._store.stop_requests(list(replies)):
                    replies[reply_id].stop()

    def _start(self, opened: OpenedReply, owner: str, task: _Task) -> None:
        """Have the worker of a new reply begin when it is its turn."""
        if not opened.is_new:
            return
        live = LiveReply(
            opened,
            on_stop=partial(self._queue.hurry, opened.reply_id),
            on_wanted=self._log.hurry,
            choice_count=task.settings.choice_count,
            is_form=bool(task.settings.response_format),
        )
        with self._lock:
            self._live[opened.reply_id] = live
        person = owner or opened.conversation_id  # a browser without our cookie is nobody we know
        begin = partial(self._begin, live, task)
        self._queue.enter(opened.reply_id, person, begin=begin, show=live.show_turn)
        if self._closing.is_set() or live.cancellation.is_cancelled:
            live.stop()  # it may have been stopped before it had entered the queue

    def _begin(self, live: LiveReply, task: _Task) -> bool:
        """Start the worker of a reply; False where the system has no thread left for us."""
        worker = threading.Thread(
            target=self._work, args=(live, task), name=f"reply-{live.reply_id[:8]}", daemon=True
        )
        live.show_turn(None)
        try:
            with self._lock:
                worker.start()
                self._workers.add(worker)
        except RuntimeError as error:
            answer = _Answer.of(live, task)
            answer.reply.close(failure=Failure("unexpected", {}, type(error).__name__))
            self._finish(answer, task)
            return False
        return True

    def _work(self, live: LiveReply, task: _Task) -> None:
        answer = _Answer.of(live, task)
        try:
            if live.cancellation.is_cancelled or self._closing.is_set():
                raise Cancelled  # noqa: TRY301 - ends like every other stop
            if task.beginning is not None and task.beginning.text:
                self._write(live, [Added(0, "text", task.beginning.text)])
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
        self._queue.leave(live.reply_id)
        self._keep_trace(answer)
        with self._lock:
            self._workers.discard(threading.current_thread())

    def _send(self, answer: _Answer, conversation: Conversation, task: _Task) -> None:
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
            Request(messages, settings), lessons, shrink=self._shrink, to_jpeg=self._to_jpeg
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
        self, answer: _Answer, request: Request, lessons: dict[str, str], task: _Task
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
        fit, changes = apply_lessons(grown, lessons, shrink=self._shrink, to_jpeg=self._to_jpeg)
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
            error, request, lessons, applied=applied, shrink=self._shrink, to_jpeg=self._to_jpeg
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

    def _ask_for_missing(self, answer: _Answer, request: Request, task: _Task) -> None:
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
        data_uri = answer.recorder.knowing(self._data_uri)
        build = partial(build_payload, request.messages, request.settings, data_uri=data_uri)
        intake = Intake(
            partial(self._write, live), rest=live.rest, live_count=lambda: len(self._live)
        )
        with (
            intake,
            self._client(provider).stream(  # the payload has no name: it goes once it is sent
                _patiently(live, build),
                cancellation=live.cancellation,
                on_wait=live.show_wait,
                on_read=intake.pause,
                recorder=answer.recorder,
            ) as stream,
        ):
            if stream.headers_seconds is not None:
                reply.note_headers(at_seconds=stream.headers_seconds)
            for chunk in stream:
                intake.add(reply.fold(chunk, at_seconds=time.monotonic() - answer.started))
                if reply is answer.reply:  # several answers call nothing that is run here
                    answer.show_calls(chunk)

    def _write(self, live: LiveReply, added: Sequence[Added]) -> None:
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
                is_unwanted=lambda: live.cancellation.is_cancelled,
            )
        if self._log.state.is_troubled:
            live.release(mark, is_durable=False)

    def _finish(self, answer: _Answer, task: _Task) -> None:
        live = answer.live
        record = answer.record(task.provider, task.settings)
        if self._closing.is_set() and record.end is ReplyEnd.STOPPED:
            record = replace(record, end=ReplyEnd.INTERRUPTED)
        live.hold_end(record)
        with contextlib.suppress(StoreUnavailable):  # the log is closed; the next start ends it
            self._log.finish(live.reply_id, record, lambda: self._end(live))
        if self._log.state.is_troubled:
            live.release_all(is_durable=False)

    def _keep_trace(self, answer: _Answer) -> None:
        """Keep what went over the wire, once the answer has ended and nobody waits for this."""
        if answer.recorder.is_empty:
            return
        with contextlib.suppress(StoreError):  # the answer is there; its X-ray is missing
            self._store.save_trace(answer.live.reply_id, answer.recorder.pack())

    def _end(self, live: LiveReply) -> None:
        live.release_all(is_durable=True)
        with self._lock:
            self._live.pop(live.reply_id, None)

    def _client(self, provider: Provider) -> ChatClient:
        with self._lock:
            address, client = self._clients.get(provider.name, ("", None))
            if client is None or address != provider.base_url:
                if client is not None:  # the reader is somewhere else after a restart
                    client.close()
                client = self._open_client(provider)
                self._clients[provider.name] = (provider.base_url, client)
            return client


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


def ask_about(
    question: str, pictures: Sequence[str | Path], *, base_url: str, model: str, api_key: str = ""
) -> Iterator[str]:
    """Ask one question about picture files from a script; yields the answer as it comes.

    Nothing is stored. Raises ImageError for a file that is no picture, ProviderError for whatever
    goes wrong at the endpoint.
    """
    address, query = repair_base_url(base_url)
    provider = Provider("script", "script", address, ApiKey(api_key), query=query)
    prepared = [prepare_image(Path(path).read_bytes(), name=str(path)) for path in pictures]
    contents = {picture.attachment.sha256: picture.content for picture in prepared}
    images = (ImagePart(picture.attachment) for picture in prepared)
    payload = build_payload(
        [Message(Role.USER, (*images, TextPart(question)))],
        RequestSettings(model),
        data_uri=DataUris(contents.__getitem__),
    )
    with ChatClient(provider) as client, client.stream(payload) as stream:
        for chunk in stream:
            yield from (delta.text for delta in chunk.choices if delta.text)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where another answer goes, who wants it, and by which submit."""

    conversation_id: str
    question_id: str
    owner: str
    submission_id: str


@dataclass(frozen=True, slots=True)
class _Beginning:
    """An earlier answer to go on from: what it had called, and its text, to be written on.

    Without an `instruction` its calls have got their results and nothing else is asked.
    """

    text: str
    instruction: str
    resumed: Resumed = _NOTHING_CALLED

    @property
    def messages(self) -> tuple[Message, ...]:
        called = tuple(each for done in self.resumed.rounds for each in round_messages(done))
        if not self.instruction:
            return called
        return (
            *called,
            Message(Role.ASSISTANT, (TextPart(self.text),)),
            Message(Role.USER, (TextPart(self.instruction),)),
        )


@dataclass(frozen=True, slots=True)
class _Task:
    """What one worker is to do."""

    opened: OpenedReply
    provider: Provider
    settings: RequestSettings
    beginning: _Beginning | None = None


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
    beginning: _Beginning | None = None
    recorder: Recorder = field(default_factory=Recorder)
    messages: tuple[Message, ...] = ()
    before: Reply | SideBySide | None = None

    @classmethod
    def of(cls, live: LiveReply, task: _Task) -> Self:
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
