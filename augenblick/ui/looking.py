"""Has the page show what somebody just did: the question sent, the question opened for a change."""

from __future__ import annotations

import streamlit as st

# Streamlit follows an answer only from the end of the page, and once there it stays there, also
# when a question further up opens. The new field is drawn by a run to come, and Streamlit goes on
# to the end until what is below the field has been drawn too; so it is held until somebody moves.
_SCRIPT = """
const SUBMIT = '[data-testid="stChatInputSubmitButton"]';
const INPUT = '[data-testid="stChatInputTextArea"]';
const PENCIL = '[class*="st-key-pencil_"] button';
const FIELD = '[class*="st-key-edit_"] textarea';
const PATIENCE_MS = 10000;
const LOOKS = 30;
const goToEnd = () => {
  const page = document.getElementById("stMain");
  page?.scrollTo(0, page.scrollHeight);
};
const isSeen = (field) => {
  const { top, bottom } = field.getBoundingClientRect();
  return top > 0 && (top + bottom) / 2 < 0.6 * window.innerHeight;  // the input covers the rest
};
const holdInView = (field) => {
  let looks = LOOKS;
  const hold = setInterval(() => {
    if (!isSeen(field)) field.scrollIntoView({ block: "center" });
    looks -= 1;
    if (!looks || !field.isConnected) clearInterval(hold);
  }, 100);
  const letGo = () => clearInterval(hold);
  for (const act of ["wheel", "touchmove", "keydown"])
    document.addEventListener(act, letGo, { once: true, passive: true });
};
const lookAtField = () => {
  const field = document.querySelector(FIELD);
  if (!field) return false;
  field.focus({ preventScroll: true });
  holdInView(field);
  return true;
};
export default function () {
  const watch = new MutationObserver(() => { if (lookAtField()) watch.disconnect(); });
  const click = (event) => {
    if (event.target.closest?.(SUBMIT)) goToEnd();
    if (!event.target.closest?.(PENCIL)) return;
    watch.observe(document.body, { childList: true, subtree: true });
    setTimeout(() => watch.disconnect(), PATIENCE_MS);
  };
  const press = (event) => {
    const isSent = event.key === "Enter" && !event.shiftKey && !event.isComposing;
    if (isSent && event.target.matches?.(INPUT) && event.target.value.trim()) goToEnd();
  };
  document.addEventListener("click", click, true);
  document.addEventListener("keydown", press, true);
  return () => {
    watch.disconnect();
    document.removeEventListener("click", click, true);
    document.removeEventListener("keydown", press, true);
  };
}
"""

_component = st.components.v2.component("augenblick_looking", js=_SCRIPT)


def keep_in_view() -> None:
    """Mount what scrolls; takes no place of its own."""
    _component(key="keep_in_view")
