"""Files that were attached and not sent: they are there again after a visit to another page.

What stands in the input goes with the page, and nothing tells the script of it. But Streamlit has
got the files already. So they are taken over once another page is drawn, and wait beside the input
like those from the camera. A file that somebody took out of the input again is there no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from augenblick.errors import NoRoom
from augenblick.images import PictureSource
from augenblick.ui.picture_dialog import take_files
from augenblick.ui.state import Tab, tab


def begin_at_input() -> None:
    """Take down which files came from elsewhere; for the page with the input, in every run."""
    memory = tab()
    if not memory.is_at_input:
        memory.is_at_input = True
        memory.known_uploads = set(_uploads())


def keep_unsent_files() -> None:
    """Take over what the input had, where that page was drawn last; for all other pages.

    A run that is ended meanwhile leaves it to the next.
    """
    memory = tab()
    if not memory.is_at_input:
        return
    known = _known(memory)
    left = {key: file for key, file in _uploads().items() if key not in known}
    if left:
        _take(memory, left)
    memory.is_at_input = False


def _take(memory: Tab, left: Mapping[str, UploadedFileRec]) -> None:
    try:
        take_files(memory, [PictureSource(file.name, file.data) for file in left.values()])
    except NoRoom as error:
        memory.failure = error.failure
        return
    memory.is_dialog_open = memory.is_dialog_open or bool(memory.pdfs)  # it asks for the pages
    _forget(left)


def _known(memory: Tab) -> set[str]:
    """Those too that an earlier question has got which is being changed."""
    if memory.editing is None:
        return memory.known_uploads
    files = st.session_state.get(f"{memory.editing.key}_files") or ()
    return memory.known_uploads | {file.file_id for file in files}


def _uploads() -> dict[str, UploadedFileRec]:
    """The files of this tab by their ids, in the order in which they came."""
    context = get_script_run_ctx()
    if context is None or not isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        return {}
    return dict(context.uploaded_file_mgr.file_storage.get(context.session_id, {}))


def _forget(ids: Iterable[str]) -> None:
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        for file_id in ids:
            context.uploaded_file_mgr.remove_file(context.session_id, file_id)
