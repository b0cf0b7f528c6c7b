"""The composition root: the only place in the page where real parts are built and joined.

`services()` builds them once per process; app.py warms it at start-up and closes it at shutdown.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import streamlit as st

from augenblick.answering import Answering
from augenblick.client import ChatClient
from augenblick.closer_look import CloserLook
from augenblick.errors import ConfigurationError, ImageError, ModelLoading, StoreError
from augenblick.fitted_pictures import FittedPictures
from augenblick.images import PicturePool, PictureSource
from augenblick.messages import PreparedPicture
from augenblick.places import data_dir
from augenblick.providers import READER_NAME, Provider, read_providers
from augenblick.queueing import read_limits
from augenblick.reply_log import ReplyLog
from augenblick.retention import Retention, read_retention
from augenblick.settings import RequestSettings
from augenblick.sql_store import SplitStore, open_store
from augenblick.store import ConversationStore, NewQuestion, OpenedReply
from augenblick.tools import Toolbox
from augenblick.ui.model_lists import ModelLists
from augenblick.ui.state import tab
from augenblick.ui.thumbnails import thumbnails
from augenblick.web.browser_cookie import browser_id, cookie_key
from augenblick.web.reader_process import ReaderProcess, running_reader

_log = logging.getLogger(__name__)
_READER_WAIT_SECONDS = 20.0
_LEFT_REPLIES_SECONDS = 5.0
_PURGE_SECONDS = 120.0


@dataclass(slots=True)
class Services:
    """Everything the pages work with."""

    environ: Mapping[str, str]
    secrets: Mapping[str, Any]
    store: ConversationStore
    log: ReplyLog
    pictures: PicturePool
    fitted: FittedPictures
    answering: Answering
    models: ModelLists
    cookie_key: bytes = field(repr=False)
    closing: threading.Event

    def providers(self) -> tuple[Provider, ...]:
        """All endpoints, the default first. Raises ConfigurationError.

        The reader's address is empty while it is starting.
        """
        reader = running_reader()
        url = (reader.base_url or "") if reader is not None else None
        return read_providers(self.environ, self.secrets, reader_url=url)

    def provider(self, name: str) -> Provider:
        """Return the endpoint of this name; waits for the reader to come up where it is the one.

        Raises ModelLoading when it does not in time, ConfigurationError for an unknown name.
        """
        reader = running_reader()
        if reader is not None and name == READER_NAME:
            _wait_for(reader)
        for provider in self.providers():
            if provider.name == name:
                return provider
        raise ConfigurationError(f"there is no provider {name}")

    def prepare(
        self,
        uploads: Sequence[PictureSource],
        *,
        already: int = 0,
        on_done: Callable[[], None] | None = None,
    ) -> Sequence[PreparedPicture | ImageError]:
        """Prepare uploads side by side, each to a picture or the reason why not.

        `already` pictures are there besides them; `on_done` is called after each, in any thread.
        """
        return self.pictures.prepare_many(uploads, already=already, on_done=on_done)

    def forget_picture(self, sha256: str) -> None:
        """Drop what is kept of a stored picture in memory."""
        for each in self.fitted.forget(sha256):
            self.pictures.forget(each)
        thumbnails().forget(sha256)

    def ask(self, question: NewQuestion, settings: RequestSettings) -> OpenedReply:
        """Save a question and start its answer at the endpoint it names."""
        provider = self.provider(question.provider)
        return self.answering.ask(question, provider=provider, settings=settings)

    def owner(self) -> str:
        """Return whose conversations the visitor's are: this browser's, by its cookie.

        One that keeps no cookie owns what is asked in this tab, for as long as the tab is open.
        """
        return self.browser() or tab().own_id

    def browser(self) -> str:
        """Return the id of the visiting browser; empty for one that keeps no cookie."""
        return browser_id(dict(st.context.cookies), key=self.cookie_key) or ""

    def close(self) -> None:
        """End live replies as interrupted and release everything, in the order of use."""
        self.closing.set()
        with ExitStack() as stack:  # one that fails does not keep the others open
            stack.callback(self.pictures.close)
            stack.callback(self.store.close)
            stack.callback(self._close_log)
            stack.callback(self.answering.close)

    def _close_log(self) -> None:
        if not self.log.close():
            _log.error("Text of live replies could not be saved before the end.")


@st.cache_resource(show_spinner=False)
def services() -> Services:
    """Build the parts, once per process."""
    retention = read_retention(os.environ)
    store = SplitStore(open_store(os.environ))
    closing = threading.Event()
    _look_after(store, retention, closing)
    log = ReplyLog(store)
    pictures = PicturePool()
    fitted = FittedPictures(load_content=store.load_content, prepare=pictures.prepare)
    answering = Answering(
        store=store,
        log=log,
        open_client=ChatClient,
        data_uri=fitted.data_uri,
        shrink=fitted.shrink,
        to_jpeg=fitted.to_jpeg,
        limits=read_limits(os.environ),
        toolbox=Toolbox(CloserLook(pictures, load_content=store.load_content)),
    )
    log.on_trouble(answering.show_unwritten)
    models = ModelLists(answering.list_models)
    key = cookie_key(os.environ, folder=data_dir(os.environ))
    _Built.services = Services(
        os.environ, _secrets(), store, log, pictures, fitted, answering, models, key, closing
    )
    return _Built.services


def _wait_for(reader: ReaderProcess) -> None:
    if reader.wait_ready(_READER_WAIT_SECONDS) is None:
        raise ModelLoading("the reader is still starting")


def _look_after(store: ConversationStore, retention: Retention, closing: threading.Event) -> None:
    """Mark what a dead server left open and remove what has had its time, now and ever after.

    Beside everything else: on PostgreSQL a look takes seconds, and one may fail.
    """
    for name, work, seconds in (
        ("left-replies", store.interrupt_open_replies, _LEFT_REPLIES_SECONDS),
        ("retention", partial(_purge, store, retention), _PURGE_SECONDS),
    ):
        threading.Thread(
            target=_repeat, args=(name, work, seconds, closing), name=name, daemon=True
        ).start()


def _purge(store: ConversationStore, retention: Retention) -> None:
    now = datetime.now(UTC)
    unused_since = now - retention.keep if retention.keep else None
    store.purge(deleted_before=now - retention.undo, unused_since=unused_since)


def _repeat(
    name: str, work: Callable[[], object], seconds: float, closing: threading.Event
) -> None:
    had_failed = False
    while not closing.is_set():
        try:
            work()
            had_failed = False
        except StoreError as error:
            if not had_failed:
                _log.warning("The store could not be looked after (%s): %s", name, error.detail)
            had_failed = True
        closing.wait(seconds)


def live_count() -> int:
    """How many answers are live in this process; never builds the parts."""
    return _Built.services.answering.live_count if _Built.services is not None else 0


def close_services() -> None:
    """Close the parts if they were built."""
    if _Built.services is not None:
        _Built.services.close()
    _Built.services = None
    services.clear()


class _Built:
    """The parts of this process, once there are some."""

    services: Services | None = None


def _secrets() -> Mapping[str, Any]:
    return st.secrets.to_dict() if st.secrets.load_if_toml_exists() else {}
