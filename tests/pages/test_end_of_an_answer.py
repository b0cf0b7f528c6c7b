"""What the end of an answer costs: the row below it, and nothing that stands there already."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.browser.playing import Script
from tests.faults.server import FaultServer
from tests.serving import serve_app
from tests.streamlit_client import open_page

_MOST_BYTES = 10_000


@pytest.mark.parametrize("paragraphs", [4, 200])
def test_the_end_sends_little_however_long_the_answer_is(tmp_path: Path, paragraphs: int) -> None:
    """The text is not sent again, neither as it looks nor as what a button copies."""
    words = [f"Paragraph {number} of an answer that goes on.\n\n" for number in range(paragraphs)]
    script = Script(words=[*words, "The end."], pause_seconds=0.01)
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        with serve_app(tmp_path, env=env) as server:
            sent = asyncio.run(_sent_after_the_text(server.url))

    assert sent < _MOST_BYTES


async def _sent_after_the_text(url: str) -> int:
    async with open_page(url) as page:
        await page.submit("Tell me")
        await page.wait_for(lambda: any("The end." in " ".join(m.texts) for m in page.messages))
        before = page.received_bytes
        await page.wait_for(lambda: page.is_idle and "Ask again" in page.buttons)
        return page.received_bytes - before
