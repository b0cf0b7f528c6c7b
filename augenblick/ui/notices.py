"""What a person reads when something went wrong: title, what happened, what to do.

The sentences stand in the catalogues under `error.<code>.title`, `.what` and `.do`, one row for
every error class; a test walks the tree and fails on a missing row.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from augenblick.core.conversations import ReplyRecord
from augenblick.core.errors import Failure
from augenblick.core.messages import Adjustment, ReplyEnd
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal

_CAME = {"unread_part", "unshown_pictures"}  # an answer with these is not an empty one
_UNKNOWN = "unexpected"


def show_failure(failure: Failure) -> None:
    """Draw an error as a notice with its details folded away."""
    title, what, todo = sentences(failure)
    st.error(f"{what} {todo}", title=title, icon=":material/error:")
    if failure.detail:
        with st.expander(i18n.t("notice.details"), type="compact"):
            st.code(failure.detail, language=None, wrap_lines=True)


def show_troubles(refused: tuple[Failure, ...], failure: Failure | None) -> None:
    """Draw what came of the last act: pictures that could not be used, and why it did not work."""
    show_refused_pictures(refused)
    if failure is not None:
        show_failure(failure)


def show_broken_page(error_id: str) -> None:
    """Say that the page itself failed; the id finds the place in the server's log."""
    title = i18n.t("notice.broken_page.title")
    st.error(i18n.t("notice.broken_page", error_id=error_id), title=title)


def show_refused_pictures(refused: tuple[Failure, ...]) -> None:
    """Name each picture that could not be used, and why; those left out by number at once."""
    left_out = [failure for failure in refused if failure.code == "image_too_many"]
    if left_out:
        names = ", ".join(str(failure.params.get("name", "")) for failure in left_out)
        _show_refused(replace(left_out[0], params={**left_out[0].params, "name": names}))
    for failure in refused:
        if failure not in left_out:
            _show_refused(failure)


def _show_refused(failure: Failure) -> None:
    _, what, todo = sentences(failure)
    st.warning(f"{what} {todo}", icon=":material/hide_image:")


def show_adjustments(adjustments: tuple[Adjustment, ...]) -> None:
    """Say what was changed so that the endpoint would take the request."""
    for adjustment in adjustments:
        if adjustment.code == "answer_failed":
            continue  # it stands where that answer would be
        key = f"adjustment.{adjustment.code}"
        params = {name: _shown(value) for name, value in adjustment.params.items()}
        st.caption(f":material/build: {i18n.t(key, **params)}")


def show_end(record: ReplyRecord) -> None:
    """Say how a reply ended, unless it is complete."""
    choice = record.picked
    if record.end is ReplyEnd.COMPLETE and not choice.text:
        if record.pictures or any(each.code in _CAME for each in record.adjustments):
            return
        key = "note.only_reasoning" if choice.reasoning else "note.empty"
    elif record.end in {None, ReplyEnd.COMPLETE, ReplyEnd.FAILED}:
        return
    else:
        key = f"end.{record.end}"
    st.caption(f":material/info: {i18n.t(key)}")


def sentences(failure: Failure) -> tuple[str, str, str]:
    """Return title, what happened and what to do, in the language of the page."""
    language = i18n.current()
    code = failure.code if language.has(f"error.{failure.code}.title") else _UNKNOWN
    params = {name: _shown(value) for name, value in failure.params.items()}
    title = language.text(f"error.{code}.title", **params)
    what = language.text(f"error.{code}.what", **params)
    return title, what, language.text(f"error.{code}.do", **params)


def _shown(value: str | float) -> str | float:
    """Keep names from being taken for Markdown."""
    return literal(value) if isinstance(value, str) else value
