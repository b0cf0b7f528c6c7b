"""The check of answers against their pictures: what stands below an answer, and its marks.

One script for the page (evidence_marks.js) asks for the check of each answer that comes into sight
and marks the values in what is drawn; the text itself stays as it is.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from augenblick.ops.reader_process import running_reader
from augenblick.ui import i18n
from augenblick.web.addresses import base_path
from augenblick.web.own_routes import evidence_path

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "augenblick_evidence",
    css=(_HERE / "evidence_marks.css").read_text(encoding="utf-8"),
    js=(_HERE / "evidence_marks.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def load_marks() -> None:
    """Put the script on the page where a reader runs, once for each run; nobody sees it."""
    if running_reader() is not None:
        _component(key="evidence_marks", data={}, width="content", height="content")


def draw_check(conversation_id: str, reply_id: str, choice_index: int) -> None:
    """Draw the place of the line below an answer, which the script fills."""
    path = evidence_path(conversation_id, reply_id, choice_index, i18n.current().code)
    address = base_path(st.get_option("server.baseUrlPath")) + path
    st.html(f'<div class="evidence" data-evidence="{address}"></div>')
