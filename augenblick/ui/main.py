"""The script Streamlit runs for every visitor: the frame of all pages."""

from dataclasses import replace
from pathlib import Path

import streamlit as st

from augenblick.errors import StoreError, StoreUnavailable
from augenblick.ui import notices, state, words
from augenblick.ui.back_button import keep_back_button
from augenblick.ui.page_language import draw_page_language
from augenblick.ui.reconnecting import run_when_reconnected
from augenblick.ui.style import draw_style
from augenblick.ui.unsent_files import keep_unsent_files

ROOT = Path(__file__).resolve().parent.parent.parent
ASSETS = Path(__file__).resolve().parent / "assets"

state.keep_pace()
words.keep_language()
st.set_page_config(page_title="Augenblick", page_icon=str(ASSETS / "icon.png"))
st.html(ASSETS / "page.css")
st.logo(ASSETS / "wordmark.svg", icon_image=ASSETS / "icon.png", size="large")
draw_style()

chat = st.Page(
    ROOT / "pages" / "chat.py",
    title=words.say("page.chat"),
    icon=":material/chat:",
    default=True,
    help=words.say("page.chat.help"),
)
pages = [
    chat,
    st.Page(
        ROOT / "pages" / "history.py",
        title=words.say("page.history"),
        icon=":material/history:",
        help=words.say("page.history.help"),
    ),
    st.Page(
        ROOT / "pages" / "my_data.py",
        title=words.say("page.my_data"),
        icon=":material/shield_person:",
        url_path="my-data",
        help=words.say("page.my_data.help"),
    ),
    st.Page(
        ROOT / "pages" / "endpoints.py",
        title=words.say("page.endpoints"),
        icon=":material/hub:",
        help=words.say("page.endpoints.help"),
    ),
]
page = st.navigation(pages)
is_chat = page.url_path == chat.url_path
if state.tab().goes_to_chat and not is_chat:
    st.switch_page(chat, query_params=state.address())
state.tab().goes_to_chat = False
with st.sidebar, st.container(gap=None):  # one place for what nobody sees: each would leave a gap
    draw_page_language()
    run_when_reconnected()
    keep_back_button(other.url_path for other in pages if other is not chat)
if not is_chat:
    keep_unsent_files()
try:
    page.run()
except StoreUnavailable as error:
    # the longer sentence is about a question that could not be sent
    notices.show_failure(error.failure if is_chat else replace(error.failure, code=StoreError.code))
    state.come_back_soon()
