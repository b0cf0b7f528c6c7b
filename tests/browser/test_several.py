"""Several answers side by side, as people see them: while they come, disturbed, stopped, picked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from augenblick.core.conversations import ReplyRecord
from augenblick.core.messages import ReplyEnd
from augenblick.store import Store
from tests.browser.conftest import OpenPage
from tests.browser.playing import ask, expect_ready, messages, new_conversation
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app
from tests.several import REFUSED, Several

LONG = tuple(tuple(f"{letter}{number} " for number in range(60)) for letter in "abc")


class Served:
    """The server, its endpoint and what the endpoint says."""

    def __init__(self, server: AppServer, script: Several, endpoint: FaultServer) -> None:
        self.server = server
        self.script = script
        self.endpoint = endpoint

    def stored(self, page: Page) -> ReplyRecord:
        """The last answer as it is stored."""
        (conversation_id,) = parse_qs(urlsplit(page.url).query)["c"]
        store = Store(f"sqlite:///{self.server.data_dir / 'augenblick.db'}")
        last = store.load_conversation(conversation_id).path()[-1]
        store.close()
        assert last.reply is not None
        return last.reply


@contextmanager
def _serving(folder: Path) -> Iterator[Served]:
    script = Several()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        with serve_app(folder, env=env) as server:
            yield Served(server, script, endpoint)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests here."""
    with _serving(tmp_path_factory.mktemp("several")) as served:
        yield served


@pytest.fixture(scope="module")
def running_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Another one, for what it learns about its endpoint stays with it."""
    with _serving(tmp_path_factory.mktemp("apart")) as served:
        yield served


def _fresh(served: Served, **says: object) -> Served:
    """With an endpoint that gives three long answers slowly."""
    script = Several(answers=LONG, pause_seconds=0.02)
    for name, value in {**vars(script), **says}.items():
        setattr(served.script, name, value)
    return served


@pytest.fixture
def served(running: Served) -> Served:
    """A server whose endpoint gives all answers at once."""
    return _fresh(running)


@pytest.fixture
def served_apart(running_apart: Served) -> Served:
    """A server whose endpoint refuses to be asked for several."""
    return _fresh(running_apart, most=1, refusal=REFUSED)


def _open(open_page: OpenPage, served: Served, **context: object) -> Page:
    page, watch = open_page(served.server.url, "/?expert=true&n=3", **context)
    watch.expect("WebSocket")
    return page


def _cards(page: Page) -> Locator:
    return messages(page).last.get_by_test_id("stColumn")


def _expect_begun(page: Page) -> None:
    for at, letter in enumerate("abc"):
        expect(_cards(page).nth(at)).to_contain_text(f"{letter}5 ")


def _expect_done(page: Page) -> None:
    expect(page.get_by_role("button", name="Continue with answer")).to_have_count(2)
    expect_ready(page)
    expect(_cards(page)).to_have_count(3)


def _shown(page: Page) -> list[str]:
    """The text of each card as it stands there."""
    return [(card.locator(".compared").text_content() or "") for card in _cards(page).all()]


def _reload(page: Page) -> None:
    page.reload()


def _touch_the_language(page: Page) -> None:
    page.get_by_text("Deutsch", exact=True).click()
    expect(page.get_by_role("radiogroup", name="Sprache")).to_be_visible()
    page.get_by_text("English", exact=True).click()


def _visit_another_page(page: Page) -> None:
    page.get_by_role("link", name="Models and connections").click()
    expect(page.get_by_role("heading", name="Models and connections")).to_be_visible()
    page.go_back()


@pytest.mark.parametrize("disturb", [_reload, _touch_the_language, _visit_another_page])
def test_answers_survive_whatever_people_do(
    served: Served, open_page: OpenPage, disturb: Callable[[Page], None]
) -> None:
    """Each is whole, byte for byte, and asked for once, with the others."""
    served.script.waits_before = "40 "
    page = _open(open_page, served)
    ask(page, "Tell me")
    _expect_begun(page)

    disturb(page)
    served.script.waits_before = ""
    _expect_done(page)

    expected = [served.script.text(at) for at in range(3)]
    assert [choice.text for choice in served.stored(page).choices] == expected
    assert _shown(page) == expected
    assert len(served.script.asked) == 1
    expect(messages(page)).to_have_count(2)


def test_answers_that_were_asked_for_one_by_one_survive_too(
    served_apart: Served, open_page: OpenPage
) -> None:
    """The first request was refused, three more brought them; which came first is chance."""
    served_apart.script.waits_before = "40 "
    page = _open(open_page, served_apart)
    ask(page, "Tell me")
    for at in range(3):
        expect(_cards(page).nth(at)).to_contain_text(re.compile("[abc]5 "))

    page.reload()
    served_apart.script.waits_before = ""
    _expect_done(page)

    expected = [served_apart.script.text(at) for at in range(3)]
    assert sorted(_shown(page)) == expected
    assert _shown(page) == [choice.text for choice in served_apart.stored(page).choices]
    assert len(served_apart.script.asked) == 4
    expect(messages(page).last).to_contain_text("it was asked 3 times")


def test_a_second_tab_reads_along_and_stop_ends_all(served: Served, open_page: OpenPage) -> None:
    """Both tabs show the same in the end, and no connection to the endpoint is left."""
    served.script.answers = [[f"{letter}{number} " for number in range(3000)] for letter in "abc"]
    served.script.pause_seconds = 0.2  # answers stay short enough to be marked where they differ
    page = _open(open_page, served)
    ask(page, "Tell me")
    _expect_begun(page)
    link = page.url.removeprefix(served.server.url)
    second, _ = open_page(served.server.url, link, storage_state=page.context.storage_state())
    _expect_begun(second)

    second.get_by_role("button", name="Stop", exact=True).click()

    for each in (page, second):
        _expect_done(each)
        expect(messages(each).last.get_by_text("Stopped.")).to_have_count(3)
    assert served.endpoint.wait_until_left()
    record = served.stored(page)
    assert record.end is ReplyEnd.STOPPED
    assert _shown(page) == _shown(second) == [choice.text for choice in record.choices]
    assert all("2999" not in text for text in _shown(page))


def test_a_page_of_another_process_shows_all_answers(
    served: Served, open_page: OpenPage, tmp_path: Path
) -> None:
    """It learns only from the store how many there are, and can stop them all the same."""
    served.script.answers = [[f"{letter}{number} " for number in range(3000)] for letter in "abc"]
    served.script.pause_seconds = 0.2  # answers stay short enough to be marked where they differ
    page = _open(open_page, served)
    ask(page, "Tell me")
    _expect_begun(page)
    link = page.url.removeprefix(served.server.url)
    env = {
        "OPENAI_BASE_URL": served.endpoint.base_url,
        "AUGENBLICK_DATA_DIR": str(served.server.data_dir),
    }
    with serve_app(tmp_path, env=env) as other:
        second, _ = open_page(other.url, link, storage_state=page.context.storage_state())
        _expect_begun(second)

        second.get_by_role("button", name="Stop", exact=True).click()

        for each in (page, second):
            _expect_done(each)
        assert _shown(page) == _shown(second)
    assert [choice.text for choice in served.stored(page).choices] == _shown(page)
    assert len(served.script.asked) == 1


def test_on_a_phone_they_stand_below_each_other(served: Served, open_page: OpenPage) -> None:
    """While they come and when they are there; nothing goes beyond the edge; one is picked."""
    served.script.answers = (["It says **41**."], ["It says **42**."], ["It says **42**."])
    page = _open(open_page, served, viewport={"width": 390, "height": 800})
    ask(page, "Tell me")
    _expect_done(page)

    boxes = [card.bounding_box() for card in _cards(page).all()]
    tops = [box["y"] for box in boxes if box]
    assert tops == sorted(tops)
    assert len(set(tops)) == 3
    width = page.evaluate("document.scrollingElement.scrollWidth")
    assert width <= 390
    expect(messages(page).last).to_contain_text("2 of 3 answers agree.")
    page.get_by_role("button", name="Continue with answer 3").click()
    expect(_cards(page).last).to_contain_text("Continuing with this one")
    expect(_cards(page).first).not_to_contain_text("Continuing with this one")
    page.get_by_text("Highlight differences").click()
    expect(_cards(page).first.locator("mark")).to_have_text("41")
    expect(_cards(page).last.locator("mark")).to_have_text("42")
    assert served.stored(page).picked_choice == 2


def test_nothing_moves_when_they_end(served: Served, open_page: OpenPage) -> None:
    """The cards stay where they were while they were written."""
    served.script.waits_before = "40 "
    page = _open(open_page, served)
    ask(page, "Tell me")
    _expect_begun(page)
    expect(messages(page).last).to_contain_text(re.compile("3 answers are being written"))
    before = _place(page)

    served.script.waits_before = ""
    _expect_done(page)

    assert _place(page) == pytest.approx(before, abs=1)


def _place(page: Page) -> list[float]:
    """Where the second card stands within its message, however far the page is scrolled."""
    found: list[float] = (
        _cards(page)
        .nth(1)
        .evaluate("""card => {
        const whole = card.closest('[data-testid="stChatMessage"]').getBoundingClientRect();
        const own = card.getBoundingClientRect();
        return [own.left - whole.left, own.top - whole.top];
    }""")
    )
    return found


def test_the_page_is_wider_only_while_several_stand_on_it(
    served: Served, open_page: OpenPage
) -> None:
    """Three texts side by side need more room than one, which is read best in a narrow column."""
    page = _open(open_page, served, viewport={"width": 1600, "height": 900})
    column = page.get_by_test_id("stMainBlockContainer")
    usual: str = column.evaluate("element => getComputedStyle(element).maxWidth")
    assert usual != "1024px"
    served.script.waits_before = "40 "
    ask(page, "Tell me")
    _expect_begun(page)
    expect(column).to_have_css("max-width", "1024px")
    served.script.waits_before = ""
    _expect_done(page)
    expect(column).to_have_css("max-width", "1024px")
    new_conversation(page)
    expect(column).to_have_css("max-width", usual)
