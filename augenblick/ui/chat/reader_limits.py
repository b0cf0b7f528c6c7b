"""The way to a model that can do more, below an answer that says the built-in reader can't."""

from __future__ import annotations

import streamlit as st

from augenblick.core.conversations import ReplyRecord
from augenblick.core.language import LANGUAGES, language
from augenblick.core.paths import PROJECT_DIR
from augenblick.core.providers import READER_NAME
from augenblick.ui import i18n


def draw_limits(record: ReplyRecord) -> None:
    """Link to the page that says how a model is connected."""
    if record.provider == READER_NAME and _ends_in_limits(record.picked.text):
        st.page_link(
            PROJECT_DIR / "pages" / "endpoints.py",
            label=i18n.t("answer.connect"),
            icon=":material/add_link:",
        )


def _ends_in_limits(text: str) -> bool:
    """Whether the reader has said in any language what it can't do (`reader/generation.py`)."""
    return any(
        text.rstrip().endswith(language(code, "reader").text("reader.limits.note"))
        for code in LANGUAGES
    )
