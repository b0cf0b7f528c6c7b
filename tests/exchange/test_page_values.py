"""Values of answers on exported pages: marked and outlined without a script, by what was read."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from html.parser import HTMLParser

import pytest

from augenblick.chat.checking import StoredValues
from augenblick.core.conversations import Node
from augenblick.core.messages import Role
from augenblick.core.picture_text import PictureText, Place, TextCell, Value
from augenblick.exchange.exporting import write_html
from augenblick.exchange.pages import share_page
from augenblick.store import Store
from tests.exchange.values import ENGLISH, a_node, prepared
from tests.store.values import import_conversation

_PHOTO = prepared("photo")
_SHA256 = _PHOTO.attachment.sha256
_TEXT = PictureText(
    2,
    (
        (TextCell("Total 22,24", 100, 40, 220, 20),),
        (TextCell("4711 0815", 100, 90, 180, 20), TextCell("12.09.2026", 400, 90, 100, 20)),
    ),
)


class Page(HTMLParser):
    """What a test asks of a page: its marks with their words, and its outlines by their ids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.found: list[tuple[str, str]] = []  # words, and where they lead
        self.missing: list[str] = []
        self.outlines: dict[str, list[tuple[int, ...]]] = {}
        self._open = ""
        self._leads_to = ""
        self._outline = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note marks and outlines."""
        given = {name: value or "" for name, value in attrs}
        self._open = given.get("class", "")
        self._leads_to = given.get("href", "").removeprefix("#")
        if tag == "g":
            self._outline = given["id"]
            assert self._outline not in self.outlines
            self.outlines[self._outline] = []
        elif tag == "rect":
            box = tuple(int(given[name]) for name in ("x", "y", "width", "height"))
            self.outlines[self._outline].append(box)

    def handle_data(self, data: str) -> None:
        """Note the words of a mark."""
        if self._open == "found":
            self.found.append((data, self._leads_to))
        elif self._open == "missing":
            self.missing.append(data)

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the signature is the parser's
        """Leave a mark."""
        self._open = ""


def _exported(store: Store, *answers: str, text: PictureText | None = _TEXT) -> Page:
    """A conversation with a photo and answers about it, exported as bytes and read again."""
    nodes = [a_node(1, Role.USER, "How much?", pictures=[_PHOTO])]
    for number, answer in enumerate(answers):
        at = 2 * number + 2
        nodes.append(a_node(at, Role.ASSISTANT, answer, parent=at - 1))
        nodes.append(a_node(at + 1, Role.USER, "And?", parent=at))
    found = import_conversation(store, owner="me", title="", nodes=nodes, pictures=[_PHOTO])
    if text is not None:
        store.save_text(_SHA256, text)
    conversation, file = store.load_conversation(found), io.BytesIO()
    write_html(
        conversation,
        file,
        language=ENGLISH,
        load_content=store.load_content,
        values_of=StoredValues(store),
    )
    return Page(file.getvalue().decode())


def test_found_values_lead_to_their_outlines(store: Store) -> None:
    """What is not found is marked, too; below the answer stands how many were."""
    page = _exported(store, "It is **22,24 €** on 12 September 2026, not 23,24 €.")

    assert [words for words, _ in page.found] == ["22,24", "12 September 2026"]
    assert page.missing == ["23,24"]
    boxes = [page.outlines[name] for _, name in page.found]
    ((left, top, width, height),) = boxes[0]
    assert (top, height) == (40, 20)
    assert 100 + 220 * 5 // 11 <= left < left + width <= 320
    assert boxes[1] == [(400, 90, 100, 20)]
    assert '<p class="meta">2 of 3 values found in the picture</p>' in page.html
    assert 'title="Stands in the picture"' in page.html
    assert 'title="Not found in the picture"' in page.html
    assert "<script" not in page.html
    assert " style=" not in page.html


def test_every_answer_has_marks_of_its_own(store: Store) -> None:
    """Wherever they stand in it; each leads somewhere, and no id stands twice."""
    rich = "> 22,24 €\n\n| sum | no |\n|---|---|\n| 22,24 € | `4711 0815` |\n\n```\n22,24 €\n```\n"
    page = _exported(store, rich, "Again 22,24 €, and [22,24 €](https://example.org).")

    assert [words for words, _ in page.found] == ["22,24", "22,24", "4711 0815", "22,24", "22,24"]
    assert {name for _, name in page.found} == set(page.outlines)
    assert len(page.outlines) == 3
    assert (
        '<a href="https://example.org" target="_blank" rel="noreferrer nofollow">22,24 €</a>'
        in page.html
    )


def test_inside_another_page_nothing_leads_anywhere(store: Store) -> None:
    """A link to a place would lead out of the frame; the marks say the same."""
    nodes = [
        a_node(1, Role.USER, "How much?", pictures=[_PHOTO]),
        a_node(2, Role.ASSISTANT, "It is 22,24 €, not 23,24 €.", parent=1),
    ]
    found = import_conversation(store, owner="me", title="", nodes=nodes, pictures=[_PHOTO])
    store.save_text(_SHA256, _TEXT)
    page = Page(
        share_page(
            store.load_conversation(found),
            leaf_id=None,
            language=ENGLISH,
            load_content=store.load_content,
            values_of=StoredValues(store),
            is_framed=True,
        )
    )

    assert (page.found, page.missing, page.outlines) == ([("22,24", "")], ["23,24"], {})
    assert 'href="#' not in page.html


@pytest.mark.parametrize("text", [None, PictureText(99, None), PictureText(0, ())])
def test_what_is_not_read_is_not_read_for_an_export(store: Store, text: PictureText | None) -> None:
    """A page of before: no mark, no outline, no line."""
    page = _exported(store, "It is 22,24 €.", text=text)

    assert (page.found, page.missing, page.outlines) == ([], [], {})
    assert "found in the picture" not in page.html
    assert "It is 22,24 €." in page.html


def test_values_can_make_no_html(store: Store) -> None:
    """Whatever a model and a picture say."""
    name = "<b>Anna & Co"
    text = PictureText(1, ((TextCell(name, 0, 0, 10, 10),),))
    page = _exported(store, f'It is "{name}".', text=text)

    assert "<b>Anna" not in page.html
    assert "Anna &amp; Co" in page.html


def test_a_long_answer_has_a_bounded_number_of_marks(store: Store) -> None:
    """The rest stays as it is."""
    page = _exported(store, "22,24 € " * 3000)

    assert len(page.found) == 500
    assert page.html.count("22,24") == 3000


def test_values_are_whole_words(store: Store) -> None:
    """Not parts of longer numbers; a unit may follow at once."""

    def values_of(_path: Sequence[Node]) -> Sequence[Value]:
        return (Value("50", (Place(_SHA256, 0, 0, 1, 1),)), Value("50 g", ()))

    nodes = [
        a_node(1, Role.USER, "How much?", pictures=[_PHOTO]),
        a_node(2, Role.ASSISTANT, "500, 1.50, 50.5, x50, 50g, 50, 50\u00a0g", parent=1),
    ]
    found = import_conversation(store, owner="me", title="", nodes=nodes, pictures=[_PHOTO])
    file = io.BytesIO()
    write_html(
        store.load_conversation(found),
        file,
        language=ENGLISH,
        load_content=store.load_content,
        values_of=values_of,
    )
    page = Page(file.getvalue().decode())

    assert [words for words, _ in page.found] == ["50", "50"]
    assert page.missing == ["50\u00a0g"]
    assert re.search(r"50</a>g", page.html)
