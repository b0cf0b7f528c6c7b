"""The composer in a real browser: pictures that are ready before they are sent, and what stays."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import (
    Script,
    area,
    ask,
    choose,
    expect_ready,
    expect_rest,
    expect_whole,
    messages,
    photo,
    problems,
    send,
    stop,
    tray,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app

Endpoint = tuple[AppServer, Script]
SLOW = tuple(f"Wort{number} " for number in range(1, 41))
WIDTHS = pytest.mark.parametrize("width", [390, 1280])


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The server with an endpoint that remembers what it was asked."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        with serve_app(tmp_path_factory.mktemp("composer"), env=env) as server:
            yield server, script


@pytest.fixture(autouse=True)
def _fresh_script(connected: Endpoint) -> None:
    script = connected[1]
    for name, value in vars(Script()).items():
        setattr(script, name, value)


def _open(open_page: OpenPage, server: AppServer, width: int = 1280) -> Page:
    page, _ = open_page(server.url, viewport={"width": width, "height": 800})
    expect(area(page)).to_be_visible()
    return page


def _asked(script: Script, number: int = -1) -> list[str]:
    """What the last message of a request holds: its words, and "picture" for each picture."""
    content = json.loads(script.asked[number].body)["messages"][-1]["content"]
    parts = content if isinstance(content, list) else [{"text": content}]
    return [part.get("text", "picture") for part in parts]


def _heic(path: Path) -> Path:
    """A photo of 12 megapixels as a phone takes it."""
    pillow_heif.register_heif_opener()
    noise = Image.effect_noise((504, 378), 60).convert("RGB").resize((4032, 3024))
    noise.save(path, quality=60)
    return path


@WIDTHS
def test_a_photo_of_a_phone_is_seen_and_ready_before_it_is_sent(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path, width: int
) -> None:
    """A HEIC that no browser can draw has its small picture; sending it finds it done."""
    server, script = connected
    page = _open(open_page, server, width)
    choose(page, _heic(tmp_path / "IMG_1.HEIC"))
    picture = tray(page).get_by_role("img", name="IMG_1.HEIC")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 0

    uploads: list[str] = []
    page.on("request", lambda each: uploads.append(each.url) if each.method == "PUT" else None)
    ask(page, "Was ist das?")
    expect_whole(page, script.text)

    assert _asked(script) == ["picture", "Was ist das?"]
    assert uploads == []
    expect(tray(page)).to_have_count(0)


@WIDTHS
def test_what_was_chosen_can_be_turned_taken_out_and_asked_about_with_one_tap(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path, width: int
) -> None:
    """In the order of choosing; the questions on offer fit what is there."""
    server, script = connected
    page = _open(open_page, server, width)
    choose(page, *(photo(tmp_path, f"{name}.jpg", text=name) for name in "abc"))
    names = [image.get_attribute("alt") for image in tray(page).get_by_role("img").all()]
    assert names == ["a.jpg", "b.jpg", "c.jpg"]
    expect(page.get_by_role("button", name="What is the difference?")).to_be_visible()

    page.get_by_role("button", name="Remove a.jpg").click()
    expect(tray(page)).to_have_count(2)
    expect(page.get_by_role("button", name="Remove b.jpg")).to_be_focused()
    page.get_by_role("button", name="Remove b.jpg").click()
    image = tray(page).get_by_role("img", name="c.jpg")
    expect(image).to_be_visible()
    page.get_by_role("button", name="Rotate c.jpg right").click()
    page.wait_for_function(
        "image => image.naturalHeight > image.naturalWidth", arg=image.element_handle()
    )
    page.get_by_role("button", name="What is this?").click()
    expect_whole(page, script.text)

    assert _asked(script) == ["picture", "What is this?"]
    sent = messages(page).first.locator(".pictures img")
    assert sent.evaluate("image => image.naturalHeight > image.naturalWidth")


@WIDTHS
def test_a_picture_is_sent_without_a_word(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path, width: int
) -> None:
    """By the arrow, which is off while there is nothing to send."""
    server, script = connected
    page = _open(open_page, server, width)
    expect(page.locator(".composer-send")).to_be_disabled()
    choose(page, photo(tmp_path, "a.jpg"))
    send(page)
    expect_whole(page, script.text)

    assert _asked(script) == ["picture", "What can be seen in this picture?"]
    expect(page.locator(".composer-send")).to_be_disabled()


def test_a_question_waits_for_its_pictures(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """Sent while one is still on its way, it goes once that is there."""
    server, script = connected
    page = _open(open_page, server)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/tray/*/*", hold)
    page.locator(".composer-files").set_input_files(photo(tmp_path, "a.jpg"))
    page.wait_for_function("() => document.querySelector('.composer-tile.is-working img')?.src")
    area(page).fill("Was ist das?")
    area(page).press("Enter")
    expect(page.get_by_text("Will be sent when the pictures are ready.")).to_be_visible()
    assert script.asked == []

    held[0].continue_()
    expect_whole(page, script.text)
    assert _asked(script) == ["picture", "Was ist das?"]


def test_an_upload_that_is_cut_can_be_tried_again(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """It says so at once, and one click sends the file again."""
    server, _ = connected
    page, watch = open_page(server.url)
    watch.expect("ERR_")
    expect(area(page)).to_be_visible()
    page.route("**/tray/*/*", lambda route: route.abort())
    page.locator(".composer-files").set_input_files(photo(tmp_path, "a.jpg"))
    expect(problems(page)).to_contain_text("a.jpg wasn't uploaded")

    page.unroute("**/tray/*/*")
    page.get_by_role("button", name="Try again").click()
    expect(tray(page)).to_have_count(1)
    expect(problems(page)).to_have_count(0)


def test_more_pictures_than_fit_are_counted_not_uploaded(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """A dropped folder of 200 photos gives ten and a sentence."""
    server, _ = connected
    page = _open(open_page, server)
    files = [photo(tmp_path, f"{number:02}.jpg", text=str(number)) for number in range(12)]
    page.locator(".composer-files").set_input_files(files)

    expect(tray(page)).to_have_count(10)
    expect(page.get_by_text("A question can have up to 10 pictures; not added: 2.")).to_be_visible()


def test_a_folder_can_be_dropped(connected: Endpoint, open_page: OpenPage, tmp_path: Path) -> None:
    """What is a picture in it is taken, in the order of the names, also from folders inside."""
    server, _ = connected
    page = _open(open_page, server)
    (tmp_path / "inner").mkdir()
    for name in ("2.jpg", "10.jpg"):
        photo(tmp_path, name)
    photo(tmp_path / "inner", "1.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(tmp_path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 150, "data": data})

    expect(tray(page)).to_have_count(3)
    names = [image.get_attribute("alt") for image in tray(page).get_by_role("img").all()]
    assert names == ["2.jpg", "10.jpg", "1.jpg"]
    expect(problems(page)).to_have_count(0)


@WIDTHS
def test_the_next_question_is_written_and_sent_while_an_answer_comes(
    connected: Endpoint, open_page: OpenPage, width: int
) -> None:
    """Focus stays, Enter queues, and the question goes when the answer has ended."""
    server, script = connected
    script.words, script.waits_before = SLOW, "Wort20 "
    page = _open(open_page, server, width)
    area(page).fill("Eins?")
    area(page).press("Enter")
    expect(messages(page).last).to_contain_text("Wort3 ")
    expect(area(page)).to_be_focused()
    expect(area(page)).to_have_value("")

    page.keyboard.type("Zwei?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Will be sent when the answer is finished.")).to_be_visible()
    expect(area(page)).to_have_value("Zwei?")
    assert len(script.asked) == 1

    script.waits_before = ""
    expect(messages(page)).to_have_count(4)
    expect(area(page)).to_have_value("")
    expect_ready(page)
    assert _asked(script) == ["Zwei?"]
    expect(area(page)).to_be_focused()


def test_a_queued_question_can_be_taken_back(connected: Endpoint, open_page: OpenPage) -> None:
    """By its button, and by writing on."""
    server, script = connected
    script.words, script.waits_before = SLOW, "Wort20 "
    page = _open(open_page, server)
    note = page.get_by_text("Will be sent when the answer is finished.")
    ask(page, "Eins?")
    expect(messages(page).last).to_contain_text("Wort3 ")
    area(page).type("Zwei?")
    area(page).press("Enter")
    page.get_by_role("button", name="Cancel").click()
    expect(note).to_have_count(0)
    area(page).press("Enter")
    expect(note).to_be_visible()
    area(page).type(" Und")
    expect(note).to_have_count(0)

    script.waits_before = ""
    expect_whole(page, "Wort40")
    expect(area(page)).to_have_value("Zwei? Und")
    assert len(script.asked) == 1


@pytest.mark.parametrize("way", ["arrow", "escape"])
def test_the_arrow_and_escape_stop_an_answer(
    connected: Endpoint, open_page: OpenPage, way: str
) -> None:
    """What came stays; Escape closes the menu first."""
    server, script = connected
    script.words, script.waits_before = SLOW, "Wort20 "
    page = _open(open_page, server)
    ask(page, "Eins?")
    expect(messages(page).last).to_contain_text("Wort3 ")
    if way == "arrow":
        stop(page)
    else:
        page.locator(".composer-add").click()
        menu = page.locator(".composer-menu")
        expect(menu).to_be_visible()
        page.keyboard.press("Escape")
        expect(menu).to_be_hidden()
        expect(page.locator(".composer-send")).to_have_attribute("data-busy", "true")
        page.keyboard.press("Escape")

    expect(messages(page).last).to_contain_text("Stopped.")
    expect(messages(page).last).not_to_contain_text("Wort40")
    expect_ready(page)


def test_pictures_outlast_a_reload(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """Phones load a page anew when somebody comes back from the camera."""
    server, script = connected
    page = _open(open_page, server, 390)
    choose(page, photo(tmp_path, "a.jpg"))
    area(page).type("Was ist das?")
    page.reload()
    expect(tray(page).get_by_role("img", name="a.jpg")).to_be_visible()
    expect(area(page)).to_have_value("Was ist das?")
    send(page)
    expect_whole(page, script.text)
    assert _asked(script) == ["picture", "Was ist das?"]

    page.reload()
    expect(messages(page)).to_have_count(2)
    expect(tray(page)).to_have_count(0)


def test_a_question_that_never_arrived_stays(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """The server knows nothing of it after a restart: words and picture are there to send again."""
    with FaultServer(Script()) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        with serve_app(tmp_path, env=env) as server:
            port = server.url.rpartition(":")[2]
            page, watch = open_page(server.url)
            watch.expect("")
            choose(page, photo(tmp_path, "a.jpg"))
            area(page).fill("Was ist das?")
        area(page).press("Enter")
        expect(page.get_by_text("No connection.")).to_be_visible()
        with serve_app(tmp_path, env=env, arguments=("--port", port)):
            expect_whole(page, "Ein Schild")
            expect(messages(page).first.get_by_role("img")).to_be_visible()


def test_nobody_else_gets_at_a_tray(
    connected: Endpoint, open_page: OpenPage, tmp_path: Path
) -> None:
    """With another browser's cookie the tray of a tab is not there, whatever is done."""
    server, _ = connected
    page = _open(open_page, server)
    choose(page, photo(tmp_path, "a.jpg"))
    source = tray(page).get_by_role("img").evaluate("image => image.src")
    stranger, watch = open_page(server.url)
    watch.expect("404")
    own = page.request.get(source)
    assert Image.open(io.BytesIO(own.body())).size == (640, 400)
    assert own.headers["cache-control"] == "private, no-store"
    item = source.partition("/picture")[0]
    origin = {"Origin": server.url}
    for answer in (
        stranger.request.get(source),
        stranger.request.delete(item, headers=origin),
        stranger.request.post(f"{item}/turn", headers=origin),
        stranger.request.put(f"{item.rpartition('/')[0]}/5", headers=origin, data=b"x"),
        stranger.request.get(item.rpartition("/")[0]),
    ):
        assert answer.status == 404
    assert page.request.delete(item).status == 403  # without our own Origin
    expect(tray(page)).to_have_count(1)


def test_another_question_does_not_send_the_script_again(
    connected: Endpoint, open_page: OpenPage
) -> None:
    """It is 70 KB, and all the rest of a short answer 20."""
    server, script = connected
    page = _open(open_page, server)
    received: list[int] = []
    page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))),
    )
    page.reload()
    ask(page, "One")
    expect_whole(page, script.text)
    expect_rest(page)
    received.clear()
    ask(page, "Two")
    expect(messages(page).nth(3)).to_contain_text(script.text)
    expect_rest(page)
    assert 1_000 < sum(received) < 50_000
