"""The few rules of style that Streamlit's theme cannot say."""

from __future__ import annotations

import json

import streamlit as st

from augenblick.ui import words

# A wide table scrolls in its own place. Without this it makes a phone's whole page wide.
_STYLE = """<style>
[data-testid="stMarkdownContainer"]:has(> table), [data-testid="stMarkdownContainer"] blockquote {
  overflow-x: auto;
}
[data-testid="stMarkdownContainer"] li > table { display: block; overflow-x: auto; }
</style>"""

# Streamlit's own words are English; where they repeat what a label says, they go altogether.
_OWN_WORDS = """<style>
[data-testid="InputInstructions"], [data-testid="stFileUploaderDropzoneInstructions"],
[data-testid="stCameraInput"] p > a, [data-testid="stErrorCodeBlock"],
[data-testid="stFileUploaderDropzone"] button [data-testid="stMarkdownContainer"] p {
  display: none;
}
[data-testid="stFileUploaderDropzone"] button [data-testid="stMarkdownContainer"]::after {
  content: CHOOSE_FILES;
}
</style>"""

# Not in the sheet as `.stApp:has(...)`: with it the browser looked through the whole page again
# with every frame of a streaming answer, a tenth of all it had to do.
_WIDE = """<style>
.stApp :is([data-testid="stMainBlockContainer"], [data-testid="stBottomBlockContainer"]) {
  max-width: 64rem;
}
</style>"""


def draw_style() -> None:
    """Add the rules to the page; takes no place on it."""
    choose = json.dumps(words.say("upload.choose"), ensure_ascii=False)  # quoted as CSS does it too
    st.html(_STYLE + _OWN_WORDS.replace("CHOOSE_FILES", choose))


def widen_page() -> None:
    """Make the page wider, for what stands side by side on it; takes no place on it."""
    st.html(_WIDE)
