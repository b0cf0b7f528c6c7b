"""Has Streamlit forget widgets that have left the page.

It drops the value of such a widget but keeps what it was made with until the tab is closed: its
callback, and with that the conversation and all around it. Measured on 1.67: 12 widgets and 30 KB
with each answer, for as long as the tab is open.
"""

from __future__ import annotations

from functools import wraps

from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state.session_state import SessionState

MOST_LEFT = 100
"""How many are kept: a click may be on its way while the page changes, and it has to count."""


def forget_left_widgets() -> None:
    """From now on, forget those that left longest ago whenever a page has been drawn."""
    finish = SessionState.on_script_finished

    @wraps(finish)
    def finish_and_forget(
        state: SessionState,
        widget_ids_this_run: frozenset[str],
        *,
        remove_stale_widgets: bool = True,
    ) -> None:
        finish(state, widget_ids_this_run, remove_stale_widgets=remove_stale_widgets)
        context = get_script_run_ctx()
        if remove_stale_widgets and context is not None and not context.fragment_ids_this_run:
            _forget(state, widget_ids_this_run)

    setattr(SessionState, "on_script_finished", finish_and_forget)  # noqa: B010 - a method


def _forget(state: SessionState, on_page: frozenset[str]) -> None:
    known = state._new_widget_state.widget_metadata  # noqa: SLF001
    keys = state._key_id_mapper  # noqa: SLF001
    left = [
        widget_id
        for widget_id, widget in known.items()
        if widget_id not in on_page and widget.bind is None and widget.persist_state is None
    ]
    for widget_id in left[:-MOST_LEFT]:
        del known[widget_id]
        key = keys._id_key_mapping.pop(widget_id, None)  # noqa: SLF001
        if key is not None and keys.get_id_from_key(key) == widget_id:
            del keys._key_id_mapping[key]  # noqa: SLF001
