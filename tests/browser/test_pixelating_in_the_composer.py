"""Faces and regions are pixelated before a question is sent, and nothing else is left of them."""

from __future__ import annotations

import base64
import io
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from augenblick.pictures.faces import FaceFinder
from augenblick.pictures.regions import Region
from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, area, choose, expect_rest, expect_whole, send, tray
from tests.faults.server import FaultServer, Received
from tests.pictures import corpus
from tests.serving import AppServer, serve_app

FacesIn = Callable[[bytes], tuple[Region, ...]]
_PHOTO = Path(__file__).parents[1] / "pictures" / "photos" / "astronaut.jpg"


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppServer, Script]]:
    """A server with an endpoint that writes down what it is sent."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        with serve_app(tmp_path_factory.mktemp("pixelating"), env=env) as server:
            yield server, script


@pytest.fixture(scope="module")
def faces_in() -> FacesIn:
    """What finds faces, in this process, and where it is sure of them."""
    return partial(FaceFinder().find, sure=0.5)


def _camera_photo(folder: Path) -> tuple[Path, bytes]:
    """As a camera writes it: large, lying on its side, with a preview of the face in its EXIF."""
    upright = Image.open(_PHOTO).convert("RGB").resize((2600, 2600))
    preview = corpus.encoded(upright.resize((256, 256)), "JPEG")
    exif = corpus.private_exif(6)
    exif.get_ifd(0x8769)[0x927C] = preview  # MakerNote
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    path = folder / "IMG_1.jpg"
    path.write_bytes(corpus.encoded(stored, "JPEG", quality=88, exif=exif))
    return path, preview


def _sent(received: Received) -> list[bytes]:
    """The pictures in a request."""
    parts = received.json()["messages"][-1]["content"]
    uris = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [base64.b64decode(uri.partition(",")[2]) for uri in uris]


def _open_with_keys(page: Page) -> Locator:
    """From the picture in the tray to the dialog in which it is pixelated."""
    page.locator(".composer-mark").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Mark regions")).to_be_visible()
    page.get_by_role("button", name="Pixelate …").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Pixelate areas")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_text("Pixelating can't be undone")).to_be_visible()
    return dialog


def _pixelate_with_keys(page: Page) -> None:
    """The face that is found, and a region of one's own."""
    dialog = _open_with_keys(page)
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.dataset.end") != "find":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("status")).to_have_text(
        "Faces found: 1. Check whether all faces are covered."
    )
    dialog.get_by_role("button", name="Add area").focus()
    page.keyboard.press("Enter")
    added = dialog.get_by_role("button", name="Area 2: 35% from the left", exact=False)
    expect(added).to_be_focused()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("button", name="Area 2: 38% from the left")).to_be_focused()
    while page.evaluate("document.activeElement.dataset.end") != "pixelate":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.locator(".composer-note")).to_have_text("Areas pixelated in IMG_1.jpg: 2")


def test_no_face_leaves_the_composer(
    connected: tuple[AppServer, Script], faces_in: FacesIn, open_page: OpenPage, tmp_path: Path
) -> None:
    """Not to the endpoint, the disk, the page or the downloads; also not when asked for sharper."""
    server, script = connected
    photo, preview = _camera_photo(tmp_path)
    page, _ = open_page(server.url)
    choose(page, photo)
    small = tray(page).locator("img")
    before = str(small.get_attribute("src"))
    assert len(faces_in(_fetched(page, before))) == 1

    _pixelate_with_keys(page)

    expect(small).not_to_have_attribute("src", before)
    assert faces_in(_fetched(page, str(small.get_attribute("src")))) == ()
    expect(area(page)).to_be_focused()
    page.keyboard.type("Who is that?")
    page.keyboard.press("Enter")
    expect_whole(page, script.text)
    (asked,) = _sent(script.asked[-1])
    assert Image.open(io.BytesIO(asked)).size == (2048, 2048)
    assert faces_in(asked) == ()

    expect(page.get_by_text("2 areas pixelated")).to_be_visible()
    page.get_by_text("2 areas pixelated").click()
    expect(page.get_by_text("2 areas pixelated before sending")).to_be_visible()
    expect_rest(page)
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Download picture").press("Enter")
    assert downloaded.value.path().read_bytes() == asked
    page.get_by_role("button", name="Ask again in higher resolution").press("Enter")
    expect(page.get_by_text("Version 2 of 2", exact=True)).to_be_visible()
    expect_whole(page, script.text)
    (sharper,) = _sent(script.asked[-1])
    assert max(Image.open(io.BytesIO(sharper)).size) > 2048
    assert faces_in(sharper) == ()

    stored = list(_stored(server))
    assert asked in stored
    assert sharper in stored
    assert len(stored) >= 3  # thumbnails too
    assert [faces_in(each) for each in stored] == [()] * len(stored)
    database = b"".join(each.read_bytes() for each in server.data_dir.rglob("*") if each.is_file())
    assert preview[-1000:-500] not in database
    assert photo.read_bytes()[-2000:-1000] not in database


def _fetched(page: Page, address: str) -> bytes:
    answer = page.request.get(address if "://" in address else page.url + address.lstrip("/"))
    assert answer.ok
    return answer.body()


def _stored(server: AppServer) -> Iterator[bytes]:
    """Every picture in the database."""
    (path,) = server.data_dir.rglob("*.db")
    with sqlite3.connect(path) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master") if name]
        tables = [name for name in names if not name.startswith("sqlite_")]
        for table in tables:
            try:
                rows = database.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608
            except sqlite3.OperationalError:  # an index
                continue
            for row in rows:
                for value in row:
                    if isinstance(value, bytes) and value[:3] in {b"\xff\xd8\xff", b"\x89PN"}:
                        yield value


def test_a_server_that_was_started_anew_is_not_given_the_original(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """The page gives it what waits there again, but for what was pixelated."""
    photo, _ = _camera_photo(tmp_path)
    other = tmp_path / "other.jpg"
    other.write_bytes(corpus.encoded(corpus.scene((300, 200)), "JPEG"))
    with FaultServer(Script()) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_MODEL": "gpt-4o"}
        with serve_app(tmp_path, env=env) as server:
            page, watch = open_page(server.url)
            choose(page, other)
            choose(page, photo)
            page.locator(".composer-mark").last.click()
            page.get_by_role("button", name="Pixelate …").click()
            page.get_by_role("button", name="Add area").click()
            page.get_by_role("button", name="Pixelate", exact=True).click()
            expect(page.locator(".composer-note")).to_have_text("Areas pixelated in IMG_1.jpg: 1")
            port = server.url.rpartition(":")[2]
        watch.expect("ERR_CONNECTION_REFUSED|status of 404|WebSocket")
        with serve_app(tmp_path, env=env, arguments=("--port", port)):
            expect(page.locator(".composer-tile")).to_have_count(1)
            expect(tray(page).get_by_alt_text("other.jpg")).to_be_visible()
            expect_rest(page)
            expect(page.locator(".composer-tile")).to_have_count(1)


def test_what_was_not_pixelated_is_not_sent(
    connected: tuple[AppServer, Script], open_page: OpenPage, tmp_path: Path
) -> None:
    """A question that waited for it goes back to the person; without regions nothing happens."""
    server, script = connected
    photo, _ = _camera_photo(tmp_path)
    page, watch = open_page(server.url)
    watch.expect("ERR_FAILED|status of 409|net::")
    choose(page, photo)
    page.locator(".composer-mark").click()
    page.get_by_role("button", name="Pixelate …").click()
    dialog = page.get_by_role("dialog", name="Pixelate areas")
    dialog.get_by_role("button", name="Pixelate", exact=True).click()
    expect(dialog.get_by_role("status")).to_have_text("Draw a box first, or have faces found.")
    page.route("**/faces", lambda route: route.abort())
    dialog.get_by_role("button", name="Find faces").click()
    expect(dialog.get_by_role("status")).to_contain_text("Faces could not be looked for.")
    dialog.get_by_role("button", name="Add area").click()

    asked = len(script.asked)
    page.route("**/pixelate", lambda route: route.fulfill(status=409, body="{}"))
    dialog.get_by_role("button", name="Pixelate", exact=True).click()
    expect(page.locator(".composer-note")).to_have_text(
        "IMG_1.jpg was not pixelated. Please try again."
    )
    assert len(script.asked) == asked
    page.unroute("**/pixelate")
    page.locator(".composer-mark").click()
    page.get_by_role("button", name="Pixelate …").click()
    expect(dialog.locator(".regions-box")).to_have_count(1)
    dialog.get_by_role("button", name="Pixelate", exact=True).click()
    expect(page.locator(".composer-note")).to_have_text("Areas pixelated in IMG_1.jpg: 1")
    area(page).fill("What is that?")
    send(page)
    expect_whole(page, script.text)
    expect(page.get_by_text("1 area pixelated")).to_be_visible()
