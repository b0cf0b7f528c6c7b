"""The script Streamlit runs for every visitor: the frame of all pages."""

from dataclasses import replace
from pathlib import Path

import streamlit as st

from augenblick.core.errors import StoreError, StoreLost, StoreUnavailable
from augenblick.ui import i18n, notices, tab_state
from augenblick.ui.browser.copying import load_copying
from augenblick.ui.chat.composer import load_composer
from augenblick.ui.chat.evidence_marks import load_marks
from augenblick.ui.chat.rating import load_rating

ROOT = Path(__file__).resolve().parent.parent.parent
ASSETS = Path(__file__).resolve().parent / "assets"

tab_state.keep_pace()
i18n.keep_language()
st.set_page_config(page_title="Augenblick", page_icon=str(ASSETS / "icon.png"))

chat = st.Page(ROOT / "pages" / "chat.py", title=i18n.t("page.chat"), default=True)
others = [
    st.Page(ROOT / "pages" / "history.py", title=i18n.t("page.history")),
    st.Page(ROOT / "pages" / "my_data.py", title=i18n.t("page.my_data"), url_path="my-data"),
    st.Page(ROOT / "pages" / "endpoints.py", title=i18n.t("page.endpoints")),
]
page = st.navigation([chat, *others], position="hidden")  # ui/sidebar.py has the links
is_chat = page.url_path == chat.url_path
wanted, tab_state.tab().goes_to = tab_state.tab().goes_to, ""
if wanted == "chat" and not is_chat:
    st.switch_page(chat, query_params=tab_state.address())
if wanted == "history":
    st.switch_page(others[0])
with st.sidebar, st.container(key="scripts", gap=None):  # nobody sees them
    load_copying()
    load_marks()
    load_rating()
    load_composer()
try:
    page.run()
except StoreUnavailable as error:
    # the longer sentence is about a question that could not be sent
    is_short = not is_chat and not isinstance(error, StoreLost)
    notices.show_failure(
        replace(error.failure, code=StoreError.code) if is_short else error.failure
    )
    tab_state.come_back_soon()
