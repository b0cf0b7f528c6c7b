"""A model on the computer of the page, taken into use with one click, in a real browser."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import Ollama, ask, choose, expect_whole, photo, set_sidebar
from tests.faults.server import FaultServer
from tests.serving import serve_app


def test_a_local_model_is_found_and_answers_after_one_click(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """Nothing is configured; no file, no key. The photo goes to it, and to nobody else."""
    ollama = Ollama()
    with (
        FaultServer(ollama) as local,
        serve_app(tmp_path, env={"AUGENBLICK_LOCAL_PORTS": str(local.port)}) as server,
    ):
        page, _ = open_page(server.url, locale="de-DE")
        offer = page.locator(".st-key-local_offer")
        expect(offer).to_contain_text("Auf diesem Rechner läuft Ollama mit qwen2.5vl:7b.")

        offer.get_by_role("button", name="Verwenden").click()
        expect(offer).to_have_count(0)
        choose(page, photo(tmp_path, "schild.jpg"))
        ask(page, "Was steht hier?")

        expect_whole(page, ollama.script.text)
        (asked,) = ollama.script.asked
        content = asked.json()["messages"][-1]["content"]
        assert asked.json()["model"] == "qwen2.5vl:7b"
        assert "authorization" not in asked.headers
        assert any(part["type"] == "image_url" for part in content)
        picker = set_sidebar(page).get_by_role("combobox", name="Modell")
        expect(picker).to_have_value("qwen2.5vl:7b · Ollama")
        page.close()  # before its server ends
