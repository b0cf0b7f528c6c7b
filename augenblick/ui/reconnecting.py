"""A page that finds its server again, which may be another one that knows nothing of the page.

Streamlit runs the script anew only where an answer was cut off. On a server that was started
meanwhile the first click would then go to a script that has drawn nothing yet, and be lost.
"""

from __future__ import annotations

import streamlit as st

_SCRIPT = """
export default function ({ setTriggerValue }) {
  const app = document.querySelector('[data-testid="stApp"]');
  const isConnected = () => app.dataset.testConnectionState === "CONNECTED";
  let wasConnected = isConnected();
  const watching = new MutationObserver(() => {
    const isBack = isConnected() && !wasConnected;
    wasConnected = isConnected();
    if (isBack && app.dataset.testScriptState === "notRunning") setTriggerValue("back", true);
  });
  watching.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
  return () => watching.disconnect();
}
"""

_component = st.components.v2.component("augenblick_reconnecting", js=_SCRIPT)


def run_when_reconnected() -> None:
    """Have the script run once the page has found a server again; nobody sees it."""
    _component(key="reconnecting", width="content", height="content", on_back_change=lambda: None)
