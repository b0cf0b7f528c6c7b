"""A model that sees no pictures answers all the same; the page says so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from augenblick.core.paths import PROJECT_DIR
from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, ask, click_until, messages, photo
from tests.faults.server import FaultServer, Received, Step
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

            way_out.click()

            expect(messages(page).first).to_contain_text("22,24", timeout=120_000)
            expect(messages(page).first).to_contain_text("as a text recognition read it")
            expect(messages(page).last).to_contain_text("as the built-in text recognition read it")
            expect(messages(page)).to_have_count(2)
            sent = json.loads(script.asked[-1].body)["messages"][-1]["content"]
            assert "image_url" not in json.dumps(sent)
            assert "How much is it?" in json.dumps(sent)
            assert "Gesamtbetrag 22,24" in json.dumps(sent)
            page.close()


class Pair:
    """An endpoint with a model that sees, or fails to, and one that does not, or says so."""

    def __init__(self, *, says_so: bool) -> None:
        self.blind = Script(words=("A lovely dog.",))
        self.seer = Script(words=("Total 22.24",), refusal=("401 Unauthorized", "invalid_api_key"))
        self._says_so = says_so

    def __call__(self, received: Received) -> Iterable[Step]:
        """Answer one request."""
        if b'"model":"seer"' in received.body:
            return self.seer(received)
        if self._says_so and b"image_url" in received.body:
            return self.blind.refuse(
                b'{"error": {"message": "this model does not support images"}}'
            )
        return self.blind(received)


@pytest.mark.parametrize("says_so", [False, True])
def test_a_model_that_is_named_for_it_reads_the_picture(
    open_page: OpenPage,
    tmp_path: Path,
    says_so: bool,  # noqa: FBT001 - a row of the table
) -> None:
    """It gets the picture after a click that names it; where it fails nothing is lost."""
    party = "127.0.0.1 · seer"
    pair = Pair(says_so=says_so)
    with FaultServer(pair) as endpoint:
        env = {
            "OPENAI_BASE_URL": endpoint.base_url,
            "OPENAI_MODEL": "blind,seer",
            "AUGENBLICK_TRANSCRIBER": "openai/seer",
            "AUGENBLICK_TEST_PICTURE": "on",
        }
        with serve_app(tmp_path, env=env) as server:
            page, _ = open_page(server.url)
            ask(page, "How much is it?", [SAMPLES / "receipt.jpg"])
            answer = messages(page).last
            expect(answer).to_contain_text(f"{party} would get the picture", timeout=60_000)
            assert pair.seer.asked == []
            way_out = page.get_by_role("button", name=f"Let {party} read it and send the text")
            click_until(way_out, answer.get_by_text("Nothing was sent on", exact=False))
            expect(messages(page).first.get_by_role("img")).to_be_visible()

            pair.seer.refusal = None
            way_out.click()

            question = messages(page).first
            expect(question).to_contain_text(f"as {party} read it:", timeout=60_000)
            expect(question).to_contain_text("Total 22.24")
            said = f"Answered from the text in the picture, as {party} read it"
            expect(answer).to_contain_text(said)
            sent = json.dumps(json.loads(pair.blind.asked[-1].body)["messages"][-1])
            assert "image_url" not in sent
            assert "How much is it?" in sent
            assert "Total 22.24" in sent
            page.reload()
            expect(answer).to_contain_text(said)
            page.close()
