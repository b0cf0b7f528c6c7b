"""Words that were typed and not sent: they wait in the browser, for each conversation its own.

Streamlit gives nobody what stands in its input before it is sent, and drops it with the page. So a
script keeps a copy in the browser's storage of this tab, which a visit to another page and a reload
outlast, and puts it back. Nothing of it comes to the server before it is sent; what is written
in a temporary conversation is not kept there either.
"""

from __future__ import annotations

import streamlit as st

from augenblick.conversations import Conversation
from augenblick.ui.state import tab

# The input belongs to React, which hears of a new value by the event that typing makes. `dataset`
# says whose words an input shows: a fresh one gets what was kept, one that shows another
# conversation's is changed, and words that the server gives back come before both. A conversation
# that its first question has just begun takes over what has been typed since.
_SCRIPT = """
const AREA = '[data-testid="stChatInputTextArea"]';
const PREFIX = "augenblick-unsent:";
const setValue = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;

const put = (area, text) => {
  if (area.value === text) return;
  setValue.call(area, text);
  area.dispatchEvent(new Event("input", { bubbles: true }));
};

const storage = () => {
  try { return window.sessionStorage; } catch { return null; }  // forbidden in some browsers
};

export default function ({ data }) {
  const kept = storage();
  if (!kept) return;
  const entry = PREFIX + data.conversation;
  const self = (window.augenblickUnsent = {});  // the newest is the one that counts
  if (data.forgets) {
    for (const key of Object.keys(kept)) if (key.startsWith(PREFIX)) kept.removeItem(key);
  }
  if (!data.keeps) kept.removeItem(entry);

  const keep = (area) => {
    if (!data.keeps) return;
    try {
      if (area.value) kept.setItem(entry, area.value);
      else kept.removeItem(entry);
    } catch { /* the storage is full: then it is as it was without */ }
  };
  const look = () => {
    const area = document.querySelector(AREA);
    if (!area || window.augenblickUnsent !== self) return;
    const shown = area.dataset.unsentOf;
    if (shown !== data.conversation) {
      area.dataset.unsentOf = data.conversation;
      if (shown === "new" && data.isBegunHere) {  // these words came after its first question
        kept.removeItem(PREFIX + shown);
        keep(area);
        return;
      }
      const isChanged = shown !== undefined;
      if (!data.isGivenBack && (isChanged || !area.value)) put(area, kept.getItem(entry) ?? "");
    } else if (area.value !== (kept.getItem(entry) ?? "")) {
      keep(area);
    }
  };
  const lookSoon = () => setTimeout(look, 0);  // by then an input that was sent is empty

  look();
  const looking = new MutationObserver(look);  // finds the input the moment it is drawn
  looking.observe(document.body, { childList: true, subtree: true });
  const every = setInterval(look, 1000);  // nothing tells of words that the server gives back
  document.addEventListener("input", look, true);
  document.addEventListener("click", lookSoon, true);
  document.addEventListener("keydown", lookSoon, true);
  return () => {
    looking.disconnect();
    clearInterval(every);
    document.removeEventListener("input", look, true);
    document.removeEventListener("click", lookSoon, true);
    document.removeEventListener("keydown", lookSoon, true);
  };
}
"""

_component = st.components.v2.component("augenblick_unsent", js=_SCRIPT)


def keep_unsent(conversation: Conversation | None) -> None:
    """Have the browser keep what is typed for this conversation, or for a new one."""
    memory = tab()
    conversation_id = conversation.id if conversation else "new"
    is_temporary = conversation.is_temporary if conversation else memory.is_temporary
    data = {
        "conversation": conversation_id,
        "keeps": not is_temporary,
        "isBegunHere": conversation_id == memory.begun_id,
        "isGivenBack": bool(memory.restored_text),
        "forgets": memory.forgets_unsent,
    }
    memory.forgets_unsent = False
    of = f"{conversation_id.encode().hex()} {is_temporary}"
    if memory.unsent_of != of:
        memory.unsent_of = of
        memory.unsent_count += 1
    # by a component of its own each time: the script of one that was there before may not run,
    # and the name of one may not hold two underscores in a row, as an id may
    key = f"unsent {memory.unsent_count} {of}"
    with st.sidebar.empty():
        _component(key=key, data=data, width="content", height="content")
