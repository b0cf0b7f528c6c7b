"""The row below an answer, as people use it: copying, asking somebody else, what it took."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, ask, expect_rest, messages
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

CLIPBOARD = ["clipboard-read", "clipboard-write"]
ANSWER = """## Receipt

All of it, *by* **item**:
and a second line.

| item | price |
|---|---:|
| bread | 2.40 |
| =1+1 | -3 % |

```python
total = 2.4
```

Costs $x^2$ then.
"""
_READ = """async () => {
  const [item] = await navigator.clipboard.read();
  const found = {};
  for (const type of item.types) found[type] = await (await item.getType(type)).text();
  return found;
}"""


@pytest.fixture
def connected(tmp_path: Path) -> Iterator[tuple[AppServer, Script]]:
    """A server whose first endpoint plays the answer, and a second one with another model."""
    script = Script(words=(ANSWER,))
    other = Script(words=("From another.",), models=("other-model",))
    with FaultServer(script) as first, FaultServer(other) as second:
        (tmp_path / ".streamlit").mkdir()
        (tmp_path / ".streamlit" / "secrets.toml").write_text(
            f'[providers.first]\nbase_url = "{first.base_url}"\nmodels = ["gpt-4o"]\n'
            f'[providers.second]\nbase_url = "{second.base_url}"\nmodels = ["other-model"]\n'
        )
        with serve_app(tmp_path) as server:
            yield server, script


def _clipboard(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(_READ)
    return found


def _choose(page: Page, menu: str, option: str) -> None:
    expect_rest(page)
    page.get_by_role("button", name=menu).last.click()
    page.get_by_role("menuitem", name=option).click()


def test_a_copied_answer_is_markdown_and_what_it_looks_like(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """Word and mail take the HTML: real cells, plain tags, nothing of the page around it."""
    page, _ = open_page(connected[0].url, permissions=CLIPBOARD)
    ask(page, "What does it say?")
    button = page.get_by_role("button", name="Copy answer to “What does it say?”")
    button.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()

    found = _clipboard(page)

    assert found["text/plain"] == ANSWER
    rich = found["text/html"]
    assert "<td" in rich
    assert ">2.40</td>" in rich
    assert "Receipt</h2>" in rich
    assert "<strong>item</strong>:<br>and a second line." in rich
    assert "total = 2.4" in rich
    assert "x^2" in rich
    assert "class=" not in rich
    assert "Copy" not in rich
    expect(button).to_be_visible()  # it has its own name again


def test_a_table_is_copied_and_saved_by_itself(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """With tabs for spreadsheets, where nothing of it runs as a formula."""
    page, _ = open_page(connected[0].url, permissions=CLIPBOARD)
    ask(page, "What does it say?")
    expect(messages(page).last).to_contain_text("then.")
    expect_rest(page)
    messages(page).last.get_by_role("cell", name="bread").hover()
    page.get_by_role("button", name="Copy table").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()

    found = _clipboard(page)
    assert found["text/plain"] == "item\tprice\nbread\t2.40\n'=1+1\t-3 %"
    assert "<table" in found["text/html"]
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    saved = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert saved.splitlines() == ["item,price", "bread,2.40", "'=1+1,-3 %"]


def test_another_model_is_asked_again_and_where_the_first_failed(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """Both answers stay; a failure names who could be asked instead."""
    server, script = connected
    script.refusal = ("401 Unauthorized", "invalid_api_key")
    page, _ = open_page(server.url)
    ask(page, "What does it say?")
    page.get_by_role("button", name="Ask other-model instead").click()
    expect(messages(page).last).to_contain_text("From another.")
    expect(messages(page).last).to_contain_text("Answer 2 of 2")

    script.refusal = None
    _choose(page, "Ask again", "With gpt-4o")
    expect(messages(page).last).to_contain_text("Receipt")
    expect(messages(page).last).to_contain_text("Answer 3 of 3")


def test_numbers_stand_behind_the_three_dots(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """The result comes first; who wants to know the model finds it, and hides it again."""
    page, _ = open_page(connected[0].url)
    ask(page, "What does it say?")
    more = "More options for the answer to “What does it say?”"
    expect(page.get_by_role("button", name=more)).to_be_visible()
    shown = messages(page).last.get_by_text("gpt-4o")
    expect(shown).to_have_count(0)
    _choose(page, more, "gpt-4o")
    expect(shown).to_be_visible()
    _choose(page, more, "gpt-4o")
    expect(shown).to_have_count(0)


def test_somebody_else_gets_no_text(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """The address of an answer is worth nothing without the cookie of its browser."""
    server, _ = connected
    page, _ = open_page(server.url)
    ask(page, "What does it say?")
    button = page.get_by_role("button", name="Copy answer")
    expect(button).to_be_visible()
    address = f"{server.url}/{button.get_attribute('data-answer')}"

    assert page.request.get(address).text() == ANSWER
    stranger, _ = open_page(server.url)
    assert stranger.request.get(address).status == 404
    assert server.request(f"/{button.get_attribute('data-answer')}").status == 404
