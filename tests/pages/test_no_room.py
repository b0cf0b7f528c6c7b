"""What a page says when it can keep no more, and what is there still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from augenblick.ui import upload_accounting
from augenblick.ui.resources import close_services
from augenblick.web.tray_tabs import TrayTab
from augenblick.web.upload_memory import UploadMemory, UploadMemoryLimits
from tests.browser.playing import Script
from tests.faults.server import FaultServer
from tests.pages.asking import ask, put, tab_of
from tests.pages.conftest import Visitor
from tests.pages.test_pictures_on_the_page import _jpeg, _pdf

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """An endpoint the page is configured with, and a store of its own."""
    played = Script()
    with FaultServer(played) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_MODEL", "gpt-4o")
        monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
        yield played
        close_services()


@pytest.fixture
def upload_memory(monkeypatch: pytest.MonkeyPatch) -> UploadMemory[TrayTab]:
    """Room for a few small pictures."""
    found = upload_accounting.UPLOAD_MEMORY
    for left in list(found._tabs.values()):  # of other tests, which nobody has collected yet
        left.let_go()
    monkeypatch.setattr(found, "limits", UploadMemoryLimits(600_000, 900_000))
    return found


def _open() -> AppTest:
    opened = AppTest.from_file(str(MAIN), default_timeout=120)
    opened.context = {"locale": "de-DE", "url": "http://localhost:8501/"}
    opened.run()
    assert not opened.exception
    return opened


@pytest.fixture
def page(script: Script) -> AppTest:
    """The start page, in German."""
    return _open()


def _in_tray(page: AppTest) -> list[str]:
    """Names of what is ready, and codes of what can't be used."""
    items = tab_of(page).tray.items
    return [item.failure.code if item.failure else item.name for item in items]


def _heavy_pdf(kilobytes: int) -> bytes:
    """A PDF of two pages, which is kept whole; most of its bytes stand behind its end."""
    pdf = _pdf(2)
    return pdf + bytes(kilobytes * 1000 - len(pdf))


@pytest.mark.usefixtures("upload_memory")
def test_a_file_there_is_no_room_for_is_refused_at_once(page: AppTest, script: Script) -> None:
    """What waited before is there still, and a lighter file finds room."""
    put(page, ("vertrag.pdf", _heavy_pdf(400)))
    put(page, ("zu-viel.pdf", _heavy_pdf(300)), ("leicht.jpg", _jpeg(90, 60)))

    assert _in_tray(page) == ["vertrag.pdf", "vertrag.pdf", "too_much_kept", "leicht.jpg"]
    ask(page, "Was steht da?")
    assert len(script.asked) == 1
    assert _in_tray(page) == []


def test_tabs_of_one_person_count_together(
    page: AppTest, upload_memory: UploadMemory[TrayTab]
) -> None:
    """What waits in one tab leaves less room in another, until it is let go."""
    put(page, ("vertrag.pdf", _heavy_pdf(400)))
    other = _open()
    put(other, ("foto.pdf", _heavy_pdf(300)))

    assert _in_tray(other) == ["too_much_kept"]
    upload_memory.forget(tab_of(page).session_id)  # both run in the one session of such tests
    assert _in_tray(page) == []
    put(other, ("foto.pdf", _heavy_pdf(300)))
    assert _in_tray(other) == ["foto.pdf", "foto.pdf"]


@pytest.mark.usefixtures("upload_memory")
def test_somebody_else_has_room_until_the_server_is_full(page: AppTest, visitor: Visitor) -> None:
    """The sentence for a full page is another one: it is nothing that person has to mend."""
    put(page, ("vertrag.pdf", _heavy_pdf(400)))
    visitor.browser_id = "somebody-else"
    other = _open()
    put(other, ("foto.pdf", _heavy_pdf(200)))
    put(other, ("und.pdf", _heavy_pdf(200)))

    assert _in_tray(other) == ["foto.pdf", "foto.pdf", "server_is_full"]
