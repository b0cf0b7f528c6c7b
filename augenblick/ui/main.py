"""The script Streamlit runs for every visitor: the frame of all pages."""

from pathlib import Path

import streamlit as st

from augenblick.errors import StoreUnavailable
from augenblick.ui import notices, state, words

ROOT = Path(__file__).resolve().parent.parent.parent
ASSETS = Path(__file__).resolve().parent / "assets"

st.set_page_config(page_title="Augenblick", page_icon=str(ASSETS / "icon.png"))
st.logo(ASSETS / "wordmark.svg", icon_image=ASSETS / "icon.png", size="large")

page = st.navigation(
    [
        st.Page(
            ROOT / "pages" / "chat.py",
            title=words.say("page.chat"),
            icon=":material/chat:",
            default=True,
            help=words.say("page.chat.help"),
        ),
        st.Page(
            ROOT / "pages" / "endpoints.py",
            title=words.say("page.endpoints"),
            icon=":material/hub:",
            help=words.say("page.endpoints.help"),
        ),
    ]
)
try:
    page.run()
except StoreUnavailable as error:
    notices.show_failure(error.failure)
    state.come_back_soon()
