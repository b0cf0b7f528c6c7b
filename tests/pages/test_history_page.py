"""The pages with all conversations and with what is stored, as scripts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from augenblick.core.language import language
from augenblick.store import Store
from augenblick.ui.pictures.thumbnails import thumbnails
from augenblick.ui.resources import close_services, services
from tests.pages.asking import tab_of
from tests.pages.conftest import Visitor
from tests.pictures.corpus import encoded, scene
from tests.store.values import a_picture, a_question, a_record

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"
GERMAN = language("de")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store of the pages, empty."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_MODEL", "look")
    monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
    close_services()
    yield services().store
    close_services()


def _open(name: str, locale: str = "de-DE") -> AppTest:
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.context = {"locale": locale, "url": "http://localhost:8501/", "timezone": "Europe/Berlin"}
    page.run()
    page.switch_page(f"../../pages/{name}.py").run()
    assert not page.exception
    return page


def _asked(store: Store, text: str, answer: str = "A cat.", *, owner: str = "our-browser") -> str:
    opened = store.save_question(a_question(text, owner=owner))
    store.finish_reply(opened.reply_id, a_record(answer))
    return opened.conversation_id


def _titles(page: AppTest) -> list[str]:
    return [button.label for button in page.button if str(button.key).startswith("show_")]


@pytest.mark.parametrize("locale", ["de-DE", "en-US"])
def test_without_conversations_the_page_says_what_will_be_here(store: Store, locale: str) -> None:
    """An empty list is a kind sentence and a way to begin, no blank page."""
    page = _open("history", locale)

    spoken = language(locale[:2])
    assert spoken.text("history.nothing_yet") in page.markdown[0].value
    page.button(key="history_new").click().run()
    assert page.title[0].value == spoken.text("chat.welcome")


def test_thirty_are_listed_at_first_and_more_on_request(store: Store) -> None:
    """However many there are, the page stays short; pinned ones stand on top."""
    ids = [_asked(store, f"Frage {number}") for number in range(33)]
    store.set_pinned(ids[4], owner="our-browser", is_pinned=True)

    page = _open("history")
    at_first = _titles(page)
    page.button(key="history_more").click().run()

    assert at_first[:2] == ["Frage 4", "Frage 32"]
    assert len(at_first) == 30
    assert len(_titles(page)) == 33
    assert "history_more" not in [button.key for button in page.button]


def test_a_title_is_shown_as_it_was_typed(store: Store) -> None:
    """Signs of Markdown and HTML stay signs."""
    _asked(store, "*Stern* [x](http://y) <b>:red[z]</b>")

    (title,) = _titles(_open("history"))

    assert title == r"\*Stern\* \[x\](http\://y) \<b\>\:red\[z\]\</b\>"


def test_what_was_searched_for_is_marked_and_nothing_of_it_is_html(
    store: Store,
) -> None:
    """The excerpt shows the words as they were typed; what is not found is said kindly."""
    _asked(store, "Was ist das?", "Ein <img src=x onerror=alert(1)> **Kater** & eine Katze.")
    _asked(store, "Und das?", "Ein Hund.")
    page = _open("history")

    page.text_input(key="history_words").set_value("kater").run()
    found, excerpts = _titles(page), [html.proto.body for html in page.get("html")]
    page.text_input(key="history_words").set_value("elefant").run()

    assert found == ["Was ist das?"]
    (excerpt,) = [body for body in excerpts if body.startswith("<p")]
    assert "<mark>Kater</mark> &amp;" in excerpt
    assert "&lt;img src=x onerror=alert(1)&gt;" in excerpt
    assert _titles(page) == []
    assert GERMAN.text("history.nothing_found") in page.markdown[0].value


def test_several_are_deleted_together_and_come_back_together(store: Store) -> None:
    """What is chosen goes; one click brings all of it back."""
    ids = [_asked(store, f"Frage {number}") for number in range(3)]
    page = _open("history")

    page.button(key="pick_several").click().run()
    for conversation_id in ids[:2]:
        page.checkbox(key=f"pick_{conversation_id}").check().run()
    page.button(key="delete_picked").click().run()
    left, said = _titles(page), [markdown.value for markdown in page.markdown]
    page.button(key="undo_delete").click().run()

    assert left == ["Frage 2"]
    assert GERMAN.text("history.deleted", count=2, title="") in said
    assert set(_titles(page)) == {"Frage 0", "Frage 1", "Frage 2"}
    assert "undo_delete" not in [button.key for button in page.button]


def test_what_is_left_comes_back_although_some_is_gone(store: Store) -> None:
    """One that was deleted for good in another tab keeps none of the others from coming back."""
    ids = [_asked(store, f"Frage {number}") for number in range(3)]
    page = _open("history")
    page.button(key="pick_several").click().run()
    for conversation_id in ids:
        page.checkbox(key=f"pick_{conversation_id}").check().run()
    store.delete_conversation(ids[2], owner="our-browser")
    store.purge(deleted_before=datetime.now(UTC))
    page.button(key="delete_picked").click().run()
    left = _titles(page)

    page.button(key="undo_delete").click().run()

    assert left == []
    assert set(_titles(page)) == {"Frage 0", "Frage 1"}
    assert not page.error


def test_deleting_forgets_the_files_that_pictures_were_made_from(store: Store) -> None:
    """They have a place and a camera in them; those of other conversations stay at hand."""
    pool = services().pictures
    photos = [pool.prepare(encoded(scene((60 + n, 50)), "JPEG"), name="a.jpg") for n in range(3)]
    for number, photo in enumerate(photos):
        asked = a_question(f"Frage {number}", owner="our-browser", pictures=(photo,))
        store.finish_reply(store.save_question(asked).reply_id, a_record())

    def kept() -> list[bool]:
        return [pool.original(photo.attachment) is not None for photo in photos]

    assert kept() == [True, True, True]
    page = _open("history")
    page.button(key="pick_several").click().run()
    first = next(box for box in page.checkbox if box.label == "Frage 0")
    first.check().run()
    page.button(key="delete_picked").click().run()
    assert kept() == [False, True, True]

    assert not AppTest.from_function(_delete_everything, default_timeout=120).run().exception
    assert kept() == [False, False, False]
    assert not store.list_conversations("our-browser")


def test_a_deleted_conversation_leaves_no_picture_in_memory(store: Store) -> None:
    """Sent and looked at, it was in two more memories; another conversation's stays there."""
    parts = services()
    shown = [encoded(scene((60 + number, 50)), "JPEG") for number in range(2)]
    photos = [parts.pictures.prepare(content, name="a.jpg") for content in shown]
    for number, photo in enumerate(photos):
        asked = a_question(f"Frage {number}", owner="our-browser", pictures=(photo,))
        store.finish_reply(store.save_question(asked).reply_id, a_record())
        parts.variants.data_uri(photo.attachment)
    page = _open("history")

    def kept() -> list[tuple[bool, bool]]:
        uris, small = dict(parts.variants.data_uri._uris.items()), dict(thumbnails()._kept.items())
        return [(p.attachment.sha256 in uris, p.attachment.sha256 in small) for p in photos]

    assert kept() == [(True, True), (True, True)]
    page.button(key="pick_several").click().run()
    next(box for box in page.checkbox if box.label == "Frage 0").check().run()
    page.button(key="delete_picked").click().run()

    assert kept() == [(False, False), (True, True)]


def _delete_everything() -> None:
    """What the last button of the dialog does."""
    from augenblick.ui.history import delete_with_undo  # noqa: PLC0415 - the script has only what it imports
    from augenblick.ui.resources import services  # noqa: PLC0415 - as above

    delete_with_undo.delete_everything(services())


def test_what_is_too_late_to_be_brought_back_is_said(store: Store) -> None:
    """Undo after the store has deleted for good is a sentence, no broken page."""
    conversation_id = _asked(store, "Frage")
    page = _open("history")
    page.button(key="pick_several").click().run()
    page.checkbox(key=f"pick_{conversation_id}").check().run()
    page.button(key="delete_picked").click().run()
    store.delete_everything("our-browser")

    page.button(key="undo_delete").click().run()

    assert not page.exception
    assert page.error


def test_what_is_stored_is_said_in_numbers(store: Store) -> None:
    """The numbers are those of the store; deletion asks once more."""
    opened = store.save_question(
        a_question("Frage", owner="our-browser", pictures=(a_picture(b"x" * 2_400_000),))
    )
    store.finish_reply(opened.reply_id, a_record())
    _asked(store, "Fremd", owner="another-browser")
    store.create_share(
        opened.conversation_id, owner="our-browser", leaf_id=opened.reply_id, expires_at=None
    )
    page = _open("my_data")

    said = [element.value for element in (*page.markdown, *page.caption)]
    page.button(key="delete_everything").click().run()
    is_dangerous = not page.button(key="delete_now").disabled

    assert "**1 Gespräch** mit **1 Frage** und **1 Bild** (2,4 MB)" in said
    assert GERMAN.text("my_data.shares", count=1) in said
    assert GERMAN.text("my_data.kept_for_ever") in said
    assert not is_dangerous


def test_a_limit_of_the_server_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where conversations are deleted after some days, the page says after how many."""
    monkeypatch.setenv("AUGENBLICK_KEEP_DAYS", "30")

    said = [markdown.value for markdown in _open("my_data").markdown]

    assert GERMAN.text("my_data.kept_days", count=30) in said
    assert GERMAN.text("my_data.kept_for_ever") not in said


def test_a_link_is_taken_back(store: Store) -> None:
    """Every link that still leads somewhere is listed with the title of its conversation."""
    opened = store.save_question(a_question("Ein *Titel*", owner="our-browser"))
    store.finish_reply(opened.reply_id, a_record())
    share = store.create_share(
        opened.conversation_id, owner="our-browser", leaf_id=opened.reply_id, expires_at=None
    )
    page = _open("my_data")
    listed = [markdown.value for markdown in page.markdown]

    page.button(key=f"revoke_{share.token}").click().run()

    assert r"Ein \*Titel\*" in listed
    assert list(store.list_shares("our-browser")) == []


def test_a_browser_without_cookies_is_told_and_shares_nothing(
    store: Store, visitor: Visitor
) -> None:
    """Two of them have nothing in common, and both read why their list is empty."""
    visitor.browser_id = ""
    first, second = _open("history"), _open("history")
    owner = first.session_state["tab"].own_id
    _asked(store, "Nur hier", owner=owner)

    for page in (first, second):
        page.run()

    assert _titles(first) == ["Nur hier"]
    assert _titles(second) == []
    assert second.session_state["tab"].own_id != owner
    for page in (first, second):
        assert page.info[0].value == GERMAN.text("my_data.no_cookie")
    (upload,) = _open("my_data").get("file_uploader")
    assert upload.proto.disabled


def test_what_is_asked_without_cookies_is_never_written(store: Store, visitor: Visitor) -> None:
    """Nobody could find or delete it again, so it is kept in memory only."""
    visitor.browser_id = ""

    page = _open("chat")

    assert tab_of(page).is_temporary
    assert GERMAN.text("my_data.no_cookie") in [notice.value for notice in page.info]
