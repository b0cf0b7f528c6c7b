"""What the browser's back button leads to: the pages and conversations that were seen."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from augenblick.ui.state import CONVERSATION_PARAM, tab

# Streamlit keeps an entry for every address of its own making: three for one step to another page,
# whose settings it takes out of the address, puts back, and only then names the page. Here an entry
# is a page and, on the chat page, a conversation; anything else changes the entry there is. One
# whose conversation went is on the way to somewhere until a run has drawn it without.
_SCRIPT = """
const replace = (state, title, url) =>
  History.prototype.replaceState.call(history, state, title, url);
const install = ({ parameter, others }) => {
  if (Object.hasOwn(history, "pushState")) return;
  const isChat = (path) => !others.some((other) => path.endsWith(`/${other}`));
  history.pushState = (state, title, url) => {
    const from = new URL(location.href), to = new URL(url, from);
    const [before, after] = [from, to].map((one) => one.searchParams.get(parameter));
    const isSamePage = from.pathname === to.pathname;
    if (isSamePage && (before === after || !isChat(to.pathname)))
      return replace(history.state, title, url);
    if (!isSamePage && history.state?.isOnTheWay) return replace(state, title, url);
    const isOnTheWay = isSamePage && before !== null && after === null;
    return History.prototype.pushState.call(history, { ...state, isOnTheWay }, title, url);
  };
};
export default function ({ data }) {
  install(data);
  const isThere = new URL(location.href).searchParams.get(data.parameter) === data.conversation;
  if (isThere && history.state?.isOnTheWay) replace({}, "", location.href);
}
"""

_component = st.components.v2.component("augenblick_back_button", js=_SCRIPT)


def keep_back_button(others: Iterable[str]) -> None:
    """Have one entry for what was seen; nobody sees it on the page.

    Parameters
    ----------
    others : the parts of the address of the pages that are not the chat page.

    """
    data = {
        "parameter": CONVERSATION_PARAM,
        "others": list(others),
        "conversation": tab().conversation_id,
    }
    _component(key="back_button", data=data, width="content", height="content")
