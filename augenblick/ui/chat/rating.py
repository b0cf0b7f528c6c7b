"""Whether an answer was good: two buttons below it, which work without a run of the script."""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit as st

from augenblick.core.messages import Rating
from augenblick.ui import i18n
from augenblick.web.own_routes import rating_path

_TEXTS = {
    Rating.UP: ("rating.up", "rating.up_named"),
    Rating.DOWN: ("rating.down", "rating.down_named"),
}

_component = st.components.v2.component(
    "augenblick_rating",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def load_rating() -> None:
    """Put the script on the page, once for each run; nobody sees it."""
    failed = i18n.t("rating.failed")
    _component(key="rating", data={"failed": failed}, width="content", height="content")


def draw_rating(answer_id: str, rating: Rating | None, *, question: str) -> None:
    """Draw the buttons; `question` names the answer to screen readers."""
    buttons = "".join(
        f'<button type="button" data-rating="{each}" '
        f'aria-pressed="{"true" if each is rating else "false"}" '
        f'aria-label="{escape(i18n.t(named, question=question))}" '
        f'title="{escape(i18n.t(short))}"></button>'
        for each, (short, named) in _TEXTS.items()
    )
    st.html(
        f'<div class="rating" data-address="{rating_path(answer_id)}">{buttons}'
        '<span role="status"></span></div>',
        width="content",
    )
