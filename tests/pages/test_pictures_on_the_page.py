"""Pictures before they are sent and after: what was chosen is what arrives at the endpoint."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from augenblick.conversations import Conversation
from augenblick.images import PictureSource
from augenblick.language import language
from augenblick.ui.resources import close_services, services
from tests.browser.playing import Script
from tests.faults.server import FaultServer

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"
SAY = language("de").text
PAGE_COLOURS = ("#ff0000", "#00a000", "#0000ff", "#808080", "#c0c000")


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """An endpoint the page is configured with, and a store of its own."""
    played = Script(prompt_tokens=1234)
    with FaultServer(played) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_MODEL", "gpt-4o")
        monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
        yield played
        close_services()


@pytest.fixture
def page(script: Script) -> AppTest:
    """The start page, in German."""
    opened = AppTest.from_file(str(MAIN), default_timeout=60)
    opened.context = {"locale": "de-DE", "url": "http://localhost:8501/"}
    opened.run()
    assert not opened.exception
    return opened


def _jpeg(width: int, height: int, *, colour: str = "#204060", located: bool = False) -> bytes:
    """A photo whose upper left corner is white."""
    image = Image.new("RGB", (width, height), colour)
    ImageDraw.Draw(image).rectangle((0, 0, width // 3, height // 3), fill="white")
    exif = Image.Exif()
    if located:
        exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, exif=exif)
    return buffer.getvalue()


def _pdf(pages: int) -> bytes:
    """A PDF whose pages have the colours of PAGE_COLOURS, over and over."""
    colours = [PAGE_COLOURS[number % len(PAGE_COLOURS)] for number in range(pages)]
    first, *others = [Image.new("RGB", (300, 400), colour) for colour in colours]
    buffer = io.BytesIO()
    first.save(buffer, "PDF", save_all=True, append_images=others)
    return buffer.getvalue()


def _open_dialog(page: AppTest, *files: tuple[str, bytes]) -> None:
    page.button(key="pictures_open").click().run()
    if files:
        page.file_uploader[0].set_value([(name, data, "") for name, data in files]).run()
    assert not page.exception


def _drafts(page: AppTest) -> list[Any]:
    return list(page.session_state["tab"].drafts)


def _button(page: AppTest, start: str) -> Any:
    return next(button for button in page.button if (button.key or "").startswith(start))


def _ask(page: AppTest, text: str, files: Sequence[tuple[str, bytes]] = ()) -> None:
    for name, data in files:
        page.chat_input[0].upload(name, data)
    page.chat_input[0].set_value(text).run()
    assert not page.exception


def _parts(script: Script, number: int = -1) -> list[dict[str, Any]]:
    """The content of the last message of a request."""
    content = json.loads(script.asked[number].body)["messages"][-1]["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _sent(script: Script, number: int = -1) -> list[Image.Image]:
    """The pictures of a request, from its data URIs."""
    urls = [part["image_url"]["url"] for part in _parts(script, number) if "image_url" in part]
    return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]


def _captions(page: AppTest) -> str:
    return "\n".join(caption.value for caption in page.caption)


def test_the_plain_way_sends_what_suits_almost_everybody(page: AppTest, script: Script) -> None:
    """Nobody has to choose anything: 2048 px and automatic detail."""
    _ask(page, "Was ist das?", [("foto.jpg", _jpeg(3000, 2000))])

    assert [part["type"] for part in _parts(script)] == ["image_url", "text"]
    assert _parts(script)[0]["image_url"]["detail"] == "auto"
    assert [max(image.size) for image in _sent(script)] == [2048]


def test_what_is_chosen_is_what_arrives(page: AppTest, script: Script) -> None:
    """Detail, size and quality hold for prepared pictures and for those of the input."""
    _open_dialog(page, ("a.jpg", _jpeg(1600, 1200)))
    before = _drafts(page)[0].attachment
    page.segmented_control(key="picture_detail").set_value(SAY("detail.high")).run()
    page.segmented_control(key="picture_side").set_value(1024).run()
    page.segmented_control(key="picture_quality").set_value(SAY("quality.small")).run()
    prepared = _drafts(page)[0].attachment
    shown = _captions(page)
    page.button(key="pictures_done").click().run()
    _ask(page, "Was ist das?", [("b.jpg", _jpeg(1200, 1600, colour="#602040"))])

    assert (before.width_px, prepared.width_px) == (1600, 1024)
    assert SAY("receipt.size", width="1024", height="768") in shown
    assert SAY("pictures.tokens", count=765) in shown
    assert [part["image_url"]["detail"] for part in _parts(script)[:2]] == ["high", "high"]
    assert [image.size for image in _sent(script)] == [(1024, 768), (768, 1024)]
    assert _drafts(page) == []


def test_pictures_can_be_turned_and_taken_out(page: AppTest, script: Script) -> None:
    """Left and right by a quarter; what is taken out is not sent."""
    _open_dialog(page, ("a.jpg", _jpeg(600, 400)), ("b.jpg", _jpeg(500, 300)))
    _button(page, "take_out").click().run()
    _button(page, "turn_cw").click().run()
    once = _drafts(page)[0].attachment
    _button(page, "turn_cw").click().run()
    _button(page, "turn_ccw").click().run()
    page.button(key="pictures_done").click().run()
    _ask(page, "Was ist das?")
    (image,) = _sent(script)

    assert (once.width_px, once.height_px) == (300, 500)
    assert image.size == (300, 500)
    assert min(_pixel(image, 290, 10)) > 240  # the white corner has gone to the right


def _pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    pixel = image.convert("RGB").getpixel((x, y))
    assert isinstance(pixel, tuple)
    return tuple(int(value) for value in pixel)


def test_a_strip_is_offered_in_sharp_parts(page: AppTest, script: Script) -> None:
    """The offer says how many pictures it makes; it can be taken back, and is what is sent."""
    _open_dialog(page, ("strip.jpg", _jpeg(600, 6000)))
    offer = _button(page, "parts_").label
    _button(page, "parts_").click().run()
    count = len(_drafts(page))
    _button(page, "whole_").click().run()
    whole = len(_drafts(page))
    _button(page, "parts_").click().run()
    page.button(key="pictures_done").click().run()
    _ask(page, "Was steht da?")
    sizes = [image.size for image in _sent(script)]

    assert offer == SAY("pictures.parts", count=str(count))
    assert (count > 2, whole, len(sizes)) == (True, 1, count)
    assert {width for width, _ in sizes[1:]} == {600}  # full sharpness, after the overview


def test_a_small_picture_is_not_offered_in_parts(page: AppTest, script: Script) -> None:
    """Where nothing would be lost there is nothing to decide."""
    _open_dialog(page, ("a.jpg", _jpeg(600, 400)))

    assert not [button for button in page.button if (button.key or "").startswith("parts_")]


def test_what_can_not_be_used_is_named_and_the_rest_goes_on(page: AppTest, script: Script) -> None:
    """Twelve files, one of them no picture: nine pictures come in and three are named."""
    files = [(f"bild{number}.jpg", _jpeg(60 + number, 40)) for number in range(11)]
    _open_dialog(page, ("notiz.jpg", b"Das ist kein Bild."), *files)
    told = "\n".join(warning.value for warning in page.warning)

    assert len(_drafts(page)) == 10
    assert "notiz.jpg" in told
    assert "bild10.jpg" in told
    assert "bild9.jpg" not in told


def test_a_question_waits_for_the_pages_of_its_pdf(page: AppTest, script: Script) -> None:
    """First page preselected, others to choose; words and other pictures go along in order."""
    _ask(page, "Was kostet das?", [("vertrag.pdf", _pdf(15)), ("foto.jpg", _jpeg(300, 200))])
    waiting = [text.value for text in page.text]
    asked_meanwhile = len(script.asked)
    chosen = [box.label for box in page.checkbox if box.value]
    next(box for box in page.checkbox if box.label == SAY("pdf.page", number="3")).check().run()
    page.pagination[0].set_value(2).run()
    next(box for box in page.checkbox if box.label == SAY("pdf.page", number="15")).check().run()
    assert page.button(key="pdf_ask").label == SAY("pdf.ask", count=3)
    page.button(key="pdf_ask").click().run()
    images = _sent(script)

    assert "Was kostet das?" in waiting
    assert asked_meanwhile == 0
    assert chosen == [SAY("pdf.page", number="1")]
    assert [_nearest(image) for image in images[:3]] == ["#ff0000", "#0000ff", "#c0c000"]
    assert images[3].size == (300, 200)
    assert _parts(script)[-1]["text"] == "Was kostet das?"


def _nearest(image: Image.Image) -> str:
    """The colour of PAGE_COLOURS in the middle of a picture."""
    middle = _pixel(image, image.width // 2, image.height // 2)

    def distance(colour: str) -> int:
        wanted = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        return sum(abs(one - other) for one, other in zip(middle, wanted, strict=True))

    return min(PAGE_COLOURS, key=distance)


def test_not_choosing_pages_loses_nothing(page: AppTest, script: Script) -> None:
    """Given up, the words are in the input again and the photo beside it."""
    _ask(page, "Was kostet das?", [("vertrag.pdf", _pdf(3)), ("foto.jpg", _jpeg(300, 200))])

    page.button(key="pdf_cancel").click().run()

    assert page.chat_input[0].value == "Was kostet das?"
    assert [draft.attachment.receipt.source_name for draft in _drafts(page)] == ["foto.jpg"]
    assert script.asked == []


def test_a_question_holds_ten_pages_at_most(page: AppTest, script: Script) -> None:
    """With ten chosen, the other boxes wait and the page says why."""
    _ask(page, "Alles?", [("vertrag.pdf", _pdf(12))])
    for number in range(2, 11):
        label = SAY("pdf.page", number=str(number))
        next(box for box in page.checkbox if box.label == label).check().run()

    assert SAY("pdf.full", limit="10") in _captions(page)
    assert [box.label for box in page.checkbox if box.disabled] == ["Seite 11", "Seite 12"]


def test_a_pdf_with_one_page_is_like_a_picture(page: AppTest, script: Script) -> None:
    """Nothing to choose where there is one page."""
    _ask(page, "Was kostet das?", [("rechnung.pdf", _pdf(1))])

    assert [_nearest(image) for image in _sent(script)] == ["#ff0000"]


def test_pages_can_be_chosen_in_the_dialog_too(page: AppTest, script: Script) -> None:
    """The chosen pages become prepared pictures beside the others."""
    _open_dialog(page, ("foto.jpg", _jpeg(300, 200)), ("vertrag.pdf", _pdf(4)))
    for number, do in (("1", "uncheck"), ("2", "check"), ("4", "check")):
        label = SAY("pdf.page", number=number)
        getattr(next(box for box in page.checkbox if box.label == label), do)().run()
    page.button(key="pdf_take").click().run()
    receipts = [draft.attachment.receipt for draft in _drafts(page)]

    assert [receipt.source_page for receipt in receipts] == [None, 2, 4]
    assert page.file_uploader  # and there is room for more


def _receipt(page: AppTest, place: int = 0) -> str:
    """Open the receipt of a picture of the first question and read it."""
    question = _conversation(page).path()[0]
    page.session_state[f"receipt_{question.id}_{place}"] = True
    page.run()
    assert not page.exception
    return _captions(page)


def _conversation(page: AppTest) -> Conversation:
    return services().store.load_conversation(page.query_params["c"])


def test_the_receipt_says_what_was_sent_and_what_it_cost(page: AppTest, script: Script) -> None:
    """Pixels before and after, detail, what was removed, the estimate and the real cost."""
    _ask(page, "Was ist das?", [("foto.jpg", _jpeg(3000, 2000, located=True))])
    told = _receipt(page)

    assert SAY("receipt.no_location") in told
    assert SAY("receipt.removed.location") in told
    assert SAY("receipt.size", width="3000", height="2000") in told
    assert SAY("receipt.size", width="2048", height="1365") in told
    assert SAY("receipt.detail", detail=SAY("detail.auto")) in told
    assert SAY("receipt.tokens", count=1105, family="GPT-4o") in told
    assert SAY("receipt.cost", count=1234) in told


def test_a_picture_can_be_sent_again_sharper(page: AppTest, script: Script) -> None:
    """The same question becomes another version of itself, with more pixels of that picture."""
    files = [("foto.jpg", _jpeg(3000, 2000)), ("klein.jpg", _jpeg(300, 200))]
    _ask(page, "Was ist das?", files)
    _receipt(page)
    _button(page, "sharper_").click().run()
    conversation = _conversation(page)
    questions = [node for node in conversation.nodes if node.reply is None]

    assert [image.size for image in _sent(script)] == [(3000, 2000), (300, 200)]
    assert _parts(script)[-1]["text"] == "Was ist das?"
    assert [node.parent_id for node in questions] == [None, None]
    assert len(conversation.path()) == 2


def test_what_can_not_get_sharper_is_not_offered(page: AppTest, script: Script) -> None:
    """A small picture has no more to show; of one whose file is gone the page says what to do."""
    files = [("foto.jpg", _jpeg(3000, 2000)), ("klein.jpg", _jpeg(300, 200))]
    _ask(page, "Was ist das?", files)
    large = _conversation(page).path()[0].message.attachments[0]
    services().pictures.forget(large.sha256)
    told = _receipt(page, 0) + _receipt(page, 1)

    assert SAY("receipt.original_gone") in told
    assert not [button for button in page.button if (button.key or "").startswith("sharper_")]


def test_files_of_a_dialog_closed_too_early_are_not_lost(page: AppTest, script: Script) -> None:
    """What was uploaded and not yet prepared waits beside the input all the same."""
    memory = page.session_state["tab"]
    memory.to_prepare = [PictureSource("a.jpg", _jpeg(60, 40)), PictureSource("b.jpg", b"no")]

    page.run()

    assert [draft.attachment.receipt.source_name for draft in _drafts(page)] == ["a.jpg"]
    assert memory.to_prepare == []
