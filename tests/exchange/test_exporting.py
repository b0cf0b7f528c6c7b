"""What an export holds, and what it never does."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from datetime import UTC, timedelta, timezone

import pytest

from augenblick.core.conversations import Conversation, ReplyRecord
from augenblick.core.messages import (
    ChoiceText,
    ImagePart,
    ReplyEnd,
    Role,
    ToolCall,
    ToolResult,
    ToolRound,
)
from augenblick.core.settings import RequestSettings
from augenblick.exchange.answers import answer_html
from augenblick.exchange.exporting import (
    file_name,
    write_everything,
    write_html,
    write_json,
    write_markdown,
)
from augenblick.exchange.pages import share_page, summary_of
from augenblick.store import Store
from tests.exchange.values import (
    ENGLISH,
    GERMAN,
    a_node,
    a_saved_conversation,
    prepared,
)
from tests.growth import assert_linear
from tests.store.values import import_conversation


@pytest.fixture
def conversation(store: Store) -> Conversation:
    """A saved conversation."""
    return store.load_conversation(a_saved_conversation(store))


def _html(store: Store, conversation: Conversation) -> str:
    file = io.BytesIO()
    write_html(conversation, file, language=GERMAN, load_content=store.load_content)
    return file.getvalue().decode()


def test_page_holds_everything_shown_and_nothing_from_elsewhere(
    store: Store, conversation: Conversation
) -> None:
    """Title, questions, answers and every picture are in it; no script and no address to load."""
    page = _html(store, conversation)

    assert "<h1>Café: Rechnung?</h1>" in page
    assert "<strong>12,40 €</strong>" in page
    assert "Und &lt;b&gt;das&lt;/b&gt;?\n\nZweite Zeile" in page
    assert "Eine andere Antwort" not in page
    for kind, times in (("photo", 2), ("drawing", 1)):
        encoded = base64.b64encode(prepared(kind).content).decode()
        assert page.count(encoded) == times
    assert "<script" not in page
    assert not re.search(r"""(?:src|url\()\s*=?\s*["']?(?!data:)(?:https?:|//)""", page)


def test_what_was_called_is_said_in_a_line_and_whole_in_json(store: Store) -> None:
    """Names alone on the pages; in JSON the messages of the API, pictures included."""
    closer = prepared("small")
    calls = (ToolCall("a", "zoom", "{}"), ToolCall("b", "zoom", "{}"), ToolCall("c", "<i>", "{}"))
    results = (
        ToolResult("a", "secret result", picture=ImagePart(closer.attachment)),
        *(ToolResult(call.id, "x") for call in calls[1:]),
    )
    choices = (ChoiceText("Da."),)
    record = ReplyRecord("p", "m", ReplyEnd.COMPLETE, choices, rounds=(ToolRound(calls, results),))
    nodes = [a_node(1, Role.USER, "Wo?"), a_node(2, Role.ASSISTANT, "Da.", parent=1, record=record)]
    found = import_conversation(store, owner="me", title="", nodes=nodes, pictures=[closer])
    conversation = store.load_conversation(found)

    page, packed, plain = _html(store, conversation), io.BytesIO(), io.BytesIO()
    write_markdown(conversation, packed, language=GERMAN, load_content=store.load_content)
    write_json(conversation, plain, load_content=store.load_content)

    assert "Aufgerufene Funktionen: zoom (2), &lt;i&gt;." in page
    assert "secret result" not in page
    with zipfile.ZipFile(packed) as archive:
        text = archive.read("conversation.md").decode()
    assert "*Aufgerufene Funktionen: zoom (2), <i>.*" in text
    messages = json.loads(plain.getvalue())["messages"]
    assert [one["role"] for one in messages] == [
        "user", "assistant", "tool", "tool", "tool", "user", "assistant",
    ]  # fmt: skip
    encoded = base64.b64encode(closer.content).decode()
    assert messages[5]["content"][0]["image_url"]["url"].endswith(encoded)


def test_times_are_those_of_the_reader_where_it_is_known_who_reads(
    conversation: Conversation,
) -> None:
    """The same moment, two hours apart on the clocks."""
    path = conversation.path()
    began = path[0].created_at
    for hours in (1, 3):
        zone = timezone(timedelta(hours=hours))
        said = summary_of(path, GERMAN.in_zone(zone))
        assert said.startswith(GERMAN.moment(began.astimezone(zone)))


def test_times_name_their_zone_where_nobody_knows_who_reads(
    store: Store, conversation: Conversation
) -> None:
    """A shared link is read anywhere, so the clock it means is said."""
    began = conversation.path()[0].created_at
    told = f"{GERMAN.moment(began.astimezone(UTC))} UTC"

    assert summary_of(conversation.path(), GERMAN).startswith(told)
    assert told in _html(store, conversation)


def test_page_names_no_file_and_no_reasoning(store: Store, conversation: Conversation) -> None:
    """How a file was called on somebody's phone is nobody's business."""
    assert "photo.file" not in _html(store, conversation)


def test_page_beyond_its_room_takes_small_pictures(
    store: Store, conversation: Conversation
) -> None:
    """A shared page stays light: once its room is used, thumbnails stand in, or a note."""
    small = share_page(
        conversation,
        leaf_id=None,
        language=ENGLISH,
        load_content=store.load_content,
        load_thumbnail=store.load_thumbnail,
        max_picture_bytes=0,
    )
    none = share_page(
        conversation,
        leaf_id=None,
        language=ENGLISH,
        load_content=store.load_content,
        max_picture_bytes=0,
    )

    assert base64.b64encode(prepared("photo").content).decode() not in small
    assert small.count("<img ") == 3
    assert "<img " not in none
    assert none.count("A picture is missing here") == 3


@pytest.mark.parametrize(
    ("markdown", "expected", "forbidden"),
    [
        ("![x](https://evil.example/a.png)", 'href="https://evil.example/a.png"', "<img"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))", "href"),
        ("[x](data:text/html,hi)", "[x]", "href"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x", "<img"),
        ("<https://a.example/>", 'rel="noreferrer nofollow"', "<script"),
        ("```\n</code><script>\n```", "&lt;/code&gt;&lt;script&gt;", "<script"),
        ('![a"><script>](https://a.example/"onload=1)', "&lt;script&gt;", "<script"),
        ("# Title", "<h3>Title</h3>", "<h1"),
        ("| a |\n|---|\n| 1 |", "<td>1</td>", "|"),
    ],
)
def test_answers_are_drawn_and_harmless(markdown: str, expected: str, forbidden: str) -> None:
    """What a model wrote can neither run nor load, and reads as it should."""
    html = answer_html(markdown)

    assert expected in html
    assert forbidden not in html


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("one\ntwo", "<p>one<br />\ntwo</p>"),
        ("- one\n  two", "<li>one\ntwo</li>"),
        ("12,50\n3,20\n-----\n15,70", "<p>12,50<br />\n3,20</p>\n<hr />\n<p>15,70</p>"),
        ("12,50\n3,20\n=====\n15,70", "<p>12,50<br />\n3,20<br />\n=====<br />\n15,70</p>"),
        ("Title\n---\ntext", "<h4>Title</h4>\n<p>text</p>"),
        ("| a |\n|---|\n| b<br>c |", "<td>b<br />\nc</td>"),
        ("H<sub>2</sub>O <kbd>Ctrl</kbd> <u>x</u>", "H<sub>2</sub>O <kbd>Ctrl</kbd> <u>x</u>"),
        ("<B>a</B></br><em>b</em> <del>c</del>", "<b>a</b><br />\n<em>b</em> <del>c</del>"),
        ("<b onclick=x>a</b>", "&lt;b onclick=x&gt;a&lt;/b&gt;"),
        (r"$\$5.00$ und $15%$", r"<code>\$5.00</code> und <code>15%</code>"),
        ("<u onclick=x>y</u>", "&lt;u onclick=x&gt;y&lt;/u&gt;"),
        ("<details><summary>T</summary>\n\nx", "<p><strong>T</strong></p>\n<p>x</p>"),
        (r"\(a_1 + b_1\) for $5 and $6", "<code>a_1 + b_1</code> for $5 and $6"),
        ("\\[\n- x\n= 1\n\\]", "<pre><code>- x\n= 1\n</code></pre>"),
        ('这是**"重点"**内容', "这是<strong>&quot;重点&quot;</strong>内容"),
        ("a~b~c -> d", "<p>a~b~c -&gt; d</p>"),
        (">= 5", "<p>&gt;= 5</p>"),
        ("- א", '<ul dir="auto">'),
    ],
)
def test_answers_read_as_they_do_on_the_screen(markdown: str, expected: str) -> None:
    """Line ends, harmless tags, formulas as their source, emphasis, comparisons, direction."""
    assert expected in answer_html(markdown)


@pytest.mark.parametrize(
    "text",
    [
        f"[a]: https://a.example/{'x' * 5_000}\n\n" + "see [a] here\n\n" * 900,
        f"[a]: https://a.example/{'x' * 5_000}\n\n" + "see ![a] here\n\n" * 900,
        "> " * 5_000,
        ">\n\n" * 5_000,
        "-\n" * 5_000,
        "&\"<'" * 5_000,
        "`a`" * 5_000,
        "[a](b)" * 3_000,
        "|" * 50 + "\n" + "|-" * 49 + "|\n" + "|\n" * 2_000,
    ],
)
def test_a_page_is_at_most_four_times_its_text(text: str) -> None:
    """Whatever the Markdown; past that a link is not resolved, or the text stands as it is."""
    assert len(answer_html(text).encode()) <= 4 * len(text.encode()) + 1_100


@pytest.mark.parametrize(
    "bit", ["[", "![", "<u>", "$a", "\\[\n", "**重", "<details>\n", "- a\n", "`x``", "|a|\n"]
)
def test_twice_the_answer_costs_twice(bit: str) -> None:
    """Nothing that a model repeats holds up the server while a page is made."""
    assert_linear(answer_html, lambda size: bit * (size // len(bit)))


def test_markdown_comes_with_its_pictures(store: Store, conversation: Conversation) -> None:
    """The zip holds the text and each picture once, and every picture it names."""
    file = io.BytesIO()
    write_markdown(conversation, file, language=GERMAN, load_content=store.load_content)

    with zipfile.ZipFile(file) as archive:
        text = archive.read("conversation.md").decode()
        named = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
        contents = {name: archive.read(name) for name in set(named)}
    assert named == [
        "pictures/picture-001.jpg",
        "pictures/picture-002.png",
        "pictures/picture-001.jpg",
    ]
    assert contents["pictures/picture-001.jpg"] == prepared("photo").content
    assert contents["pictures/picture-002.png"] == prepared("drawing").content
    assert text.startswith("# Café: Rechnung?\n")
    assert "## Antwort\n\nDas kostet **12,40 €**." in text


def test_one_of_several_answers_says_so(store: Store) -> None:
    """Page and Markdown hold the picked one, how it ended and of how many it is."""
    choices = (
        ChoiceText("Eins.", finish_reason="stop"),
        ChoiceText("Zwei", finish_reason="length"),
    )
    settings = RequestSettings("gpt-4o", n=2)
    record = ReplyRecord(
        "p", "gpt-4o", ReplyEnd.COMPLETE, choices, picked_choice=1, settings=settings
    )
    nodes = [
        a_node(1, Role.USER, "Was?"),
        a_node(2, Role.ASSISTANT, "Zwei", parent=1, record=record),
    ]
    conversation_id = import_conversation(
        store, owner="me", title="Was?", nodes=nodes, pictures=[], leaf_id="2"
    )
    conversation = store.load_conversation(conversation_id)
    file = io.BytesIO()
    write_markdown(conversation, file, language=GERMAN, load_content=store.load_content)
    with zipfile.ZipFile(file) as archive:
        markdown = archive.read("conversation.md").decode()

    for written in (_html(store, conversation), markdown):
        assert "Zwei" in written
        assert "Eins." not in written
        assert GERMAN.text("document.one_of", count=2) in written
        assert GERMAN.text("end.length") in written


def test_json_can_be_sent_as_it_is(store: Store, conversation: Conversation) -> None:
    """Model and messages have the form of the API; the other answer stands in the tree only."""
    file = io.BytesIO()
    write_json(conversation, file, load_content=store.load_content)

    document = json.loads(file.getvalue())
    assert document["model"] == "gpt-4o"
    assert [message["role"] for message in document["messages"]] == ["user", "assistant"] * 2
    first = document["messages"][0]["content"]
    assert [part["type"] for part in first] == ["image_url", "image_url", "text"]
    assert first[0]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert "Eine andere Antwort." not in json.dumps(document["messages"])
    assert "Eine andere Antwort." in json.dumps(document["augenblick"])


def test_pictures_that_are_gone_stop_no_export(conversation: Conversation) -> None:
    """An export in the moment of a deletion still comes, with notes."""

    def gone(sha256: str) -> bytes:
        raise KeyError(sha256)

    for write in (write_html, write_markdown, write_everything):
        given = [conversation] if write is write_everything else conversation
        write(given, io.BytesIO(), language=GERMAN, load_content=gone)  # type: ignore[arg-type]  # one of three shapes
    write_json(conversation, io.BytesIO(), load_content=gone)


def test_an_empty_conversation_can_be_exported(store: Store) -> None:
    """A question without words or answer makes no writer stumble."""
    node = a_node(1, Role.USER, "")
    empty = store.load_conversation(
        import_conversation(store, owner="me", title="", nodes=[node], pictures=[])
    )

    assert "Gespräch ohne Titel" in _html(store, empty)
    file = io.BytesIO()
    write_everything([empty, empty], file, language=GERMAN, load_content=store.load_content)
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == [
            "0001 Gespräch/conversation.md",
            "0001 Gespräch/conversation.json",
            "0002 Gespräch/conversation.md",
            "0002 Gespräch/conversation.json",
        ]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Rechnung vom Café", "Rechnung vom Café.html"),
        ("../../etc/passwd", "etc passwd.html"),
        ('a<b>c:d"e/f\\g|h?i*j', "a b c d e f g h i j.html"),
        ("CON", "Gespräch CON.html"),
        ("aux.txt", "Gespräch aux.txt.html"),
        ("", "Gespräch.html"),
        (" . ", "Gespräch.html"),
        ("zwei\nZeilen\t\x00 und \u202eRTL", "zwei Zeilen und RTL.html"),
        ("x" * 300, "x" * 80 + ".html"),
        ("Ende. ", "Ende.html"),
    ],
)
def test_every_title_makes_a_file_name(title: str, expected: str) -> None:
    """Whatever a conversation is called, Windows, macOS and Linux can save it."""
    assert file_name(title, suffix=".html", language=GERMAN) == expected
