"""What the frame of all pages needs a script in the browser for, in one component.

The button of the sidebar, which it draws itself; the page's language and our words for what
Streamlit draws; the browser's back button; a server that was found again; what is scrolled to; what
is said of an answer to screen readers and to somebody who is looking elsewhere; the keyboard.
"""

from __future__ import annotations

import html
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.core.conversations import Conversation
from augenblick.core.messages import ReplyEnd
from augenblick.ui import i18n, notices
from augenblick.ui.browser.component_data import dated
from augenblick.ui.plain_text import plain_text
from augenblick.ui.tab_state import CONVERSATION_PARAM, tab
from augenblick.web.language_cookie import LANGUAGE_COOKIE

PRODUCT = "Augenblick"
_FIRST_WORDS = 160  # characters of an answer that are said
_FOLDER = Path(__file__).parent
# What Streamlit says, and the key of our words for it. One that ends in a space is a beginning,
# as in "Fullscreen: receipt.jpg".
_NAMES = {
    "Chat message from assistant": "named.answer",
    "Chat message from user": "named.question",
    "Clear value": "named.clear",
    "Close": "named.close",
    "Close fullscreen": "named.fullscreen_close",
    "Connection error": "named.connection_lost",
    "Copy to clipboard": "named.copy",
    "Fullscreen": "named.fullscreen",
    "Fullscreen: ": "named.fullscreen_of",
    "Help for ": "named.help_for",
    "Is Streamlit still running? If you accidentally stopped Streamlit, just restart it in your "
    "terminal:": "named.server_silent",
    "Open": "named.open",
    "Remove ": "named.remove",
    "Sidebar": "named.sidebar",
    "Skip to main content": "named.skip",
    "Streamlit server is not responding. Are you connected to the internet?": "named.server_silent",
    "Take Photo": "camera.shutter",
    "This app would like to use your camera.": "camera.waits",
    "Upload": "upload.choose",
    "Upload files": "named.upload",
    "file upload": "named.upload",
}
_WORDS = {
    "open": "named.sidebar_open",
    "close": "named.sidebar_close",
    "ready": "frame.ready",
    "offer": "frame.notify",
    "yes": "frame.notify_yes",
    "no": "frame.notify_no",
    "keys": "frame.keys",
    "done": "named.close",
    "ctrl": "frame.key_ctrl",
    "key_new": "sidebar.new",
    "key_search": "frame.key_search",
    "key_input": "frame.key_input",
    "key_copy": "frame.key_copy",
    "key_stop": "frame.key_stop",
    "key_list": "frame.keys",
}
_HTML = """
<button type="button" class="menu"><svg viewBox="0 0 24 24" aria-hidden="true">
<path d="M4 6h16M4 12h16M4 18h16"/></svg></button>
<div class="offer" role="region" hidden><p data-word="offer"></p>
<button type="button" class="yes" data-word="yes"></button>
<button type="button" class="no" data-word="no"></button></div>
<dialog aria-labelledby="keys"><h2 id="keys" data-word="keys"></h2><table><tbody></tbody></table>
<button type="button" class="close" data-word="done"></button></dialog>
"""

_component = st.components.v2.component(
    "augenblick_frame",
    html=_HTML,
    css=(_FOLDER / "frame.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "frame.js").read_text(encoding="utf-8"),
)


def draw_frame(other_pages: tuple[str, ...]) -> None:
    """Draw the button of the sidebar, and have the script do the rest.

    Parameters
    ----------
    other_pages : the parts of the address of the pages that are not the chat page.

    """
    chosen = i18n.noted_language()
    data = {
        "code": i18n.current().code,
        "cookie": f"{LANGUAGE_COOKIE}={chosen}" if chosen else "",
        "names": {own: i18n.t(key) for own, key in _NAMES.items()},
        "words": {name: i18n.t(key) for name, key in _WORDS.items()},
        "product": PRODUCT,
        "parameter": CONVERSATION_PARAM,
        "others": list(other_pages),
        "conversation": tab().conversation_id,
    }
    _component(
        key="frame",
        data=dated("frame", data),
        width="content",
        height="content",
        on_back_change=lambda: None,
    )


def say_state(place: DeltaGenerator, conversation: Conversation | None, *, is_live: bool) -> None:
    """Have the browser say that an answer is being written, or how the one before has ended.

    The answer itself is no live region, so nobody hears it token by token.
    """
    memory = tab()
    path = conversation.path() if conversation is not None else ()
    if is_live:
        memory.was_writing = True
        _say(place, "writing", path[-1].id if path else "", i18n.t("status.writing"))
    elif memory.was_writing and path and path[-1].reply is not None:
        record = path[-1].reply
        if record.failure is not None:
            outcome = notices.sentences(record.failure)[0]
        elif record.end in {None, ReplyEnd.COMPLETE}:
            outcome = i18n.t("status.ended")
        else:
            outcome = i18n.t(f"end.{record.end}")
        text = f"{outcome} {plain_text(record.picked.text)[:_FIRST_WORDS]}".strip()
        _say(place, "ended", path[-1].id, text)


def _say(place: DeltaGenerator, state: str, answer_id: str, text: str) -> None:
    data = {"state": state, "answer": answer_id, "text": text, "busy": str(tab().busy_count)}
    attributes = " ".join(f'data-{name}="{html.escape(it)}"' for name, it in data.items())
    place.html(f'<span class="augenblick-answer" {attributes}></span>')
