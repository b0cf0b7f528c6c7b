"""What language the page is in, and our words for what Streamlit draws by itself.

Streamlit calls every page English and names the buttons of its own in English, so that a screen
reader would read German with English sounds. The words stand in the catalogues as all others.
"""

from __future__ import annotations

import streamlit as st

from augenblick.ui import words

# What Streamlit says, and the key of our words for it. One that ends in a space is a beginning,
# as in "Fullscreen: receipt.jpg".
_WORDS = {
    "App pages": "named.pages",
    "Chat message from assistant": "named.answer",
    "Chat message from user": "named.question",
    "Clear value": "named.clear",
    "Close": "named.close",
    "Close fullscreen": "named.fullscreen_close",
    "Collapse sidebar": "named.sidebar_close",
    "Connection error": "named.connection_lost",
    "Copy to clipboard": "named.copy",
    "Expand sidebar": "named.sidebar_open",
    "Fullscreen": "named.fullscreen",
    "Fullscreen: ": "named.fullscreen_of",
    "Help for ": "named.help_for",
    "Is Streamlit still running? If you accidentally stopped Streamlit, just restart it in your "
    "terminal:": "named.server_silent",
    "Open": "named.open",
    "Remove ": "named.remove",
    "Send message": "named.send",
    "Sidebar": "named.sidebar",
    "Skip to main content": "named.skip",
    "Streamlit server is not responding. Are you connected to the internet?": "named.server_silent",
    "Take Photo": "camera.shutter",
    "This app would like to use your camera.": "camera.waits",
    "Upload files": "named.upload",
    "file upload": "named.upload",
}

# Names and texts are changed in place, of which React hears nothing, and put back in the end.
_SCRIPT = """
const NAMED = "[aria-label]";
const WRITTEN =
  '[data-testid="stSkipToContent"], [data-testid="stCameraInput"] :is(button, p), ' +
  '[data-testid="stTooltipContent"] p, [role="dialog"] > h2, [role="dialog"] > div > div';

export default function ({ data }) {
  document.documentElement.lang = data.code;
  const starts = Object.keys(data.words).filter((own) => own.endsWith(" "));
  const translated = (own) => {
    if (Object.hasOwn(data.words, own)) return data.words[own];
    const start = starts.find((found) => own.startsWith(found));
    return start ? data.words[start] + own.slice(start.length) : own;
  };
  const rename = (element) => {
    const own = element.getAttribute("aria-label");
    const ours = translated(own);
    if (ours === own || element.dataset.ours === own) return;
    Object.assign(element.dataset, { own, ours });
    element.setAttribute("aria-label", ours);
  };
  const rewrite = (element) => {
    const text = element.firstChild;
    if (text?.nodeType !== Node.TEXT_NODE || translated(text.data) === text.data) return;
    element.dataset.ownText = text.data;
    text.data = translated(text.data);
  };
  const translate = (place) => {
    if (place.nodeType !== Node.ELEMENT_NODE) return;
    if (place.matches(NAMED)) rename(place);
    if (place.matches(WRITTEN)) rewrite(place);
    place.querySelectorAll(NAMED).forEach(rename);
    place.querySelectorAll(WRITTEN).forEach(rewrite);
  };
  translate(document.body);
  const watching = new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "childList") addedNodes.forEach(translate);
      else if (target.matches(NAMED)) rename(target);
    }
  });
  watching.observe(document.body, {
    attributes: true, attributeFilter: ["aria-label"], childList: true, subtree: true,
  });
  return () => {
    watching.disconnect();
    for (const element of document.querySelectorAll("[data-own]")) {
      if (element.getAttribute("aria-label") === element.dataset.ours) {
        element.setAttribute("aria-label", element.dataset.own);
      }
      delete element.dataset.own;
      delete element.dataset.ours;
    }
    for (const element of document.querySelectorAll("[data-own-text]")) {
      element.firstChild.data = element.dataset.ownText;
      delete element.dataset.ownText;
    }
  };
}
"""

_component = st.components.v2.component("augenblick_page_language", js=_SCRIPT)


def draw_page_language() -> None:
    """Tell the browser which language the page speaks; nobody sees it."""
    code = words.current().code
    ours = {own: words.say(key) for own, key in _WORDS.items()}
    # one for each language: the script of one that was there before may not run
    _component(
        key=f"page_language_{code}",
        data={"code": code, "words": ours},
        width="content",
        height="content",
    )
