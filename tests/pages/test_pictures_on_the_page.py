"""Pictures before they are sent and after: what was chosen is what arrives at the endpoint."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from augenblick.core.conversations import Conversation
from augenblick.core.language import language
from augenblick.core.messages import PreparedPicture
from augenblick.pictures import PictureSource
from augenblick.pictures.tray import choose_pages, turn
from augenblick.ui.pictures.pdf_pages import OpenPdf
from augenblick.ui.resources import close_services, services
from augenblick.ui.upload_accounting import UPLOAD_MEMORY
from tests.browser.playing import Script
from tests.faults.server import FaultServer
from tests.pages.asking import ask, open_dialog, put, tab_of

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
    opened = AppTest.from_file(str(MAIN), default_timeout=120)
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


def _waiting(page: AppTest) -> list[PreparedPicture]:
    return list(tab_of(page).tray.pictures)


def _button(page: AppTest, start: str) -> Any:
    return next(button for button in page.button if (button.key or "").startswith(start))


def _ask(page: AppTest, text: str, files: Sequence[tuple[str, bytes]] = ()) -> None:
    ask(page, text, *files)


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
    """Detail, size and quality hold for pictures that wait and for those that come."""
    put(page, ("a.jpg", _jpeg(1600, 1200)))
    before = _waiting(page)[0].attachment
    open_dialog(page, "options")
    page.segmented_control(key="picture_detail").set_value(SAY("detail.high")).run()
    page.segmented_control(key="picture_side").set_value(1024).run()
    page.segmented_control(key="picture_quality").set_value(SAY("quality.small")).run()
    prepared = _waiting(page)[0].attachment
    shown = _captions(page)
    page.button(key="pictures_done").click().run()
    _ask(page, "Was ist das?", [("b.jpg", _jpeg(1200, 1600, colour="#602040"))])

    assert (before.width_px, prepared.width_px) == (1600, 1024)
    assert "1024 × 768" in shown  # noqa: RUF001 - as on the page
    assert SAY("pictures.tokens", count=765) in shown
    assert [part["image_url"]["detail"] for part in _parts(script)[:2]] == ["high", "high"]
    assert [image.size for image in _sent(script)] == [(1024, 768), (768, 1024)]
    assert _waiting(page) == []


def test_a_turned_picture_stays_turned_in_another_size(page: AppTest, script: Script) -> None:
    """Turned to the right by a quarter, then prepared anew and sent."""
    put(page, ("a.jpg", _jpeg(1600, 1200)))
    tray = tab_of(page).tray
    turn(tray, services().pictures, tray.items[0], person="")
    open_dialog(page, "options")
    page.segmented_control(key="picture_side").set_value(1024).run()
    page.button(key="pictures_done").click().run()
    _ask(page, "Was ist das?")
    (image,) = _sent(script)

    assert image.size == (768, 1024)
    assert min(_pixel(image, 760, 10)) > 240  # the white corner has gone to the right


def _pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    pixel = image.convert("RGB").getpixel((x, y))
    assert isinstance(pixel, tuple)
    return tuple(int(value) for value in pixel)


def test_a_strip_is_offered_in_sharp_parts(page: AppTest, script: Script) -> None:
    """The offer says how many pictures it makes; it can be taken back, and is what is sent."""
    put(page, ("strip.jpg", _jpeg(600, 6000)))
    open_dialog(page, "options")
    offer = _button(page, "parts_").label
    _button(page, "parts_").click().run()
    count = len(_waiting(page))
    _button(page, "whole_").click().run()
    whole = len(_waiting(page))
    _button(page, "parts_").click().run()
    page.button(key="pictures_done").click().run()
    _ask(page, "Was steht da?")
    sizes = [image.size for image in _sent(script)]

    assert offer == SAY("pictures.parts", count=str(count))
    assert (count > 2, whole, len(sizes)) == (True, 1, count)
    assert {width for width, _ in sizes[1:]} == {600}  # full sharpness, after the overview


def test_a_small_picture_is_not_offered_in_parts(page: AppTest, script: Script) -> None:
    """Where nothing would be lost there is nothing to decide."""
    put(page, ("a.jpg", _jpeg(600, 400)))
    open_dialog(page, "options")

    assert not [button for button in page.button if (button.key or "").startswith("parts_")]


def test_a_pdf_of_many_pages_takes_the_room_there_is(page: AppTest, script: Script) -> None:
    """Its first pages beside the other picture; others can be chosen, in their order."""
    put(page, ("foto.jpg", _jpeg(300, 200)), ("vertrag.pdf", _pdf(15)))
    pages = [picture.attachment.receipt.source_page for picture in _waiting(page)]
    memory = tab_of(page)
    first = next(item for item in memory.tray.items if item.pdf)
    take = partial(UPLOAD_MEMORY.take, memory)
    choose_pages(memory.tray, services().pictures, first, (2, 14), person="", take=take)
    _ask(page, "Was kostet das?")
    images = _sent(script)

    assert pages == [None, *range(1, 10)]
    assert images[0].size == (300, 200)
    assert [_nearest(image) for image in images[1:]] == ["#0000ff", "#c0c000"]
    assert _parts(script)[-1]["text"] == "Was kostet das?"


def _nearest(image: Image.Image) -> str:
    """The colour of PAGE_COLOURS in the middle of a picture."""
    middle = _pixel(image, image.width // 2, image.height // 2)

    def distance(colour: str) -> int:
        wanted = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        return sum(abs(one - other) for one, other in zip(middle, wanted, strict=True))

    return min(PAGE_COLOURS, key=distance)


def test_a_pdf_with_one_page_is_like_a_picture(page: AppTest, script: Script) -> None:
    """Nothing to choose where there is one page."""
    _ask(page, "Was kostet das?", [("rechnung.pdf", _pdf(1))])

    assert [_nearest(image) for image in _sent(script)] == ["#ff0000"]


def test_pages_are_chosen_by_looking_at_them(page: AppTest, script: Script) -> None:
    """Those that are taken are ticked; with ten chosen, the other boxes wait and it says why."""
    put(page, ("vertrag.pdf", _pdf(12)))
    memory = tab_of(page)
    memory.open_pdf = OpenPdf(
        "pdf", memory.tray.items[0].id, PictureSource("vertrag.pdf", _pdf(12)), 12, "", {0, 1}
    )
    memory.dialog = "pages"
    page.run()
    for number in range(3, 11):
        label = SAY("pdf.page", number=str(number))
        next(box for box in page.checkbox if box.label == label).check().run()

    assert SAY("pdf.full", limit="10") in _captions(page)
    assert [box.label for box in page.checkbox if box.disabled] == ["Seite 11", "Seite 12"]
    for number in range(4, 11):
        label = SAY("pdf.page", number=str(number))
        next(box for box in page.checkbox if box.label == label).uncheck().run()
    page.button(key="pdf_take").click().run()
    pages = [picture.attachment.receipt.source_page for picture in _waiting(page)]
    assert pages == [1, 2, 3]
    assert not memory.dialog


def _receipt(page: AppTest) -> str:
    """Open the receipt of the first question's pictures and read it."""
    question = _conversation(page).path()[0]
    page.session_state[f"receipt_{question.id}"] = True
    page.run()
    assert not page.exception
    return _captions(page)


def _conversation(page: AppTest) -> Conversation:
    return services().store.load_conversation(page.query_params["c"])


def test_the_receipt_says_what_was_sent_and_what_it_cost(page: AppTest, script: Script) -> None:
    """Pixels before and after and what was removed; to experts detail, estimate and cost too."""
    _ask(page, "Was ist das?", [("foto.jpg", _jpeg(3000, 2000, located=True))])
    told = _receipt(page)
    page.toggle(key="expert").set_value(True).run()
    told_experts = _receipt(page)

    assert "Verkleinert gesendet · Ort entfernt" in [each.label for each in page.expander]
    assert SAY("receipt.removed.location") in told
    assert "3000 × 2000" in told  # noqa: RUF001 - as on the page
    assert "2048 × 1365" in told  # noqa: RUF001
    for number in (
        SAY("receipt.detail", detail=SAY("detail.auto")),
        SAY("receipt.tokens", count=1105, family="GPT-4o"),
        SAY("receipt.cost", count=1234),
    ):
        assert number in told_experts
        assert number not in told


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
    told = _receipt(page)

    assert SAY("receipt.original_gone") in told
    assert not [button for button in page.button if (button.key or "").startswith("sharper_")]
