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

from augenblick.calling import (
    Resumed,
    resumed_from,
)
from augenblick.client import ChatClient
from augenblick.conversations import (
    Node,
    ReplyRecord,
)
from augenblick.errors import (
    ConversationNotFound,
    Failure,
    StoreError,
)
from augenblick.following import LiveReply, StoredReply
from augenblick.images import prepare_image
from augenblick.messages import (
    Attachment,
    ImagePart,
    Message,
    Role,
    TextPart,
)
from augenblick.payload import DataUris, build_payload
from augenblick.providers import ApiKey, Provider, repair_base_url
from augenblick.queueing import Limits, ReplyQueue
from augenblick.remedies import (
    Shrink,
    ToJpeg,
)
from augenblick.reply_log import LogState, ReplyLog
from augenblick.settings import RequestSettings, refuse_invalid
from augenblick.store import ConversationStore, NewQuestion, OpenedReply
from augenblick.tools import Toolbox
from augenblick.writing import Beginning, Fitting, Task, Writer

_LOOK_SECONDS = 0.5  # how often this process looks whether another was told to stop its replies
_MOMENT_SECONDS = 0.001


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
        self._lock = threading.Lock()
        self._live: dict[str, LiveReply] = {}
        self._clients: dict[str, tuple[str, ChatClient]] = {}  # by name, with the address
        self._workers: set[threading.Thread] = set()
        self._queue = ReplyQueue(limits or Limits())
        self._closing = threading.Event()
        self._writer = Writer(
            store=store,
            log=log,
            client_of=self._client,
            fitting=Fitting(data_uri, shrink, to_jpeg),
            toolbox=toolbox,
            is_closing=self._closing.is_set,
            live_count=lambda: self.live_count,
            on_end=self._end,
        )
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
        person = question.owner or question.conversation_id or ""
        with self._queue.room_for(person, question.submission_id):
            opened = self._store.save_question(question)
            self._start(opened, question.owner, Task(opened, provider, settings))
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
        beginning: Beginning | None = None,
    ) -> OpenedReply:
        refuse_invalid(settings)
        with self._queue.room_for(place.owner or place.conversation_id, place.submission_id):
            opened = self._store.open_reply(
                owner=place.owner,
                submission_id=place.submission_id,
                conversation_id=place.conversation_id,
                question_id=place.question_id,
                provider=provider.name,
                model=settings.model,
            )
            self._start(opened, place.owner, Task(opened, provider, settings, beginning))
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
        beginning = Beginning(record.picked.text, instruction, Resumed(record.rounds))
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
        beginning = Beginning("", "", resumed_from(record, results))
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

    @property
    def live_count(self) -> int:
        """How many replies of this process are live."""
        return len(self._live)

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
            if worker.ident is None:  # about to be started
                time.sleep(_MOMENT_SECONDS)
            else:
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

    def _start(self, opened: OpenedReply, owner: str, task: Task) -> None:
        """Have the worker of a new reply begin when it is its turn."""
        if not opened.is_new:
            return
        person = owner or opened.conversation_id  # a browser without our cookie is nobody we know
        live = LiveReply(
            opened,
            on_stop=partial(self._queue.hurry, opened.reply_id),
            on_wanted=self._log.hurry,
            patience=partial(self._queue.patience, person),
            choice_count=task.settings.choice_count,
            is_form=bool(task.settings.response_format),
        )
        with self._lock:
            self._live[opened.reply_id] = live
        begin = partial(self._begin, live, task)
        self._queue.enter(opened.reply_id, person, begin=begin, show=live.show_turn)
        if self._closing.is_set() or live.cancellation.is_cancelled:
            live.stop()  # it may have been stopped before it had entered the queue

    def _begin(self, live: LiveReply, task: Task) -> bool:
        """Start the worker of a reply; False where the system has no thread left for us."""
        worker = threading.Thread(
            target=self._work, args=(live, task), name=f"reply-{live.reply_id[:8]}", daemon=True
        )
        live.show_turn(None)
        with self._lock:
            self._workers.add(worker)
        try:
            worker.start()  # waits for the thread, so nobody may have to wait for us
        except RuntimeError as error:
            with self._lock:
                self._workers.discard(worker)
            failure = Failure("unexpected", {}, type(error).__name__)
            self._writer.give_up(live, task, failure)
            return False
        return True

    def _work(self, live: LiveReply, task: Task) -> None:
        recorder = self._writer.write(live, task)
        self._queue.leave(live.reply_id)
        self._writer.keep_trace(live.reply_id, recorder)
        with self._lock:
            self._workers.discard(threading.current_thread())

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
