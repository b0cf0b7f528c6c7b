"""The use case: a question is saved, sent and answered, outside of any page.

`Answering.ask` writes question and pictures; as soon as it is the question's turn (`reply_queue`) a
worker thread posts the request, and what comes is saved. A page only follows:
`LiveReply.follow` hands out what has been written, from any position, to any number of followers.
Nothing ends a reply but the endpoint, an error, `stop`, or the server going down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from augenblick.chat.answer_draft import Task
from augenblick.chat.clients import Clients
from augenblick.chat.continuation import Continuation
from augenblick.chat.live import LiveReply, StoredReply
from augenblick.chat.reply_queue import Limits, ReplyQueue
from augenblick.chat.saver import Saver
from augenblick.chat.stop_requests import poll_stop_requests
from augenblick.chat.worker import Worker, WorkerServices
from augenblick.core.errors import Failure
from augenblick.core.providers import Provider
from augenblick.core.settings import RequestSettings, refuse_invalid
from augenblick.endpoint.client import ChatClient
from augenblick.lab.tools import Toolbox
from augenblick.pictures.variants import PictureVariants, Prepare
from augenblick.store import Store
from augenblick.store.store_values import NewQuestion, OpenedReply


class Answering:
    """Asks, and finds open replies to follow or stop. One per process.

    `open_client` makes the client of a provider; `variants` give the pictures of a request,
    `prepare` takes in those of an answer. `limits` say how many replies are written at once.
    `toolbox` runs the built-in tools; without it every call waits for the person.
    """

    def __init__(
        self,
        *,
        store: Store,
        saver: Saver,
        open_client: Callable[[Provider], ChatClient],
        variants: PictureVariants,
        prepare: Prepare,
        limits: Limits | None = None,
        toolbox: Toolbox | None = None,
    ) -> None:
        self.clients = Clients(open_client)
        self._store = store
        self._saver = saver
        self._queue = ReplyQueue(limits or Limits())
        self._closing = threading.Event()
        self._services = WorkerServices(
            store, saver, self.clients, variants, prepare, toolbox, self._closing
        )
        self._poller = threading.Thread(
            target=poll_stop_requests, args=(store, saver, self._closing), name="stops", daemon=True
        )
        self._poller.start()

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

    def ask_again(
        self,
        conversation_id: str,
        question_id: str,
        *,
        owner: str,
        submission_id: str,
        provider: Provider,
        settings: RequestSettings,
        continuation: Continuation | None = None,
    ) -> OpenedReply:
        """Start another answer to a saved question, which may go on from an earlier one.

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
            self._start(opened, owner, Task(opened, provider, settings, continuation))
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
        if self._closing.is_set() or live.cancellation.is_cancelled:
            live.stop()  # it may have been stopped before it had entered the queue

    def _begin(self, live: LiveReply, task: Task) -> bool:
        """Start the worker of a reply; False where the system has no thread left for us."""
        live.show_turn(None)
        worker = Worker(live, task, self._services)

        def work() -> None:
            try:
                worker.run()
            finally:
                self._queue.leave(live.reply_id)

        try:
            threading.Thread(target=work, name=f"reply-{live.reply_id[:8]}", daemon=True).start()
        except RuntimeError as error:
            worker.fail(Failure("unexpected", {}, type(error).__name__))
            return False
        return True

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

    def close(self, *, timeout_seconds: float = 3.0) -> None:
        """End all replies as interrupted, keeping their text, and close the clients.

        Waits up to `timeout_seconds` for their workers.
        """
        deadline = time.monotonic() + timeout_seconds
        self._closing.set()
        for live in self._saver.replies:
            live.stop()
        self._queue.wait_until_empty(timeout_seconds)
        self._poller.join(max(0.0, deadline - time.monotonic()))
        self.clients.close()
