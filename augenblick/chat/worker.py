"""One answer being written: what the worker thread of a reply does, from its question to its end.

The request is built, sent, changed where it is refused, sent again after calls; what comes is
folded and handed to the saver. When this happens, and for whom, is `ask`'s.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from augenblick.chat.answer_draft import AnswerDraft, Task
from augenblick.chat.answer_pictures import keep_pictures
from augenblick.chat.clients import Clients
from augenblick.chat.continuation import without_forced_tool
from augenblick.chat.fallbacks import Quirks, ask_for_missing
from augenblick.chat.live import LiveReply
from augenblick.chat.request_changes import Request
from augenblick.chat.saver import Saver, outlast_outage
from augenblick.core.conversations import as_wire_messages, round_messages
from augenblick.core.errors import AugenblickError, Cancelled, Failure, StoreError
from augenblick.core.messages import ImagePart, Message
from augenblick.endpoint.payload import build_payload
from augenblick.endpoint.recorder import Recorder
from augenblick.endpoint.reply import Added, Reply
from augenblick.lab.form_prompts import with_json_named
from augenblick.lab.tools import Toolbox
from augenblick.pictures.variants import PictureVariants, Prepare
from augenblick.store import Store


@dataclass(frozen=True, slots=True)
class WorkerServices:
    """What all workers of a process share. `prepare` takes in the pictures of an answer."""

    store: Store
    saver: Saver
    clients: Clients
    variants: PictureVariants
    prepare: Prepare
    toolbox: Toolbox | None
    closing: threading.Event  # set when the server goes down


class Worker:
    """Writes one answer, in the thread that calls `run`."""

    def __init__(self, live: LiveReply, task: Task, services: WorkerServices) -> None:
        self._live = live
        self._task = task
        self._services = services
        self._draft = AnswerDraft(live, task, services.store, services.toolbox)
        self._recorder = Recorder()
        self._messages: tuple[Message, ...] = ()  # as they are stored, before any fallback

    def run(self) -> None:
        """Write the answer to its end; never raises. What went over the wire is stored after it."""
        draft, services = self._draft, self._services
        try:
            if self._live.cancellation.is_cancelled or services.closing.is_set():
                raise Cancelled  # noqa: TRY301 - ends like every other stop
            if (continued := self._task.continuation) is not None and continued.text:
                services.saver.add(self._live, [Added(0, "text", continued.text)])
            self._answer()
            draft.reply.close()
        except Cancelled:
            draft.reply.close(was_stopped=True)
        except AugenblickError as error:
            draft.reply.close(failure=error.failure)
        except Exception as error:  # noqa: BLE001 - a worker dying silently would leave a spinner for ever
            draft.reply.close(failure=Failure("unexpected", {}, type(error).__name__))
        keep_pictures(draft, store=services.store, prepare=services.prepare)
        self._live.end(draft.record(was_interrupted=services.closing.is_set()))
        if not self._recorder.is_empty:
            with contextlib.suppress(StoreError):  # the answer is there; its X-ray is missing
                services.store.save_trace(self._live.reply_id, self._recorder.pack())

    def fail(self, failure: Failure) -> None:
        """End an answer that could not begin."""
        self._draft.reply.close(failure=failure)
        self._live.end(self._draft.record(was_interrupted=False))

    def _answer(self) -> None:
        """Send the question, then the results of what was called, until no more is called."""
        services, provider, model = self._services, self._task.provider, self._task.settings.model
        quirks = outlast_outage(
            self._live.cancellation, Quirks, services.store, provider.name, model, services.variants
        )
        request = self._question(quirks)
        while True:
            if self._draft.loop.open is not None:
                request = self._with_results(request, quirks)
                if self._draft.loop.is_waiting:  # for results from the person
                    return
            request = self._send(request, quirks)
            if not self._draft.begin_round():
                return

    def _question(self, quirks: Quirks) -> Request:
        """The first request: the conversation up to the question, and what an answer continues."""
        live, store, settings = self._live, self._services.store, self._task.settings
        conversation = outlast_outage(
            live.cancellation, store.load_conversation, live.conversation_id
        )
        path = conversation.path(self._task.opened.question_id)
        self._messages = tuple(as_wire_messages(path, conversation.pictures))
        if (continuation := self._task.continuation) is not None:
            self._messages += continuation.messages
            settings = continuation.settings_for(settings)
            for picture in continuation.pictures:  # they belong to this reply too
                outlast_outage(
                    live.cancellation, store.add_reply_picture, live.reply_id, picture, None
                )
        settings = with_json_named(self._messages, settings)
        request, adjustments = quirks.fit(Request(self._messages, settings))
        self._draft.adjustments.extend(adjustments)
        return request

    def _send(self, request: Request, quirks: Quirks) -> Request:
        """Send a request, changed until it is taken; returns what was taken."""
        draft = self._draft
        request = quirks.send(
            request,
            self._attempt,
            adjustments=draft.adjustments,
            may_repeat=lambda: not draft.has_text,
        )
        reply = draft.reply
        if isinstance(reply, Reply) and (more := ask_for_missing(request, len(reply.missing))):
            quirks.learn(more)
            draft.adjustments.append(more.adjustment)
            self._attempt(more.request, first=reply)
        return request

    def _attempt(self, request: Request, first: Reply | None = None) -> None:
        """Send once, or once per answer where the endpoint gives one at a time.

        `first` has some of the answers already.
        """
        draft = self._draft
        if request.times == 1 and isinstance(draft.reply, Reply):
            self._stream(draft.reply, request)
        else:
            parallel = draft.begin_parallel(request.times, first)
            parallel.run(lambda part: self._stream(part, request))

    def _stream(self, reply: Reply, request: Request) -> None:
        """Send one request and fold what comes into a reply."""
        live, draft, services = self._live, self._draft, self._services
        data_uri = services.variants.data_uri
        build = partial(build_payload, request.messages, request.settings, data_uri=data_uri)
        # The payload is held by no name, so that it is freed once sent.
        with services.clients.of(self._task.provider).stream(
            outlast_outage(live.cancellation, build),
            cancellation=live.cancellation,
            on_wait=live.show_wait,
            recorder=self._recorder,
        ) as stream:
            reply.headers_seconds = stream.headers_seconds
            is_only_one = reply is draft.reply  # several answers call nothing that is run here
            for chunk in stream:
                added = reply.fold(chunk, at_seconds=time.monotonic() - draft.started_at)
                if added:
                    services.saver.add(live, added)
                if is_only_one:
                    draft.loop.show_streaming(chunk, reply)

    def _with_results(self, request: Request, quirks: Quirks) -> Request:
        """Run the tool calls; returns the next request, which has the calls and their results."""
        stored = _pictures_in(self._messages)  # of which fallbacks drop none but the oldest
        done = self._draft.loop.run(stored[len(stored) - len(_pictures_in(request.messages)) :])
        if done is None:
            return request
        more = tuple(round_messages(done))
        self._messages += more
        if done.text:  # in the store the texts of all rounds stand in one until the end
            self._live.separate_rounds()
        settings = without_forced_tool(request.settings)
        request, changes = quirks.fit(Request((*request.messages, *more), settings))
        adjustments = self._draft.adjustments
        adjustments.extend(each for each in changes if each not in adjustments)
        return request


def _pictures_in(messages: Sequence[Message]) -> list[ImagePart]:
    """The pictures of messages, oldest first."""
    return [part for message in messages for part in message.parts if isinstance(part, ImagePart)]
