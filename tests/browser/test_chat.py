"""Asking, as people do it: a real browser, the real server, an endpoint that streams."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from augenblick.store import Store
from tests.browser.conftest import OpenPage
from tests.browser.line import Line
from tests.browser.playing import (
    Script,
    area,
    ask,
    choose,
    expect_ready,
    expect_whole,
    messages,
    new_conversation,
    photo,
    problems,
    send,
    shown_answer,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

Endpoint = tuple[AppServer, Script]
SLOW = tuple(f"Wort{number} " for number in range(1, 81))


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The server with an endpoint configured as people do it; tests change the script."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {
            "OPENAI_BASE_URL": endpoint.base_url.removesuffix("/v1"),
            "OPENAI_API_KEY": "sk-canary-4711",
        }
        with serve_app(tmp_path_factory.mktemp("connected"), env=env) as server:
            yield server, script


@pytest.fixture(autouse=True)
def _fresh_script(connected: Endpoint) -> None:
    script = connected[1]
    for name, value in vars(Script()).items():
        setattr(script, name, value)


def _stored_answer(server: AppServer, page: Page) -> str:
    """The last answer as it is stored, byte for byte."""
    (conversation_id,) = parse_qs(urlsplit(page.url).query)["c"]
    store = Store(f"sqlite:///{server.data_dir / 'augenblick.db'}")
    last = store.load_conversation(conversation_id).path()[-1]
    store.close()
    assert last.reply is not None
    return last.reply.picked.text


def _content(script: Script, number: int = -1) -> list[dict[str, object]]:
    return list(json.loads(script.asked[number].body)["messages"][-1]["content"])


def test_a_photo_and_a_question_are_answered(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """The endpoint gets an upright JPEG as a data URI and the key; the page shows the answer."""
    server, script = connected
    page, watch = open_page(server.url, locale="de-DE")

    ask(page, "Was steht auf dem Schild?", [photo(tmp_path, "schild.jpg")])
    expect_whole(page, script.text)

    picture, words = _content(script)
    assert words == {"type": "text", "text": "Was steht auf dem Schild?"}
    image_url = picture["image_url"]
    assert isinstance(image_url, dict)
    head, _, data = image_url["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (640, 400)
    assert script.asked[-1].headers["authorization"] == "Bearer sk-canary-4711"
    assert json.loads(script.asked[-1].body)["stream"] is True
    assert shown_answer(page) == "Ein Schild mit ÄÖÜ ß € 🙂."
    assert "canary" not in page.content()
    assert "canary" not in server.output
    assert watch.problems == []


def test_a_second_question_carries_the_first_with_its_picture(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """Earlier pictures stay in context, and only once."""
    server, script = connected
    page, _ = open_page(server.url)
    ask(page, "What is this?", [photo(tmp_path, "a.jpg"), photo(tmp_path, "b.jpg", text="7")])
    expect_whole(page, script.text)

    script.words = ("Again.",)
    ask(page, "And now?")
    expect_whole(page, "Again.")

    sent = json.loads(script.asked[-1].body)["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert [part["type"] for part in sent[0]["content"]] == ["image_url", "image_url", "text"]
    assert sent[1]["content"] == "Ein Schild mit ÄÖÜ ß € 🙂."
    assert sent[2]["content"] == "And now?"


def test_stop_keeps_what_came_and_closes_the_connection(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """The text so far stays, says that it was stopped, and the endpoint is left alone."""
    server, script = connected
    script.words, script.waits_before = SLOW, "Wort20 "
    page, _ = open_page(server.url)
    ask(page, "Tell me")
    expect(messages(page).last).to_contain_text("Wort5 ")

    page.get_by_role("button", name="Stop", exact=True).click()

    expect(messages(page).last).to_contain_text("Stopped.")
    text = shown_answer(page)
    assert text.startswith("Wort1 Wort2 Wort3 Wort4 Wort5")
    assert "Wort80" not in text
    page.reload()
    expect(messages(page).last).to_contain_text("Wort5")
    assert shown_answer(page).startswith(text)


def test_stop_works_before_the_first_token(connected: Endpoint, open_page: OpenPage) -> None:
    """Nobody has to wait for a model that says nothing."""
    server, script = connected
    script.first_pause_seconds = 300
    page, _ = open_page(server.url)
    ask(page, "Tell me")
    expect(messages(page)).to_have_count(2)  # a question stopped before it is stored comes back

    page.get_by_role("button", name="Stop", exact=True).click()

    expect(messages(page).last).to_contain_text("Stopped.")
    expect_ready(page)


def _reload(page: Page) -> None:
    page.reload()


def _touch_the_language(page: Page) -> None:
    page.get_by_test_id("stSidebar").get_by_text("Deutsch").click()


def _visit_another_page(page: Page) -> None:
    page.get_by_role("link", name="Models and connections").click()
    expect(page.get_by_role("heading", name="Models and connections")).to_be_visible()
    page.go_back()


@pytest.mark.parametrize("disturb", [_reload, _touch_the_language, _visit_another_page])
def test_an_answer_survives_whatever_people_do(
    connected: Endpoint, open_page: OpenPage, disturb: object
) -> None:
    """Reload, another widget, another page and back: the text is whole, asked for once."""
    server, script = connected
    script.words, script.pause_seconds, script.waits_before = SLOW, 0.05, "Wort40 "
    page, watch = open_page(server.url)
    watch.expect("WebSocket")
    ask(page, "Tell me")
    expect(messages(page).last).to_contain_text("Wort5 ")

    assert callable(disturb)
    disturb(page)
    script.waits_before = ""

    expect_whole(page, script.text)
    assert shown_answer(page) == script.text.strip()
    assert _stored_answer(server, page) == script.text
    assert len(script.asked) == 1


def test_a_second_tab_reads_along_and_a_closed_one_ends_nothing(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """The same address with the same cookie shows the same answer, also when the first is gone."""
    server, script = connected
    script.words, script.pause_seconds, script.waits_before = SLOW, 0.05, "Wort40 "
    page, _ = open_page(server.url)
    ask(page, "Tell me")
    expect(messages(page).last).to_contain_text("Wort5 ")
    link = page.url.removeprefix(server.url)

    second, _ = open_page(server.url, link, storage_state=page.context.storage_state())
    expect(messages(second).last).to_contain_text("Wort6 ")
    page.close()
    script.waits_before = ""

    expect_whole(second, script.text)
    assert shown_answer(second) == script.text.strip()
    assert _stored_answer(server, second) == script.text
    assert len(script.asked) == 1


def test_an_answer_goes_on_where_it_was_after_the_line_was_cut(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """A phone that slept or changed its network finds the whole text, asked for once."""
    server, script = connected
    script.words, script.pause_seconds, script.waits_before = SLOW, 0.05, "Wort40 "
    with Line(server.url) as line:
        page, watch = open_page(line.url)
        watch.expect("WebSocket|ERR_|Failed to load|fetch|Network")
        ask(page, "Tell me")
        expect(messages(page).last).to_contain_text("Wort5 ")

        line.cut()
        script.waits_before = ""
        page.wait_for_timeout(1500)
        line.mend()

        expect_whole(page, script.text)
        assert shown_answer(page) == script.text.strip()
        assert _stored_answer(server, page) == script.text
    assert len(script.asked) == 1


def test_many_clicks_ask_once(connected: Endpoint, open_page: OpenPage) -> None:
    """Twenty quick clicks on 'Ask again' are one more request."""
    server, script = connected
    page, _ = open_page(server.url)
    ask(page, "Tell me")
    expect_whole(page, script.text)
    script.words, script.pause_seconds = SLOW[:20], 0.1

    again = page.get_by_role("button", name="Ask again")
    page.evaluate(
        "button => { for (let i = 0; i < 20; i++) button.click() }", again.element_handle()
    )
    expect_whole(page, "".join(script.words))

    assert len(script.asked) == 2
    expect(messages(page).last).to_contain_text("Answer 2 of 2")
    page.get_by_role("button", name="Previous").click()
    expect(messages(page).last).to_contain_text("Answer 1 of 2")
    expect(messages(page).last).to_contain_text("Ein Schild mit")


def test_nothing_stands_twice_while_the_next_answer_is_written(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """An earlier question and the buttons below its answer are on the page once."""
    server, script = connected
    page, _ = open_page(server.url)
    ask(page, "First question")
    expect_whole(page, script.text)
    script.first_pause_seconds = 300
    ask(page, "Second question")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()

    expect(messages(page)).to_have_count(4)
    expect(page.get_by_text("First question", exact=True)).to_have_count(2)  # page and list
    expect(page.get_by_role("button", name="Ask again")).to_have_count(1)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(messages(page).last).to_contain_text("Stopped.")
    script.first_pause_seconds = 0
    page.get_by_role("button", name="Ask again").click()
    expect_whole(page, script.text)
    expect(page.get_by_role("button", name="Ask again")).to_have_count(1)


def test_the_language_survives_a_reload(connected: Endpoint, open_page: OpenPage) -> None:
    """The whole page speaks what was chosen, also behind the same link in another tab."""
    server, _ = connected
    page, _ = open_page(server.url)
    page.get_by_test_id("stSidebar").get_by_text("Deutsch").click()
    expect(page.get_by_role("heading", name="Was möchten Sie wissen?")).to_be_visible()

    page.reload()

    expect(page.get_by_role("heading", name="Was möchten Sie wissen?")).to_be_visible()
    expect(page.get_by_role("link", name="Modelle und Verbindungen")).to_be_visible()
    expect(page.get_by_role("button", name="Neues Gespräch").first).to_be_visible()
    expect(page.get_by_role("radiogroup", name="Sprache")).to_be_visible()


def test_a_blank_question_is_not_sent(connected: Endpoint, open_page: OpenPage) -> None:
    """Three spaces and Enter do nothing."""
    server, script = connected
    page, _ = open_page(server.url)
    field = area(page)
    expect(field).to_be_enabled()

    field.fill("   ")
    field.press("Enter")
    ask(page, "Now")
    expect_whole(page, script.text)

    expect(messages(page)).to_have_count(2)
    assert len(script.asked) == 1


def test_the_start_page_begins_at_its_top(connected: Endpoint, open_page: OpenPage) -> None:
    """Also on a small phone the headline is the first thing to be seen."""
    server, _ = connected
    page, _ = open_page(server.url, viewport={"width": 375, "height": 568})

    expect(page.get_by_role("button", name="What is the total?")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()


def test_a_picture_without_a_question_is_asked_about(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """The page asks what is to be seen, in the language of the page."""
    server, script = connected
    page, _ = open_page(server.url, locale="de-DE")

    ask(page, "", [photo(tmp_path, "bild.jpg")])
    expect_whole(page, script.text)

    assert _content(script)[1] == {"type": "text", "text": "Was ist auf diesem Bild zu sehen?"}


def test_bad_files_are_named_and_the_rest_goes_on(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """A text called .jpg, a cut-off picture, an empty file: each says why before it is sent."""
    server, script = connected
    good = photo(tmp_path, "gut.jpg")
    (tmp_path / "text.jpg").write_text("Hallo, ich bin kein Bild. " * 50)
    (tmp_path / "kaputt.jpg").write_bytes(good.read_bytes()[:900])
    (tmp_path / "seite.pdf").write_bytes(b"%PDF-1.7 and so on")
    (tmp_path / "leer.jpg").write_bytes(b"")
    page, _ = open_page(server.url, locale="de-DE")

    names = ("text.jpg", "kaputt.jpg", "seite.pdf", "leer.jpg")
    choose(page, good, *(tmp_path / name for name in names))

    notices = problems(page)
    expect(notices).to_have_count(4)
    expect(notices.filter(has_text="seite.pdf")).to_contain_text("beschädigt")
    expect(notices.filter(has_text="text.jpg")).to_contain_text("kein")
    expect(notices.filter(has_text="kaputt.jpg")).to_contain_text("beschädigt")
    expect(notices.filter(has_text="leer.jpg")).to_contain_text("leer")
    ask(page, "Was ist das?")
    expect_whole(page, script.text)
    expect(notices).to_have_count(0)
    assert [part["type"] for part in _content(script)] == ["image_url", "text"]


def test_a_file_that_is_too_heavy_is_refused_in_the_persons_language(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """One sentence with its size and the limit; the other picture goes on."""
    server, script = connected
    good = photo(tmp_path, "gut.jpg")
    (tmp_path / "riesig.jpg").write_bytes(good.read_bytes() + bytes(30 * 1024 * 1024))
    page, _ = open_page(server.url, locale="de-DE", viewport={"width": 390, "height": 800})

    choose(page, good, tmp_path / "riesig.jpg")
    expect(problems(page)).to_contain_text("riesig.jpg hat 30 MB; möglich sind bis zu 25 MB.")
    ask(page, "Was ist das?")
    expect_whole(page, script.text)

    assert [part["type"] for part in _content(script)] == ["image_url", "text"]


def test_a_question_whose_only_picture_is_bad_stays_in_the_input(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """Nothing is sent, the sentence says why, and the words need not be typed again."""
    server, script = connected
    (tmp_path / "text.jpg").write_text("Hallo, ich bin kein Bild. " * 50)
    page, _ = open_page(server.url, locale="de-DE")

    ask(page, "Was ist das?", [tmp_path / "text.jpg"])

    expect(problems(page)).to_contain_text("text.jpg")
    advice = "Bitte entfernen Sie sie oder wählen Sie ein anderes Foto"
    expect(page.get_by_text(advice)).to_be_visible()
    expect(area(page)).to_have_value("Was ist das?")
    assert script.asked == []
    page.get_by_role("button", name="text.jpg entfernen").click()
    send(page)
    expect_whole(page, script.text)


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        ("401 Unauthorized", "invalid_api_key", "Der Schlüssel wird nicht angenommen"),
        ("404 Not Found", "model_not_found", "Das Modell gibt es dort nicht"),
        ("429 Too Many Requests", "insufficient_quota", "Das Guthaben ist aufgebraucht"),
    ],
)
def test_a_refusal_is_one_clear_sentence_and_loses_nothing(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path, status: str, code: str, sentence: str
) -> None:
    """Wrong key, unknown model, no credit: question and picture stay and can be asked again."""
    server, script = connected
    script.refusal = (status, code)
    page, _ = open_page(server.url, locale="de-DE")
    ask(page, "Was ist das?", [photo(tmp_path, "bild.jpg")])

    expect(page.get_by_test_id("stAlert")).to_contain_text(sentence)
    expect(messages(page).first).to_contain_text("Was ist das?")
    expect(messages(page).first.get_by_role("img")).to_be_visible()
    script.refusal = None
    page.get_by_role("button", name="Noch einmal").click()

    expect_whole(page, script.text)
    assert [part["type"] for part in _content(script)] == ["image_url", "text"]


def test_an_endpoint_that_is_down_is_said_and_loses_nothing(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """Nothing listens at the address: one sentence, and the question stays."""
    with FaultServer(Script()) as gone:
        address = gone.base_url
    env = {"OPENAI_BASE_URL": address, "OPENAI_MODEL": "gpt-4o"}
    with serve_app(tmp_path, env=env) as server:
        page, _ = open_page(server.url, locale="de-DE")
        ask(page, "Was ist das?", [photo(tmp_path, "bild.jpg")])

        expect(page.get_by_test_id("stAlert")).to_contain_text("Der Server des Modells läuft nicht")
        expect(messages(page).first).to_contain_text("Was ist das?")
        expect(page.get_by_role("button", name="Noch einmal")).to_be_visible()


def test_an_answer_that_ran_out_of_length_is_written_on(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """It says that it is unfinished; 'Continue' adds the rest to what was there."""
    server, script = connected
    script.words, script.finish_reason = ("The first ", "half"), "length"
    page, _ = open_page(server.url)
    ask(page, "Tell me")
    expect(messages(page).last).to_contain_text("length limit")
    script.words, script.finish_reason = (" and the second.",), "stop"

    page.get_by_role("button", name="Continue").click()

    expect_whole(page, "The first half and the second.")
    sent = json.loads(script.asked[-1].body)["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert sent[1]["content"] == "The first half"


def test_with_nothing_configured_a_sample_is_answered_with_one_click(
    app_server: AppServer, open_page: OpenPage
) -> None:
    """The built-in reader reads the receipt's total, in the language of the page."""
    page, _ = open_page(app_server.url, locale="de-DE")

    page.get_by_role("button", name="Wie hoch ist der Gesamtbetrag?").click()

    expect(messages(page)).to_have_count(2)
    expect(messages(page).last).to_contain_text("22,24 €")
    ask(page, "Wann war der Einkauf?")
    expect(messages(page)).to_have_count(4)
    expect(messages(page).last).to_contain_text("21.11.2026")
    expect(page.get_by_test_id("stSidebar").get_by_role("combobox")).to_have_count(0)

    connect = messages(page).get_by_role("link", name="Ein Modell verbinden")
    expect(connect).to_have_count(0)
    ask(page, "Wer ist auf dem Foto?")
    connect.click()  # below what it can't do stands the way to what can
    expect(page.get_by_role("heading", name="Modelle und Verbindungen")).to_be_visible()


def test_the_model_picker_shows_what_the_endpoint_lists(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """It is hidden when there is one; with several, the chosen one is asked."""
    script = Script(models=("text-embedding-3-small", "gpt-4o-mini", "llava"))
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        with serve_app(tmp_path, env=env) as server:
            page, _ = open_page(server.url)
            page.get_by_test_id("stSidebar").get_by_role("combobox").click()
            options = page.get_by_role("option").all_inner_texts()
            page.get_by_role("option", name="llava").click()
            ask(page, "Hello")
            expect_whole(page, script.text)

    assert options == ["gpt-4o-mini", "llava"]
    assert json.loads(script.asked[-1].body)["model"] == "llava"
    assert "model=llava" in page.url


def test_copy_puts_the_answer_on_the_clipboard(connected: Endpoint, open_page: OpenPage) -> None:
    """One click, the Markdown as it came."""
    server, script = connected
    script.words = ("**bold** costs $5",)
    page, _ = open_page(server.url, permissions=["clipboard-read", "clipboard-write"])
    ask(page, "Tell me")
    expect_whole(page, "bold costs $5")

    page.get_by_role("button", name="Copy").last.click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "**bold** costs $5"


def test_a_new_conversation_starts_empty_and_the_old_one_is_listed(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """The old conversation opens again from the list; its address is its own."""
    server, script = connected
    page, _ = open_page(server.url)
    ask(page, "Where is the cat?")
    expect_whole(page, script.text)
    assert "c=" in page.url

    new_conversation(page)
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    expect(messages(page)).to_have_count(0)
    page.get_by_test_id("stSidebar").get_by_role("button", name="Where is the cat?").first.click()

    expect(messages(page)).to_have_count(2)
    expect_whole(page, script.text)
