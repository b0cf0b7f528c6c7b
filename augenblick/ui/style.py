"""The few rules of style that Streamlit's theme cannot say."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_FOLDER = Path(__file__).parent
_SHEETS = ("assets/page.css", "chat/foot.css", "experts/panel.css")

# Not in the sheet as `.stApp:has(...)`: with it the browser looked through the whole page again
# with every frame of a streaming answer, a tenth of all it had to do.
_WIDE = """<style>
.stApp :is([data-testid="stMainBlockContainer"], [data-testid="stBottomBlockContainer"]) {
  max-width: 64rem;
}
</style>"""


def sheet_of_all_pages() -> str:
    """What comes with the page's head, before anything is drawn."""
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in _SHEETS)


def widen_page() -> None:
    """Make the page wider, for what stands side by side on it; takes no place on it."""
    st.html(_WIDE)
