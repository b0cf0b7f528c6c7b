"""The composition root: the only place in the page where real parts are built and joined.

`services()` builds them once per process; app.py warms it at start-up and closes it at shutdown.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from augenblick.answering import Answering
from augenblick.client import ChatClient
from augenblick.errors import ConfigurationError, ImageError, ModelLoading, StoreError
from augenblick.fitted_pictures import FittedPictures
from augenblick.images import PicturePool, PictureSource
from augenblick.messages import PreparedPicture
from augenblick.payload import RequestSettings
from augenblick.places import data_dir
from augenblick.providers import READER_NAME, Provider, read_providers
from augenblick.reply_log import ReplyLog
from augenblick.sql_store import SqlStore, open_store
from augenblick.store import NewQuestion, OpenedReply
from augenblick.ui.model_lists import ModelLists
from augenblick.web.browser_cookie import browser_id, cookie_key
from augenblick.web.reader_process import ReaderProcess, running_reader

_log = logging.getLogger(__name__)
_READER_WAIT_SECONDS = 20.0
_LEFT_REPLIES_SECONDS = 5.0


@dataclass(slots=True)
class Services:
    """Everything the pages work with."""

    environ: Mapping[str, str]
    secrets: Mapping[str, Any]
    store: SqlStore
    log: ReplyLog
    pictures: PicturePool
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

    def prepare(self, uploads: Sequence[PictureSource]) -> Sequence[PreparedPicture | ImageError]:
        """Prepare uploads side by side, each to a picture or the reason why not."""
        return self.pictures.prepare_many(uploads)

    def ask(self, question: NewQuestion, settings: RequestSettings) -> OpenedReply:
        """Save a question and start its answer at the endpoint it names."""
        provider = self.provider(question.provider)
        return self.answering.ask(question, provider=provider, settings=settings)

    def owner(self) -> str:
        """Return the id of the visiting browser; empty without a cookie of ours."""
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
    store = open_store(os.environ)
    closing = threading.Event()
    threading.Thread(
        target=_interrupt_left_replies, args=(store, closing), name="left-replies", daemon=True
    ).start()
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
    )
    log.on_trouble(answering.show_unwritten)
    models = ModelLists(answering.list_models)
    key = cookie_key(os.environ, folder=data_dir(os.environ))
    _Built.services = Services(
        os.environ, _secrets(), store, log, pictures, answering, models, key, closing
    )
    return _Built.services


def _wait_for(reader: ReaderProcess) -> None:
    if reader.wait_ready(_READER_WAIT_SECONDS) is None:
        raise ModelLoading("the reader is still starting")


def _interrupt_left_replies(store: SqlStore, closing: threading.Event) -> None:
    """Mark what a dead server left open, now and whenever another one of ours dies.

    Beside everything else: on PostgreSQL a look takes seconds, and one may fail.
    """
    had_failed = False
    while not closing.is_set():
        try:
            store.interrupt_open_replies()
            had_failed = False
        except StoreError as error:
            if not had_failed:
                _log.warning("Replies left open could not be marked: %s", error.detail)
            had_failed = True
        closing.wait(_LEFT_REPLIES_SECONDS)


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
