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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from augenblick.client import ChatClient
from augenblick.conversations import Conversation, ReplyRecord, as_wire_messages
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
from augenblick.messages import (
    Adjustment,
    Attachment,
    ChoiceText,
    ImagePart,
    Message,
    ReplyEnd,
    Role,
    TextPart,
)
from augenblick.payload import DataUris, build_payload
from augenblick.providers import ApiKey, Provider, repair_base_url
from augenblick.queueing import Limits, ReplyQueue
from augenblick.remedies import Remedy, Request, Shrink, ToJpeg, apply_lessons, remedy_for
from augenblick.reply import Added, Reply
from augenblick.reply_log import LogState, ReplyLog
from augenblick.settings import RequestSettings
from augenblick.store import ConversationStore, NewQuestion, OpenedReply, ReplyDelta

_MOST_REMEDIES = 3
_PATIENCE_SECONDS = 30.0  # a database server restarts in less
_TRY_AGAIN_SECONDS = 0.25
_LOOK_SECONDS = 0.5  # how often this process looks whether another was told to stop its replies
T = TypeVar("T")


class Answering:
    """Asks, follows, stops. One per process.

    `open_client` makes the client of a provider (one is kept for each); `data_uri`, `shrink` and
    `to_jpeg` give the pictures of a request. `limits` say how many replies are written at once.
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
    ) -> None:
        self._store = store
        self._log = log
        self._open_client = open_client
        self._data_uri = data_uri
        self._shrink = shrink
        self._to_jpeg = to_jpeg
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

        Raises as `ConversationStore.save_question`, and TooManyAsked; then nothing was sent.
        """
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

        Raises as `ConversationStore.open_reply`, and TooManyAsked.
        """
        with self._queue.room_for(owner or conversation_id):
            opened = self._store.open_reply(
                owner=owner,
                submission_id=submission_id,
                conversation_id=conversation_id,
                question_id=question_id,
                provider=provider.name,
                model=settings.model,
            )
            self._start(opened, owner, _Task(opened, provider, settings))
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
        conversation = self._store.load_conversation(conversation_id, owner=owner)
        node = next((node for node in conversation.nodes if node.id == answer_id), None)
        if node is None or node.reply is None or node.parent_id is None:
            raise ConversationNotFound
        beginning = _Beginning(node.reply.picked.text, instruction)
        with self._queue.room_for(owner or conversation_id):
            opened = self._store.open_reply(
                owner=owner,
                submission_id=submission_id,
                conversation_id=conversation_id,
                question_id=node.parent_id,
                provider=provider.name,
                model=settings.model,
            )
            self._start(opened, owner, _Task(opened, provider, settings, beginning))
        return opened

    def find(self, conversation_id: str, reply_id: str, *, owner: str) -> LiveReply | StoredReply:
        """Return what to follow and stop an open reply with, whoever is writing it."""
        with self._lock:
            live = self._live.get(reply_id)
        return live or StoredReply(
            self._store, conversation_id=conversation_id, reply_id=reply_id, owner=owner
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
        live = LiveReply(opened, on_stop=partial(self._queue.hurry, opened.reply_id))
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
            answer = _Answer(live, Reply(), time.monotonic(), [], task.beginning)
            answer.reply.close(failure=Failure("unexpected", {}, type(error).__name__))
            self._finish(answer, task)
            return False
        return True

    def _work(self, live: LiveReply, task: _Task) -> None:
        reply = Reply(n=task.settings.n or 1)
        answer = _Answer(live, reply, time.monotonic(), [], task.beginning)
        try:
            if live.cancellation.is_cancelled or self._closing.is_set():
                raise Cancelled  # noqa: TRY301 - ends like every other stop
            if task.beginning is not None:
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
        with self._lock:
            self._workers.discard(threading.current_thread())

    def _send(self, answer: _Answer, conversation: Conversation, task: _Task) -> None:
        provider, settings = task.provider, task.settings
        path = conversation.path(task.opened.question_id)
        messages = tuple(as_wire_messages(path, conversation.pictures))
        if answer.beginning is not None:
            messages += answer.beginning.messages
        lessons = dict(
            _patiently(
                answer.live, partial(self._store.load_lessons, provider.name, settings.model)
            )
        )
        request, adjustments = apply_lessons(
            Request(messages, settings), lessons, shrink=self._shrink, to_jpeg=self._to_jpeg
        )
        answer.adjustments.extend(adjustments)
        applied: list[str] = []
        while True:
            try:
                self._stream(answer, request, provider)
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
                return

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

    def _stream(self, answer: _Answer, request: Request, provider: Provider) -> None:
        live = answer.live
        build = partial(build_payload, request.messages, request.settings, data_uri=self._data_uri)
        with self._client(provider).stream(  # the payload has no name: it goes once it is sent
            _patiently(live, build), cancellation=live.cancellation, on_wait=live.show_wait
        ) as stream:
            if stream.headers_seconds is not None:
                answer.reply.note_headers(at_seconds=stream.headers_seconds)
            for chunk in stream:
                added = answer.reply.fold(chunk, at_seconds=time.monotonic() - answer.started)
                if added:
                    self._write(live, added)

    def _write(self, live: LiveReply, added: Sequence[Added]) -> None:
        mark = live.hold(added)
        deltas = [
            ReplyDelta(live.reply_id, piece.choice_index, piece.lane, piece.text) for piece in added
        ]
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
class _Beginning:
    """The text of an earlier answer that is to be written on."""

    text: str
    instruction: str

    @property
    def messages(self) -> tuple[Message, ...]:
        return (
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
    """What one worker has in hand."""

    live: LiveReply
    reply: Reply
    started: float
    adjustments: list[Adjustment]
    beginning: _Beginning | None = None

    @property
    def has_text(self) -> bool:
        return any(choice.text or choice.reasoning for choice in self.reply.choices)

    def record(self, provider: Provider, settings: RequestSettings) -> ReplyRecord:
        reply = self.reply
        timings = replace(reply.timings, total_seconds=time.monotonic() - self.started)
        return ReplyRecord(
            provider=provider.name,
            model=settings.model,
            end=reply.end,
            choices=self._choices(),
            usage=reply.usage,
            timings=timings,
            failure=reply.failure,
            adjustments=tuple(self.adjustments),
            answered_model=reply.model,
            system_fingerprint=reply.system_fingerprint,
            settings=settings,
        )

    def _choices(self) -> tuple[ChoiceText, ...]:
        if self.beginning is None:
            return self.reply.choices
        first, *others = self.reply.choices or (ChoiceText(),)
        return (replace(first, text=self.beginning.text + first.text), *others)
