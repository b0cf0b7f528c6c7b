"""One answer being written: what the worker thread of a reply does, from its question to its end.

The request is built, sent, changed where it is refused, sent again after calls; what comes is
folded and handed to the saver. When this happens, and for whom, is `ask`'s.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial

from augenblick.chat.answer_pictures import keep_pictures
from augenblick.chat.continuation import unforced
from augenblick.chat.draft import Draft, Task
from augenblick.chat.fallbacks import ask_for_missing
from augenblick.chat.live import LiveReply
from augenblick.chat.parallel_requests import ParallelRequests
from augenblick.chat.quirks import Quirks
from augenblick.chat.request_changes import Fitting, Request
from augenblick.chat.saver import Saver, outlast_outage
from augenblick.core.conversations import as_wire_messages, round_messages
from augenblick.core.errors import AugenblickError, Cancelled, Failure, ProviderError, StoreError
from augenblick.core.providers import Provider
from augenblick.endpoint.client import ChatClient
from augenblick.endpoint.payload import build_payload
from augenblick.endpoint.recorder import Recorder
from augenblick.endpoint.reply import Added, Reply
from augenblick.lab.form_prompts import with_json_named
from augenblick.lab.tools import Toolbox
from augenblick.store import Store

_MOST_FALLBACKS = 3


class Writer:
    """Writes answers, each in the thread that calls `write`.

    `client_of` gives the client of a provider; `is_closing` tells whether the server is going down.
    """

    def __init__(
        self,
        *,
        store: Store,
        saver: Saver,
        client_of: Callable[[Provider], ChatClient],
        fitting: Fitting,
        toolbox: Toolbox | None,
        is_closing: Callable[[], bool],
    ) -> None:
        self._store = store
        self._saver = saver
        self._client_of = client_of
        self._fitting = fitting
        self._toolbox = toolbox
        self._is_closing = is_closing

    def write(self, live: LiveReply, task: Task) -> Recorder:
        """Write an answer to its end, which the saver can write when this returns.

        Never raises. Returns what went over the wire, for `keep_trace`.
        """
        draft = Draft(live, task, self._store, self._toolbox)
        try:
            if live.cancellation.is_cancelled or self._is_closing():
                raise Cancelled  # noqa: TRY301 - ends like every other stop
            if task.beginning.text:
                self._saver.add(live, [Added(0, "text", task.beginning.text)])
            self._answer(draft)
            draft.reply.close()
        except Cancelled:
            draft.reply.close(was_stopped=True)
        except AugenblickError as error:
            draft.reply.close(failure=error.failure)
        except Exception as error:  # noqa: BLE001 - a worker dying silently would leave a spinner for ever
            draft.reply.close(failure=Failure("unexpected", {}, type(error).__name__))
        keep_pictures(draft, store=self._store, prepare=self._fitting.prepare)
        live.end(draft.record(was_interrupted=self._is_closing()))
        return draft.recorder

    def _answer(self, draft: Draft) -> None:
        """Send the question, then the results of what was called, until no more is called."""
        quirks = outlast_outage(
            draft.live.cancellation,
            lambda: Quirks(
                self._store, draft.task.provider.name, draft.task.settings.model, self._fitting
            ),
        )
        request = self._question(draft, quirks)
        while True:
            if draft.loop.open is not None:
                request = self._with_results(draft, request, quirks)
                if draft.loop.is_waiting:  # for results from the person
                    return
            request = self._send(draft, request, quirks)
            if not draft.takes_calls():
                return

    def _question(self, draft: Draft, quirks: Quirks) -> Request:
        """The first request: the conversation up to the question, and what an answer continues."""
        live, task = draft.live, draft.task
        load = partial(self._store.load_conversation, live.conversation_id)
        conversation = outlast_outage(live.cancellation, load)
        path = conversation.path(task.opened.question_id)
        draft.messages = (
            *as_wire_messages(path, conversation.pictures), *task.beginning.messages
        )  # fmt: skip
        for picture in task.beginning.resumed.pictures:  # they belong to this reply too
            add = partial(self._store.add_reply_picture, live.reply_id, picture, None)
            outlast_outage(live.cancellation, add)
        settings = with_json_named(draft.messages, task.beginning.settings_for(task.settings))
        request, adjustments = quirks.fit(Request(draft.messages, settings))
        draft.adjustments.extend(adjustments)
        return request

    def _send(self, draft: Draft, request: Request, quirks: Quirks) -> Request:
        """Send a request, changed until it is taken; returns what was taken."""
        applied: list[str] = []
        while True:
            try:
                self._stream_all(draft, request)
            except ProviderError as error:
                if draft.has_text or len(applied) == _MOST_FALLBACKS:
                    raise
                fallback = quirks.fallback_for(error, request, applied)
                if fallback is None:
                    raise
                request = fallback.request
                applied.append(fallback.kind)
                draft.adjustments.append(fallback.adjustment)
            else:
                break
        begun = draft.reply
        if isinstance(begun, Reply) and (more := ask_for_missing(request, len(begun.missing))):
            quirks.learn(more)
            draft.adjustments.append(more.adjustment)
            self._stream_all(draft, more.request, begun)
        return request

    def _stream_all(self, draft: Draft, request: Request, begun: Reply | None = None) -> None:
        """Send once, or once per answer where the endpoint gives one at a time."""
        if request.times == 1 and isinstance(draft.reply, Reply):
            self._stream(draft, draft.reply, request)
            return
        draft.reply = together = ParallelRequests(request.times, begun=begun)
        together.run(lambda part: self._stream(draft, part, request))

    def _stream(self, draft: Draft, reply: Reply, request: Request) -> None:
        live = draft.live
        data_uri = draft.recorder.knowing(self._fitting.data_uri)
        build = partial(build_payload, request.messages, request.settings, data_uri=data_uri)
        with (
            self._client_of(draft.task.provider).stream(
                outlast_outage(
                    live.cancellation, build
                ),  # held by no name, so that it is freed once sent
                cancellation=live.cancellation,
                on_wait=live.show_wait,
                recorder=draft.recorder,
            ) as stream,
        ):
            if stream.headers_seconds is not None:
                reply.note_headers(at_seconds=stream.headers_seconds)
            for chunk in stream:
                added = reply.fold(chunk, at_seconds=time.monotonic() - draft.started)
                if added:
                    self._saver.add(live, added)
                if reply is draft.reply:  # several answers call nothing that is run here
                    draft.show_calls(chunk)

    def _with_results(self, draft: Draft, request: Request, quirks: Quirks) -> Request:
        """Run the tool calls; returns the next request, which has the calls and their results."""
        done = draft.loop.run(draft.pictures_seen(request.messages))
        if done is None:
            return request
        more = tuple(round_messages(done))
        draft.messages += more
        if done.text:  # in the store the texts of all rounds stand in one until the end
            draft.live.separate_rounds()
        fit, changes = quirks.fit(Request((*request.messages, *more), unforced(request.settings)))
        draft.adjustments.extend(each for each in changes if each not in draft.adjustments)
        return fit

    def give_up(self, live: LiveReply, task: Task, failure: Failure) -> None:
        """End an answer that could not begin."""
        draft = Draft(live, task, self._store, self._toolbox)
        draft.reply.close(failure=failure)
        live.end(draft.record(was_interrupted=self._is_closing()))

    def keep_trace(self, reply_id: str, recorder: Recorder) -> None:
        """Store the trace, after the answer has ended, so that no reader waits for it."""
        if recorder.is_empty:
            return
        with contextlib.suppress(StoreError):  # the answer is there; its X-ray is missing
            self._store.save_trace(reply_id, recorder.pack())
