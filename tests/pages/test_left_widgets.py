"""What has left the page is forgotten, and what somebody set or just clicked is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

from streamlit.proto.WidgetStates_pb2 import WidgetState

from augenblick.ui.left_widgets import MOST_LEFT
from tests.serving import serve_script
from tests.streamlit_client import Page, open_page

_A_RUN = 30  # buttons that no other run has
_RUNS = 20
_LASTING = 5  # the others on the page, and to spare
_PAGE = f"""
import streamlit as st

state = st.session_state
state.setdefault("clicks", 0)
state.number = state.get("number", 0) + 1

def count_click():
    state.clicks += 1

if state.number in (1, {_RUNS}):
    st.text_input("Kept", key="kept", persist_state="session")
if state.number == 1:
    st.text_input("Bound", key="bound", bind="query-params")
for place in range({_A_RUN}):
    name = f"{{state.number}}-{{place}}"
    st.button(name, key=name, on_click=count_click)
inside = st.runtime.scriptrunner.get_script_run_ctx().session_state._state
st.text(f"widgets: {{len(inside._new_widget_state.widget_metadata)}}")
st.text(f"keys: {{len(inside._key_id_mapper._key_id_mapping)}}")
st.text(f"ids: {{len(inside._key_id_mapper._id_key_mapping)}}")
st.text(f"clicks: {{state.clicks}}")
st.text(f"kept: {{state.get('kept')}}")
"""


def test_widgets_that_left_are_forgotten_but_for_the_last(tmp_path: Path) -> None:
    """On the real server, one tab; a click on what has just left counts, a persisted text stays."""
    with serve_script(tmp_path, _PAGE) as server:
        asyncio.run(_use(server.url))


async def _use(url: str) -> None:
    async with open_page(url) as page:
        await page.wait_for(lambda: page.is_idle)
        (kept, _bound) = (element.text_input for element in page.elements("text_input"))
        written = WidgetState(id=kept.id, string_value="a text")
        for number in range(2, _RUNS + 1):
            left = page.elements("button")[0].button.id
            await page.rerun(*([written] if number == 2 else []))
            await page.wait_for(lambda number=number: page.is_idle and page.runs == number)  # type: ignore[misc]

        for name in ("widgets", "keys", "ids"):
            assert _number(page, name) <= 2 * _A_RUN + MOST_LEFT + _LASTING
        assert "kept: a text" in _texts(page)
        await page.rerun(WidgetState(id=left, trigger_value=True))
        await page.wait_for(lambda: page.is_idle and "clicks: 1" in _texts(page))


def _texts(page: Page) -> list[str]:
    return [element.text.body for element in page.elements("text")]


def _number(page: Page, name: str) -> int:
    return next(int(t.split()[1]) for t in _texts(page) if t.startswith(f"{name}:"))
