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
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from streamlit import config

from augenblick.chat.ask import Answering
from augenblick.chat.checking import Checking, StoredValues
from augenblick.chat.known_models import KnownModels
from augenblick.chat.reply_queue import read_limits
from augenblick.chat.saver import Saver
from augenblick.chat.sight import SightChecks
from augenblick.chat.transcription import Transcriptions
from augenblick.core.config_files import check_secrets, read_toml
from augenblick.core.errors import ConfigurationError, ImageError, StatusError, StoreError
from augenblick.core.messages import PreparedPicture
from augenblick.core.paths import data_dir
from augenblick.core.providers import READER_NAME, Provider, read_providers, read_transcriber
from augenblick.core.settings import RequestSettings
from augenblick.core.switches import EVIDENCE_SWITCH, is_switched_off
from augenblick.endpoint.client import ChatClient, Deadlines
from augenblick.endpoint.local_servers import LocalServer, find_local_servers, read_local_ports
from augenblick.lab.picture_inspector import PictureInspector
from augenblick.lab.tools import Toolbox
from augenblick.ops.doctor import examine
from augenblick.ops.reader_process import ReaderProcess, SharedReader, running_reader
from augenblick.pictures import PicturePool, PictureSource
from augenblick.pictures.number_picture import draw_number
from augenblick.pictures.tray import page_count, pages_of
from augenblick.pictures.variants import PictureVariants
from augenblick.store import Store, open_store
from augenblick.store.retention import Retention, read_retention
from augenblick.store.store_values import NewQuestion, OpenedReply
from augenblick.ui.admin.local_models import LocalModels
from augenblick.ui.admin.model_checks import ModelChecks
from augenblick.ui.admin.model_lists import ModelLists
from augenblick.ui.pictures.thumbnails import thumbnails
from augenblick.ui.tab_state import tab
from augenblick.web.browser_cookie import browser_id, cookie_key

_log = logging.getLogger(__name__)
_READER_WAIT_SECONDS = 60.0  # it starts in two, on a machine that is busy or small in thirty
_LEFT_REPLIES_SECONDS = 5.0
_PURGE_SECONDS = 120.0
_CHECK_SECONDS = 240.0
_READING_SECONDS = 90.0  # of a picture by a named model, for which a person waits


@dataclass(slots=True)
class Services:
    """Everything the pages work with."""

    environ: Mapping[str, str]
    secrets: Mapping[str, Any]
    store: Store
    saver: Saver
    pictures: PicturePool
    variants: PictureVariants
    answering: Answering
    checking: Checking
    transcriptions: Transcriptions | None  # None: the reader is asked for the text of pictures
    known: KnownModels
    sight: SightChecks
    checks: ModelChecks
    models: ModelLists
    local: LocalModels
    cookie_key: bytes = field(repr=False)
    closing: threading.Event

    def providers(self) -> tuple[Provider, ...]:
        """All endpoints, the default first. Raises ConfigurationError.

        The reader's address is empty while it is starting.
        """
        reader = running_reader()
        url = (reader.base_url or "") if reader is not None else None
        return self.local.joined(read_providers(self.environ, self.secrets, reader_url=url))

    def provider(self, name: str) -> Provider:
        """Return the endpoint of this name; waits for the reader to come up where it is the one.

        Raises StatusError when it does not in time, ConfigurationError for an unknown name.
        """
        reader = running_reader()
        if reader is not None and name == READER_NAME:
            _wait_for(reader)
        for provider in self.providers():
            if provider.name == name:
                return provider
        if (gone := self.local.remembered(name)) is not None:
            return gone  # the attempt says what is wrong with it
        raise ConfigurationError(f"there is no provider {name}")

    def prepare(
        self,
        uploads: Sequence[PictureSource],
        *,
        person: str,
        already: int = 0,
        on_done: Callable[[], None] | None = None,
    ) -> Sequence[PreparedPicture | ImageError]:
        """Prepare uploads side by side, each to a picture or the reason why not.

        A PDF becomes as many pages as there is room for. `person` is whose they are; `already`
        pictures are there besides them; `on_done` is called after each, in any thread.
        """
        sources: list[PictureSource] = []
        for upload in uploads:
            pages = page_count(upload, self.pictures, person=person)
            room = max(1, self.pictures.limits.max_count - already - len(sources))
            sources += [upload] if pages == 1 else pages_of(upload, range(min(pages, room)))
        return self.pictures.prepare_many(sources, already=already, on_done=on_done, person=person)

    def offers_evidence(self) -> bool:
        """Whether answers are looked up in their pictures: where a reader runs, unless refused."""
        return running_reader() is not None and not is_switched_off(self.environ, EVIDENCE_SWITCH)

    def stored_values(self) -> StoredValues | None:
        """What looks answers up in what was read of their pictures; None where that is refused."""
        is_off = is_switched_off(self.environ, EVIDENCE_SWITCH)
        return None if is_off else StoredValues(self.store)

    def forget_picture(self, sha256: str) -> None:
        """Drop what is kept of a stored picture in memory."""
        for each in self.variants.forget(sha256):
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
            stack.callback(self._close_saver)
            stack.callback(self.checking.close)
            stack.callback(self.answering.close)

    def _close_saver(self) -> None:
        if not self.saver.close():
            _log.error("Text of live replies could not be saved before the end.")


@st.cache_resource(show_spinner=False)
def services() -> Services:
    """Build the parts, once per process."""
    retention = read_retention(os.environ)
    store = open_store(os.environ)
    closing = threading.Event()
    _look_after(store, retention, closing)
    saver = Saver(store)
    pictures = PicturePool()
    variants = PictureVariants(load_content=store.load_content, prepare=pictures.prepare)
    answering = Answering(
        store=store,
        saver=saver,
        open_client=ChatClient,
        variants=variants,
        prepare=pictures.prepare,
        limits=read_limits(os.environ),
        toolbox=Toolbox(PictureInspector(pictures, load_content=store.load_content)),
    )
    checking = Checking(store, reader_url=_reader_url)
    secrets = configured_secrets()
    transcriber = read_transcriber(os.environ, secrets)
    transcriptions = None
    if transcriber is not None:
        transcriptions = Transcriptions(
            transcriber,
            store,
            open_client=partial(ChatClient, deadlines=Deadlines(total_seconds=_READING_SECONDS)),
            variants=variants,
        )
    known = KnownModels(store)
    sight = SightChecks(
        known,
        open_client=ChatClient,
        draw_number=draw_number,
        is_on=not is_switched_off(os.environ, "AUGENBLICK_TEST_PICTURE"),
    )
    checks = ModelChecks(
        known,
        examine=partial(examine, within_seconds=_CHECK_SECONDS),
        sees=sight.sees,
        is_on=not is_switched_off(os.environ, "AUGENBLICK_MODEL_CHECK"),
    )
    models = ModelLists(lambda provider: answering.clients.of(provider).list_models())
    ports = read_local_ports(os.environ)
    local = LocalModels(partial(_find_local_servers, ports), is_on=bool(ports))
    key = cookie_key(os.environ, folder=data_dir(os.environ))
    _Built.services = Services(
        os.environ,
        secrets,
        store,
        saver,
        pictures,
        variants,
        answering,
        checking,
        transcriptions,
        known,
        sight,
        checks,
        models,
        local,
        key,
        closing,
    )
    return _Built.services


def _find_local_servers(ports: Sequence[int]) -> tuple[LocalServer, ...]:
    """What listens at these ports, except for this server and its reader."""
    ours = {st.get_option("server.port"), urlsplit(_reader_url() or "").port}
    return find_local_servers([port for port in ports if port not in ours])


def _reader_url() -> str | None:
    reader = running_reader()
    return reader.base_url if reader is not None else None


def _wait_for(reader: ReaderProcess | SharedReader) -> None:
    if reader.wait_ready(_READER_WAIT_SECONDS) is None:
        raise StatusError("the reader is still starting", code="model_loading")


def _look_after(store: Store, retention: Retention, closing: threading.Event) -> None:
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


def _purge(store: Store, retention: Retention) -> None:
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
    return _Built.services.saver.reply_count if _Built.services is not None else 0


def close_services() -> None:
    """Close the parts if they were built."""
    if _Built.services is not None:
        _Built.services.close()
    _Built.services = None
    services.clear()


class _Built:
    """The parts of this process, once there are some."""

    services: Services | None = None


def configured_secrets() -> Mapping[str, Any]:
    """What stands in the files of secrets, all of them together.

    Streamlit takes a file it can't read for none at all; this raises ConfigurationError for it.
    """
    is_asked_for = config.is_manually_set("secrets.files")
    for name in st.get_option("secrets.files"):
        if name.endswith(".toml"):
            read_toml(Path(name))
        if is_asked_for and not Path(name).exists():
            raise ConfigurationError(f"{name} is not there, though it shall hold the secrets.")
    secrets = st.secrets.to_dict() if st.secrets.load_if_toml_exists() else {}
    check_secrets(secrets)
    return secrets
