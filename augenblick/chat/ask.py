"""The use case: a question is saved, sent and answered, outside of any page.

`Answering.ask` writes question and pictures; as soon as it is the question's turn (`reply_queue`) a
worker thread posts the request, and what comes is saved. A page is only a reader:
`LiveReply.follow` hands out what has been written, from any position, to any number of followers.
Nothing ends a reply but the endpoint, an error, `stop`, or the server going down.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

from augenblick.chat.continuation import FROM_THE_QUESTION, Continuation, with_results, written_on
from augenblick.chat.draft import Task
from augenblick.chat.live import LiveReply, StoredReply
from augenblick.chat.reply_queue import Limits, ReplyQueue
from augenblick.chat.request_changes import Fitting, Shrink, ToJpeg
from augenblick.chat.saver import Saver
from augenblick.chat.worker import Writer
from augenblick.chat.worker_threads import WorkerThreads
from augenblick.core.conversations import ReplyRecord
from augenblick.core.errors import ConversationNotFound, Failure
from augenblick.core.messages import Attachment
from augenblick.core.providers import Provider
from augenblick.core.settings import RequestSettings, refuse_invalid
from augenblick.endpoint.client import ChatClient
from augenblick.lab.tools import Toolbox
from augenblick.pictures.variants import Prepare
from augenblick.store import Store
from augenblick.store.store_values import NewQuestion, OpenedReply


class Answering:
    """Asks, follows, stops. One per process.

    `open_client` makes the client of a provider (one is kept for each); `data_uri`, `shrink` and
    `to_jpeg` give the pictures of a request, `prepare` takes in those of an answer (without it they
    can't be shown). `limits` say how many replies are written at once.
    `toolbox` runs the built-in tools; without it every call waits for the person.
    """

    def __init__(
        self,
        *,
        store: Store,
        saver: Saver,
        open_client: Callable[[Provider], ChatClient],
        data_uri: Callable[[Attachment], str],
        shrink: Shrink,
        to_jpeg: ToJpeg,
        prepare: Prepare | None = None,
        limits: Limits | None = None,
        toolbox: Toolbox | None = None,
    ) -> None:
        self._store = store
        self._saver = saver
        self._open_client = open_client
        self._clients: dict[str, tuple[str, ChatClient]] = {}  # by name, with the address
        self._clients_lock = threading.Lock()
        self._queue = ReplyQueue(limits or Limits())
        self._threads = WorkerThreads(store, saver)
        self._writer = Writer(
            store=store,
            saver=saver,
            client_of=self._client,
            fitting=Fitting(data_uri, shrink, to_jpeg, prepare),
            toolbox=toolbox,
            is_closing=lambda: self._threads.is_closing,
        )

    def ask(
        self, question: NewQuestion, *, provider: Provider, settings: RequestSettings
    ) -> OpenedReply:
        """Save a question and start its answer; the same submission twice starts one.

        Raises SettingsInvalid, NoRoom, and as `Store.save_question`; then nothing
        was sent.
        """
        refuse_invalid(settings)
        person = question.owner or question.conversation_id or ""
        with self._queue.room_for(person, question.submission_id):
            opened = self._store.save_question(question)
            self._start(opened, question.owner, Task(opened, provider, settings))
        return opened

    def _start(self, opened: OpenedReply, owner: str, task: Task) -> None:
        """Have the worker of a new reply begin when it is its turn."""
        if not opened.is_new:
            return
        person = owner or opened.conversation_id  # without a cookie: one person per conversation
        live = LiveReply(
            opened,
            on_stop=partial(self._queue.begin_now, opened.reply_id),
            wake_saver=self._saver.wake,
            is_store_away=self._saver.is_store_away,
            slowdown=partial(self._queue.slowdown, person),
            choice_count=task.settings.choice_count,
            is_form=bool(task.settings.response_format),
        )
        self._saver.watch(live)
        begin = partial(self._begin, live, task)
        self._queue.enter(opened.reply_id, person, begin=begin, show=live.show_turn)
        if self._threads.is_closing or live.cancellation.is_cancelled:
            live.stop()  # it may have been stopped before it had entered the queue

    def _begin(self, live: LiveReply, task: Task) -> bool:
        """Start the worker of a reply; False where the system has no thread left for us."""

        def work() -> None:
            recorder = self._writer.write(live, task)
            self._queue.leave(live.reply_id)
            self._writer.keep_trace(live.reply_id, recorder)

        live.show_turn(None)
        try:
            self._threads.start(work, name=f"reply-{live.reply_id[:8]}")
        except RuntimeError as error:
            self._writer.give_up(live, task, Failure("unexpected", {}, type(error).__name__))
            return False
        return True

    def _client(self, provider: Provider) -> ChatClient:
        with self._clients_lock:
            address, client = self._clients.get(provider.name, ("", None))
            if client is None or address != provider.base_url:
                if client is not None:  # the reader is somewhere else after a restart
                    client.close()
                client = self._open_client(provider)
                self._clients[provider.name] = (provider.base_url, client)
            return client

    def find(
        self, conversation_id: str, reply_id: str, *, owner: str, choice_count: int = 1
    ) -> LiveReply | StoredReply:
        """The open reply, to follow or stop it, whichever process writes it.

        `choice_count` is how many choices it is known to have so far.
        """
        return self._saver.find(reply_id) or StoredReply(
            self._store,
            conversation_id=conversation_id,
            reply_id=reply_id,
            owner=owner,
            choice_count=choice_count,
        )

    @property
    def live_count(self) -> int:
        """How many replies of this process are live."""
        return self._saver.reply_count

    def list_models(self, provider: Provider) -> tuple[str, ...]:
        """Ask an endpoint for its models. Raises ProviderError."""
        return self._client(provider).list_models()

    def ask_again(
        self,
        conversation_id: str,
        question_id: str,
        *,
        owner: str,
        submission_id: str,
        provider: Provider,
        settings: RequestSettings,
        beginning: Continuation = FROM_THE_QUESTION,
    ) -> OpenedReply:
        """Start another answer to a saved question.

        Raises SettingsInvalid, NoRoom, and as `Store.open_reply`.
        """
        refuse_invalid(settings)
        with self._queue.room_for(owner or conversation_id, submission_id):
            opened = self._store.open_reply(
                owner=owner,
                submission_id=submission_id,
                conversation_id=conversation_id,
                question_id=question_id,
                provider=provider.name,
                model=settings.model,
            )
            self._start(opened, owner, Task(opened, provider, settings, beginning))
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
        """Continue an answer that ended too early, as a new answer that begins with its text.

        Endpoints differ in how they continue an assistant message, so it is sent as it is and
        followed by `instruction`, which asks for the rest. Raises as `ask_again`.
        """
        question_id, record = self._find_answer(conversation_id, answer_id, owner)
        beginning, settings = written_on(record, instruction, settings)
        return self.ask_again(
            conversation_id, question_id, owner=owner, submission_id=submission_id,
            provider=provider, settings=settings, beginning=beginning,
        )  # fmt: skip

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
        """Continue an answer that ended with tool calls; `results` are their results by call id.

        The new answer begins with the calls. Built-in tools among them are run; a call without a
        result gets an empty one. Raises as `ask_again`.
        """
        question_id, record = self._find_answer(conversation_id, answer_id, owner)
        return self.ask_again(
            conversation_id, question_id, owner=owner, submission_id=submission_id,
            provider=provider, settings=settings, beginning=with_results(record, results),
        )  # fmt: skip

    def _find_answer(
        self, conversation_id: str, answer_id: str, owner: str
    ) -> tuple[str, ReplyRecord]:
        """The question of an answer, and its record. Raises ConversationNotFound."""
        conversation = self._store.load_conversation(conversation_id, owner=owner)
        for node in conversation.nodes:
            if node.id == answer_id and node.reply is not None and node.parent_id is not None:
                return node.parent_id, node.reply
        raise ConversationNotFound

    def close(self, *, timeout_seconds: float = 3.0) -> None:
        """End all replies as interrupted, keeping their text, and close the clients."""
        with self._clients_lock:
            clients = [client for _, client in self._clients.values()]
        self._threads.close(timeout_seconds)
        for client in clients:
            client.close()
