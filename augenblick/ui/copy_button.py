"""A button that puts a text on the clipboard in one click; Streamlit has none of its own.

Where the browser forbids the clipboard (plain HTTP on a phone), the old selection command is used.
"""

from __future__ import annotations

import streamlit as st

from augenblick.ui import words

_STYLE = """
button {
  font: inherit; font-size: 0.875rem; color: var(--st-text-color);
  display: inline-flex; align-items: center; gap: 0.5rem;
  background: none; border: 0; padding: 0.3rem 0; cursor: pointer;
  border-radius: var(--st-button-radius, 0.5rem); min-height: 2.25rem; white-space: nowrap;
}
button:hover { color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
svg { width: 1.05rem; height: 1.05rem; fill: none; stroke: currentColor; stroke-width: 1.8; }
"""

_SCRIPT = """
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  const words = parentElement.querySelector("span");
  words.textContent = data.label;
  const old = () => {
    const area = document.createElement("textarea");
    area.value = data.text; area.style.position = "fixed"; area.style.opacity = "0";
    document.body.appendChild(area); area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  };
  const copy = async () => {
    try { await navigator.clipboard.writeText(data.text); return true; } catch { return old(); }
  };
  button.onclick = async () => {
    words.textContent = (await copy()) ? data.done : data.failed;
    setTimeout(() => { words.textContent = data.label; }, 1600);
  };
}
"""

_BUTTON = """
<button type="button"><svg viewBox="0 0 24 24" aria-hidden="true"><rect x="9" y="8" width="11"
height="13" rx="2"/><path d="M15 8V5a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v10a2 2 0 0 0 2 2h3"/></svg
><span></span></button>
"""

_component = st.components.v2.component("augenblick_copy", html=_BUTTON, css=_STYLE, js=_SCRIPT)


def copy_button(text: str, *, key: str, label: str = "") -> None:
    """Draw a button that copies `text`, with a word of success on it for a moment."""
    _component(
        key=key.replace("_", "."),  # Streamlit refuses "__", which our ids may hold
        data={
            "text": text,
            "label": label or words.say("answer.copy"),
            "done": words.say("answer.copied"),
            "failed": words.say("answer.not_copied"),
        },
        width="content",
        height="content",
    )
