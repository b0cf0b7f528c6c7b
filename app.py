"""The launcher: `streamlit run app.py` serves the pages behind our own wall.

Here stands what is around the pages: headers, cookie, limits, the built-in reader, the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import importlib
import importlib.util
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute, Route
from streamlit import config, runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from augenblick.core.config_files import read_toml
from augenblick.core.errors import AugenblickError, ConfigurationError
from augenblick.core.memory import give_back_memory
from augenblick.core.paths import PROJECT_DIR, data_dir
from augenblick.core.providers import read_providers, read_transcriber
from augenblick.core.switches import EVIDENCE_SWITCH, is_switched_off
from augenblick.endpoint.local_servers import read_local_ports
from augenblick.ops.reader_process import (
    READER_URL_VARIABLE,
    ReaderProcess,
    SharedReader,
    publish_reader,
    reader_command,
    reader_is_wanted,
)
from augenblick.ops.safe_log import keep_values_out_of_logs, log_script_error
from augenblick.pictures import PicturePool
from augenblick.store import Store
from augenblick.ui import notices
from augenblick.ui.resources import close_services, configured_secrets, live_count, services
from augenblick.ui.server_parts import MEDIA, browser_of, take_places
from augenblick.ui.style import sheet_of_all_pages
from augenblick.ui.upload_accounting import UPLOAD_MEMORY
from augenblick.web.addresses import announcement, base_path
from augenblick.web.browser_cookie import BrowserCookie, cookie_key
from augenblick.web.closed_routes import ClosedRoutes, read_networks
from augenblick.web.descriptors import TabRoom, raise_descriptor_limit
from augenblick.web.device_links import device_routes
from augenblick.web.export_all import everything_routes
from augenblick.web.first_page import first_page_routes
from augenblick.web.headers import SecurityHeaders, inline_script_hashes
from augenblick.web.own_origin import OwnOrigin
from augenblick.web.own_routes import own_routes
from augenblick.web.ownership import Ownership
from augenblick.web.phone_camera import camera_routes
from augenblick.web.shares import share_routes
from augenblick.web.tray_routes import tray_routes
from augenblick.web.upload_limits import BodyLimits, HeldFile, forget_left_uploads
from augenblick.web.websocket_rate import WebSocketRate

# Imported while the first visitor is still typing the address.
WARM_MODULES = (
    "PIL.Image",
    "pillow_heif",
    "requests",
    "sseclient",
    "sqlalchemy.orm",
    "babel.support",
)
# Streamlit's own, which it imports to look at the first answer's stream: a third of a second.
LATE_MODULES = ("pandas", "pyarrow")
ASSETS = PROJECT_DIR / "augenblick" / "ui" / "assets"

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h
# Objects made until the youngest are looked through, and how often until the next older ones are.
# The oldest are looked through by us: for 200 people that stops everybody for a quarter of a
# second, and Python did it every two seconds while their pages came and went.
_YOUNG, _OLDER, _NEVER = 10_000, 5, 1_000_000
_TIDY_SECONDS, _TIDY_AT_LAST_SECONDS = 5.0, 60.0

logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
logging.getLogger("augenblick").setLevel(logging.INFO)
keep_values_out_of_logs()
_log = logging.getLogger("augenblick.app")
raise_descriptor_limit()


def show_script_error(error: Exception) -> bool:
    """Tell the person that a page failed, with the id under which the log has the places.

    What we raise ourselves, the store's troubles above all, has a sentence of its own.
    """
    error_id = log_script_error(error)
    if isinstance(error, AugenblickError):
        notices.show_failure(error.failure)
    else:
        notices.show_broken_page(error_id)
    return True


@contextlib.asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, Any]]:
    """Run the reader, forget uploads nobody will fetch, and say where the page is."""
    _keep_memory_together()
    with contextlib.ExitStack() as closing:
        _keep_reader(closing)
        tasks = [asyncio.create_task(each()) for each in (_forget_left_uploads, _collect_garbage)]
        threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
        _announce()
        yield {}
        for task in tasks:
            task.cancel()
        await asyncio.to_thread(close_services)


def _keep_memory_together() -> None:
    """Have the C library take memory for all threads from two places.

    It would take it from eight for each core, and as threads come and go with every answer the
    server grew by 9 KB with each (measured over 4000; 2.5 KB with two, over 2000).
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_ARENA_MAX, 2)


def _keep_reader(closing: contextlib.ExitStack) -> None:
    if not reader_is_wanted(os.environ, configured_secrets()):
        return
    shared = os.environ.get(READER_URL_VARIABLE)
    reader = (
        SharedReader(shared)
        if shared
        else closing.enter_context(ReaderProcess(reader_command(), environ=os.environ))
    )
    closing.callback(publish_reader, None)
    publish_reader(reader)


async def _forget_left_uploads() -> None:
    await forget_left_uploads(
        held_uploads,
        is_active=runtime.get_instance().is_active_session,
        forget=_uploads().remove_session_files,
        every_seconds=st.get_option("server.disconnectedSessionTTL"),
    )


async def _collect_garbage() -> None:
    """Look through all objects for what nobody needs, and give their memory back to the system.

    While no answer is live, or each minute.
    """
    collected_at = time.monotonic()
    while True:
        await asyncio.sleep(_TIDY_SECONDS)
        is_due = time.monotonic() - collected_at >= _TIDY_AT_LAST_SECONDS
        if gc.get_count()[2] and (is_due or not live_count()):
            gc.collect()
            await asyncio.to_thread(give_back_memory)
            collected_at = time.monotonic()


def _warm_up() -> None:
    _import_all(WARM_MODULES)
    try:
        services().providers()  # looks for models on this computer, too
    except AugenblickError as error:  # each page tries again and says so
        _log.error("The page can't work: %s", error.detail)  # no trace
    _import_all(LATE_MODULES)
    gc.set_threshold(_YOUNG, _OLDER, _NEVER)
    gc.freeze()  # what start-up made lives as long as the server; collections need not look at it


def _import_all(names: Iterable[str]) -> None:
    for name in names:
        if importlib.util.find_spec(name.split(".")[0]):
            importlib.import_module(name)


def _announce() -> None:
    text = announcement(
        st.get_option("server.allowedHosts"),
        address=st.get_option("server.address") or "",
        port=st.get_option("server.port"),
    )
    print(text, flush=True)  # noqa: T201  # for the person at the terminal


def held_uploads() -> Mapping[str, Mapping[str, HeldFile]]:
    """The uploads in Streamlit's memory, by session and file."""
    return _uploads().file_storage


def _uploads() -> MemoryUploadedFileManager:
    uploads = runtime.get_instance().uploaded_file_mgr
    if not isinstance(uploads, MemoryUploadedFileManager):
        raise TypeError("Streamlit keeps uploads in another way than expected")
    return uploads


def _store() -> Store:
    return services().store


def _pictures() -> PicturePool:
    return services().pictures


def _allowed_hosts() -> list[str]:
    hosts = [str(host) for host in st.get_option("server.allowedHosts")]
    return [f"[{host}]" if ":" in host else host for host in hosts] or ["*"]


def _index_html() -> str:
    return (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")


def _refuse_broken_configuration() -> None:
    """End the program with a sentence where a file or an entry of the configuration is broken.

    Streamlit would start without the file: without the endpoints, or open to everybody.
    """
    try:
        for name in config.get_config_files("config.toml"):
            read_toml(Path(name))
        read_providers(os.environ, configured_secrets(), reader_url=None)
        read_transcriber(os.environ, configured_secrets())
        read_local_ports(os.environ)
    except ConfigurationError as error:
        sys.exit(f"Augenblick was not started: {error.detail}")


_refuse_broken_configuration()
_cookie_key = cookie_key(os.environ, folder=data_dir(os.environ))
_prefix = base_path(st.get_option("server.baseUrlPath"))
take_places(key=_cookie_key)

middleware = [
    Middleware(SecurityHeaders, script_hashes=inline_script_hashes(_index_html())),
    Middleware(TrustedHostMiddleware, allowed_hosts=_allowed_hosts(), www_redirect=False),
    Middleware(ClosedRoutes, open_to=read_networks(os.environ.get("AUGENBLICK_METRICS_FROM", ""))),
    Middleware(OwnOrigin, also=st.get_option("server.corsAllowedOrigins")),
    Middleware(BrowserCookie, key=_cookie_key),
    Middleware(
        Ownership,
        media=MEDIA,
        browser_of=partial(browser_of, key=_cookie_key),
        prefix=_prefix,
    ),
    Middleware(BodyLimits, held=held_uploads),
    Middleware(WebSocketRate),
    Middleware(TabRoom, home=f"{_prefix}/"),
]
_routes = [
    *share_routes(_store, is_checked=not is_switched_off(os.environ, EVIDENCE_SWITCH)),
    *device_routes(_cookie_key, home=f"{_prefix}/"),
    *own_routes(_store, lambda: services().checking),
    *tray_routes(UPLOAD_MEMORY.find, UPLOAD_MEMORY.take, _pictures),
    *camera_routes(UPLOAD_MEMORY.tabs, UPLOAD_MEMORY.take, _pictures),
    *everything_routes(_store),
    *first_page_routes(_index_html(), sheet_of_all_pages(), (ASSETS / "icon.png").read_bytes()),
]
routes: list[BaseRoute] = [
    Route(_prefix + each.path, each.endpoint, methods=each.methods) for each in _routes
]

app = st.App(
    PROJECT_DIR / "augenblick" / "ui" / "main.py",
    routes=routes,
    middleware=middleware,
    lifespan=lifespan,
    on_script_error=show_script_error,
)
