"""What a screen reader is told: that an answer is being written, and that it has ended.

The answer itself is no live region, so nobody hears it token by token. The words stand, unseen, in
a region of their own that stays in the page while Streamlit draws anew.
"""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from augenblick.ui import words
from augenblick.ui.state import tab

_SCRIPT = """
export default function ({ data }) {
  let region = document.getElementById("augenblick-status");
  if (!region) {
    region = document.createElement("div");
    region.id = "augenblick-status";
    region.setAttribute("role", "status");
    region.setAttribute("aria-live", "polite");
    Object.assign(region.style, {
      position: "absolute", width: "1px", height: "1px", margin: "-1px", padding: "0",
      border: "0", overflow: "hidden", clipPath: "inset(50%)", whiteSpace: "nowrap",
    });
    document.body.append(region);
  }
  if (region.textContent === data.text) return;
  setTimeout(() => { region.textContent = data.text; }, 50);
}
"""

_component = st.components.v2.component("augenblick_status", js=_SCRIPT)


def draw_status(*, is_writing: bool) -> DeltaGenerator:
    """Say where things are, in every run; returns the place for `say_ended`."""
    memory = tab()
    place = st.sidebar.empty()  # where an element without height leaves no gap that anybody sees
    if is_writing:
        _say(place, words.say("status.writing"))
    elif memory.was_writing:
        _say(place, words.say("status.ended"))
    memory.was_writing = memory.was_writing or is_writing
    return place


def say_ended(place: DeltaGenerator) -> None:
    """Say that the answer has ended, in the run that has seen it being written."""
    _say(place, words.say("status.ended"))


def _say(place: DeltaGenerator, text: str) -> None:
    """Say it by a component of its own: the script of one that was there before may not run."""
    memory = tab()
    if memory.said != text:
        memory.said = text
        memory.said_count += 1
    key = f"status {memory.said_count}"
    with place:
        _component(key=key, data={"text": text}, width="content", height="content")
