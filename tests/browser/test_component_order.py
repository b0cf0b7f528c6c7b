"""Calls of a component's script that come in another order than they were made.

Streamlit imports a script for each change, and imports of one that is being loaded end in any
order. Here the composer's scripts are loaded after an answer has ended, the newest call first.
"""

from __future__ import annotations

from pathlib import Path

from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, area, ask, messages, send
from tests.faults.server import FaultServer
from tests.serving import serve_app

_HOLD_CALLS = """(() => {
  if (!sessionStorage.getItem("holds")) return;
  const loads = [];
  let isReleased = false;
  window.wait = () => isReleased || new Promise((load) => loads.push(load));
  window.release = () => { isReleased = true; loads.forEach((load) => load()); };
  window.isWaiting = () => loads.length > 1;
  window.held = [];
  window.Blob = class extends window.Blob {
    constructor(parts, options) {
      if (!parts?.[0]?.includes?.("sourceURL=st-bidi-augenblick_composer")) {
        super(parts, options);
        return;
      }
      super(["await window.wait();\\n" +
        parts[0].replace("export default function", "const main = function") +
        ";\\nexport default (given) => { window.held.push(() => main(given)); };"], options);
    }
  };
})()"""


def test_a_call_that_comes_late_changes_nothing(tmp_path: Path, open_page: OpenPage) -> None:
    """The page was opened anew while an answer was written; it ends, and the next is asked."""
    script = Script(words=[f"w{number} " for number in range(40)], waits_before="w20 ")
    with (
        FaultServer(script) as endpoint,
        serve_app(tmp_path, env={"OPENAI_BASE_URL": endpoint.base_url}) as server,
    ):
        # with whom is an expert the page is drawn anew at the end of an answer
        page, watch = open_page(server.url, "/?expert=true")
        watch.expect("WebSocket")
        page.add_init_script(_HOLD_CALLS)
        ask(page, "Tell me")
        messages(page).last.get_by_text("w3").wait_for()
        page.evaluate("sessionStorage.setItem('holds', 'yes')")
        page.reload()
        page.wait_for_function("() => window.isWaiting?.()")  # its first call is on the way
        script.waits_before = ""
        copy = messages(page).last.get_by_role("button", name="Copy answer")
        copy.wait_for()
        page.evaluate("release()")
        page.wait_for_function("() => held.length > 2")
        page.evaluate("held.reverse().forEach((call) => call())")

        area(page).fill("And now?")
        send(page)
        messages(page).nth(3).get_by_text("w3").wait_for()
        assert len(script.asked) == 2
