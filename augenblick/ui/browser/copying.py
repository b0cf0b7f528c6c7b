"""Copying in one click, as text and as it looks; and answers read aloud by the browser.

A button is plain HTML; one script for the whole page (copying.js) does what it says. The text of an
answer is fetched at the click, so the page does not hold it twice.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit as st

from augenblick.ui import i18n
from augenblick.ui.tab_state import tab

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "augenblick_copying",
    css=(_HERE / "copying.css").read_text(encoding="utf-8"),
    js=(_HERE / "copying.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def load_copying() -> None:
    """Put the script on the page, once for each run; nobody sees it."""
    code = i18n.current().code
    memory = tab()
    words = {
        "done": i18n.t("answer.copied"),
        "failed": i18n.t("answer.not_copied"),
        "table": i18n.t("answer.copy_table"),
        "csv": i18n.t("answer.save_csv"),
        "file": f"{i18n.t('answer.table_file')}.csv",
    }
    # one for each act and language: the script of one that was there before may not run
    _component(
        key=f"copying_{code}_{memory.aloud_count}",
        data={"words": words, "aloud": {"answer": memory.aloud, "count": memory.aloud_count}},
        width="content",
        height="content",
    )


def read_aloud(answer_path: str) -> None:
    """Have the browser read an answer, with the next run; for callbacks."""
    memory = tab()
    memory.aloud, memory.aloud_count = answer_path, memory.aloud_count + 1


def copy_button(text: str, *, label: str = "") -> None:
    """Draw a button that copies `text`, with a word of success on it for a moment."""
    _draw("text", text, label or i18n.t("answer.copy"))


def copy_answer_button(answer_path: str, *, name: str) -> None:
    """Draw a button that copies an answer as Markdown and as HTML; `name` is for screen readers."""
    _draw("answer", answer_path, i18n.t("answer.copy"), name=name)


def _draw(kind: str, value: str, label: str, *, name: str = "") -> None:
    held = escape(value).replace("\n", "&#10;")  # Streamlit takes away what begins all lines
    named = f' aria-label="{escape(name)}"' if name else ""
    st.html(
        f'<button type="button" class="copy-button" data-{kind}="{held}"{named}>'
        f"<span>{escape(label)}</span></button>",
        width="content",
    )
