"""A model that sees no pictures answers all the same; the page says so."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect

from augenblick.core.paths import PROJECT_DIR
from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, ask, messages, photo
from tests.faults.server import FaultServer
from tests.serving import serve_app

SAMPLES = PROJECT_DIR / "augenblick" / "pictures" / "samples"


def test_an_answer_of_a_model_that_sees_nothing_is_marked(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """Below the answer, without a click; a question without pictures asks for no check."""
    script = Script(words=("A lovely dog on a beach.",), models=("blind", "other"))
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "AUGENBLICK_TEST_PICTURE": "on"}
        with serve_app(tmp_path, env=env) as server:
            page, _ = open_page(server.url)
            ask(page, "Hello")
            expect(page.get_by_role("button", name="Ask again")).to_be_visible()
            assert len(script.asked) == 1

            ask(page, "What is this?", [photo(tmp_path, "dog.jpg")])

            warning = page.get_by_test_id("stAlert")
            expect(warning).to_contain_text("was asked about a test picture and did not see it")
            assert len(script.asked) == 4
            page.reload()
            expect(warning).to_be_visible()
            assert len(script.asked) == 4
            page.goto(f"{server.url}/endpoints")
            card = page.locator(".model-card")
            expect(card).to_contain_text("Sees picturesNo")
            expect(card).to_contain_text("Tried with a test picture on")
            page.close()


def test_the_text_in_a_picture_can_be_sent_in_its_place(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """Read by the built-in reader after a click; what is handed over stands in the question."""
    script = Script(words=("A lovely dog on a beach.",), models=("blind",))
    with FaultServer(script) as endpoint:
        env = {
            "OPENAI_BASE_URL": endpoint.base_url,
            "AUGENBLICK_TEST_PICTURE": "on",
            "AUGENBLICK_READER": "on",
        }
        with serve_app(tmp_path, env=env) as server:
            page, _ = open_page(server.url)
            ask(page, "How much is it?", [SAMPLES / "receipt.jpg"])
            way_out = page.get_by_role("button", name="Send the text in the picture instead")

            way_out.click(timeout=60_000)

            expect(messages(page).first).to_contain_text("22,24", timeout=120_000)
            expect(messages(page).first).to_contain_text("as a text recognition read it")
            expect(messages(page)).to_have_count(2)
            sent = json.loads(script.asked[-1].body)["messages"][-1]["content"]
            assert "image_url" not in json.dumps(sent)
            assert "How much is it?" in json.dumps(sent)
            assert "Gesamtbetrag 22,24" in json.dumps(sent)
            page.close()
