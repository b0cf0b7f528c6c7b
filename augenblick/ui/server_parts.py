"""Parts of Streamlit's server that are ours: whose a picture is, and when a left tab ends.

`st.App` makes its own and takes none from outside, so these take their places before it starts.
"""

from __future__ import annotations

import asyncio
import builtins
from functools import partial

from streamlit import config, runtime
from streamlit.runtime import memory_media_file_storage, memory_session_storage
from streamlit.runtime.media_file_storage import MediaFileKind
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.session_manager import SessionInfo, SessionStorage

from augenblick.ui.left_widgets import forget_left_widgets
from augenblick.ui.upload_accounting import UPLOAD_MEMORY
from augenblick.web.browser_cookie import browser_id
from augenblick.web.ownership import ASKING_BROWSER, BROWSER_HEADER, ShownMedia

MEDIA = ShownMedia()  # of this process
_MOST_LEFT = 128  # as many as Streamlit's own storage keeps
_USER_HEADERS = "server.trustedUserHeaders"


def take_places(*, key: bytes) -> None:
    """Have Streamlit use our parts; `key` signs the cookies that say whose a session is."""
    headers = {**config.get_option(_USER_HEADERS), BROWSER_HEADER: "augenblick_browser"}
    config.set_option(_USER_HEADERS, headers)
    setattr(memory_session_storage, "MemorySessionStorage", LeftSessions)  # noqa: B010 - a type
    storage = partial(OwnMedia, key=key)
    setattr(memory_media_file_storage, "MemoryMediaFileStorage", storage)  # noqa: B010
    forget_left_widgets()


def browser_of(session_id: str, *, key: bytes) -> str | None:
    """Whose tab an open session is, "" without a cookie; None for one that is not open."""
    client = runtime.get_instance().get_client(session_id)
    if client is None or client.client_context is None:
        return None
    return browser_id(client.client_context.cookies, key=key) or ""


class OwnMedia(MemoryMediaFileStorage):
    """Files of pages, in memory as long as a page shows them; notes whose page that is."""

    def __init__(self, media_endpoint: str, *, key: bytes) -> None:
        super().__init__(media_endpoint)
        self._key = key

    def load_and_get_id(
        self,
        path_or_data: str | bytes,
        mimetype: str,
        kind: MediaFileKind,
        filename: str | None = None,
    ) -> str:
        """Add a file for the page whose script, or whose click on a download, asks for it."""
        file_id = super().load_and_get_id(path_or_data, mimetype, kind, filename)
        context = get_script_run_ctx(suppress_warning=True)
        if context is None:
            browser: str | None = ASKING_BROWSER.get()
        else:
            browser = browser_of(context.session_id, key=self._key)
        if browser:
            MEDIA.note(file_id, browser)
        return file_id

    def delete_file(self, file_id: str) -> None:
        """Delete a file that no page shows any longer."""
        super().delete_file(file_id)
        MEDIA.forget(file_id)


class LeftSessions(SessionStorage):
    """Sessions whose tab lost its connection, for as long as it may find them again.

    Streamlit's own storage drops an old one when the next is saved, and leaves its event loop, with
    three file descriptors, to the garbage collection. Here each ends at its time.
    """

    def __init__(self, ttl_seconds: float) -> None:
        self._ttl_seconds = ttl_seconds
        self._left: dict[str, tuple[SessionInfo, asyncio.TimerHandle]] = {}

    def get(self, session_id: str) -> SessionInfo | None:
        """A session that can be found again."""
        found = self._left.get(session_id)
        return found[0] if found else None

    def save(self, session_info: SessionInfo) -> None:
        """Keep a session whose tab is gone; of too many, the one that left first ends."""
        session_id = session_info.session.id
        timer = asyncio.get_running_loop().call_later(self._ttl_seconds, self._end, session_id)
        self._left[session_id] = (session_info, timer)
        if len(self._left) > _MOST_LEFT:
            self._end(next(iter(self._left)))

    def delete(self, session_id: str) -> None:
        """Keep a session no longer, for its tab is back. Raises KeyError for an unknown one."""
        self._left.pop(session_id)[1].cancel()

    def list(self) -> builtins.list[SessionInfo]:
        """All that can be found again."""
        return [info for info, _ in list(self._left.values())]

    def _end(self, session_id: str) -> None:
        session = self._left[session_id][0].session
        self.delete(session_id)
        UPLOAD_MEMORY.forget(session_id)
        session.shutdown()
