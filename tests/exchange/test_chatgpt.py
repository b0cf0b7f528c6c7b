"""What ChatGPT's exports hold beside plain text, and what one odd message costs: itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from augenblick.core.messages import TextPart
from augenblick.exchange.canvas import document_in
from augenblick.exchange.chatgpt import read_chatgpt
from augenblick.exchange.citations import without_marks
from augenblick.exchange.parsed import FoundConversation, FoundPicture
from tests.growth import assert_linear

_CITE = "\ue200cite\ue202turn0search0\ue202turn0search3\ue201"


def _message(role: str, content: object, **more: Any) -> dict[str, Any]:
    return {"author": {"role": role}, "content": content, "recipient": "all", **more}


def _text(*parts: object, kind: str = "text") -> dict[str, Any]:
    return {"content_type": kind, "parts": list(parts)}


def _read(*messages: object) -> FoundConversation:
    """A conversation of these messages, each below the one before."""
    mapping: dict[str, Any] = {"root": {"message": None, "parent": None, "children": ["0"]}}
    for number, message in enumerate(messages):
        parent = str(number - 1) if number else "root"
        children = [str(number + 1)]
        mapping[str(number)] = {"message": message, "parent": parent, "children": children}
    found = {"title": "T", "mapping": mapping, "current_node": str(len(messages) - 1)}
    return read_chatgpt(found, load_asset=lambda _: None)


def _said(found: FoundConversation) -> list[str]:
    return [
        " | ".join(part.text if isinstance(part, TextPart) else "?" for part in node.parts)
        for node in found.nodes
    ]


def test_what_was_spoken_is_text() -> None:
    """Words are kept; recordings are counted as left out."""
    sound = {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://file_1"}
    spoken = {"content_type": "audio_transcription", "text": "Wie spät ist es?", "direction": "in"}
    recording = {
        "content_type": "real_time_user_audio_video_asset_pointer",
        "audio_asset_pointer": sound,
    }
    answer = {"content_type": "audio_transcription", "text": "Halb drei.", "direction": "out"}

    found = _read(
        _message("user", _text(spoken, recording, kind="multimodal_text")),
        _message("assistant", _text(answer, sound, kind="multimodal_text")),
    )

    assert _said(found) == ["Wie spät ist es?", "Halb drei."]
    assert found.nodes[1].record is not None
    assert found.nodes[1].record.picked.text == "Halb drei."
    assert found.left_out == 2


_ODD = [
    5, "text", [1], {}, {"author": 5}, _message("assistant", None), _message("assistant", 5),
    _message("assistant", {"content_type": "text", "parts": None}),
    _message("assistant", {"content_type": "text", "parts": 5}),
    _message("assistant", {"content_type": "text", "parts": {"a": 1}}),
    _message("assistant", {"content_type": ["text"], "parts": [[], {}, None, True, {"text": 5}]}),
    _message("assistant", _text({"content_type": "image_asset_pointer", "asset_pointer": 5})),
    _message("assistant", _text("x"), metadata=[], create_time="gestern"),
    _message("assistant", _text("x"), metadata={"model_slug": {}, "content_references": {"a": 1}}),
    _message("assistant", _text("x"), recipient=["all"]), _message("king", _text("x")),
    _message("assistant", {"content_type": "new_kind", "anything": "x"}),
    _message("assistant", _text("{", kind="code"), recipient="canmore.create_textdoc"),
    {"author": {"role": ["user"]}, "content": _text("x")},
]  # fmt: skip


@pytest.mark.parametrize("odd", _ODD, ids=range(len(_ODD)))
def test_one_odd_message_costs_no_other(odd: object) -> None:
    """Whatever stands there, the question before and the answer after it are taken."""
    found = _read(_message("user", _text("Vorher")), odd, _message("assistant", _text("Nachher")))

    said = _said(found)
    assert (said[0], said[-1]) == ("Vorher", "Nachher")
    assert found.leaf_id == "2"
    assert found.nodes[-1].parent_id in {"0", "1"}


@pytest.mark.parametrize(
    ("text", "metadata", "expected"),
    [
        ('Die \ue200product_entity\ue202["turn0","Kamera X"]\ue201 da', {}, "Die Kamera X da"),
        ("Siehe【12†source】 und 【3:0†a.pdf】.", {}, "Siehe und."),
        ("【注意】 bleibt", {}, "【注意】 bleibt"),
        (
            "Text【4†source】.",
            {
                "citations": [
                    {
                        "start_ix": 4,
                        "end_ix": 14,
                        "metadata": {"title": "T", "url": "https://t.example"},
                    }
                ]
            },
            "Text([T](https://t.example)).",
        ),
        (
            "Im Text\ue200filecite\ue202turn0file0\ue201.",
            {
                "content_references": [
                    {
                        "matched_text": "\ue200filecite\ue202turn0file0\ue201",
                        "type": "file",
                        "name": "b.pdf",
                    }
                ]
            },
            "Im Text (b.pdf).",
        ),
        (':::writing{variant="email" id="1"}\nLiebe Anna,\n:::\nGut?', {}, "Liebe Anna,\nGut?"),
        (":::note\nbleibt\n:::", {}, ":::note\nbleibt\n:::"),
    ],
)
def test_further_marks(text: str, metadata: dict[str, Any], expected: str) -> None:
    """Products, sources of older exports, files, and texts that were to be copied."""
    assert _said(_read(_message("assistant", _text(text), metadata=metadata))) == [expected]


def test_files_and_what_was_only_drawn_are_counted() -> None:
    """An attachment that is no picture, and a message that holds nothing but a mark."""
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1"}
    files = {"attachments": [{"id": "file-1", "name": "a.png"}, {"id": "file-2", "name": "b.pdf"}]}
    mark = "\ue200products\ue202{}\ue201"

    found = _read(
        _message("user", _text(picture, "Was ist das?"), metadata=files),
        _message("user", _text(""), metadata={"attachments": [{"id": "file-3"}]}),
        _message("assistant", _text(mark)),
    )

    assert (_said(found), found.left_out) == (["? | Was ist das?"], 3)


def test_canvas_calls_as_models_write_them() -> None:
    """With line ends as they are, and with comments."""
    call = '{"name": "Brief", "type": "document", "content": "Liebe Anna,\nbis bald"}'
    assert document_in(call, shown_as={}) == "**Brief**\n\nLiebe Anna,\nbis bald"
    noted = json.dumps({"comments": [{"pattern": "x", "comment": "Kürzer?"}]})
    said = _said(_read(_message("assistant", _text(noted), recipient="canmore.comment_textdoc")))
    assert said == ["Kürzer?"]


def test_a_node_that_is_none_is_counted() -> None:
    """It holds no message, and what hangs on it hangs at the top."""
    mapping = {"a": 5, "b": {"message": _message("user", _text("Da")), "parent": "a"}}

    found = read_chatgpt({"mapping": mapping}, load_asset=lambda _: None)

    assert (_said(found), found.left_out) == (["Da"], 1)


@pytest.mark.parametrize(
    ("parts", "text", "left_out"),
    [
        (None, [], 0), ([None], [], 0), ([""], [], 0), (["a", 12.5], ["a | 12.5"], 0),
        ("allein", ["allein"], 0), ({"text": "im Objekt"}, ["im Objekt"], 0),
        ([{"content_type": "video"}], [], 1), ([{"text": 7}], ["7"], 0), ([True], [], 1),
    ],
)  # fmt: skip
def test_parts_of_every_type(parts: object, text: list[str], left_out: int) -> None:
    """What can be written as text is text; what can't is counted; what is empty is nothing."""
    found = _read(_message("assistant", {"content_type": "text", "parts": parts}))

    assert (_said(found), found.left_out) == (text, left_out)


def test_pictures_stay_where_they_are() -> None:
    """Between what was said."""
    pointer = {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_1"}

    found = _read(_message("user", _text(pointer, "Was ist das?", kind="multimodal_text")))

    assert isinstance(found.nodes[0].parts[0], FoundPicture)


_WEB = {
    "matched_text": _CITE,
    "type": "grouped_webpages",
    "items": [
        {"title": "Wetter [heute]", "url": "https://a.example/x?utm=1", "attribution": "A"},
        {"title": "", "url": "https://b.example/(y)"},
        {"title": "böse", "url": "javascript:alert(1)"},
    ],
}


@pytest.mark.parametrize(
    ("text", "references", "shown"),
    [
        (f"Es regnet. {_CITE}", [_WEB],
         ("Es regnet. ([Wetter  heute](https://a.example/x?utm=1), "
         "[b.example](https://b.example/%28y%29))")),
        (f"Es regnet {_CITE}.", None, "Es regnet."),
        (f"Es regnet {_CITE}.", [{"matched_text": _CITE, "type": "hidden"}], "Es regnet."),
        (f"{_CITE}{_CITE}x", {"a": 1}, "x"),
        ("Siehe \ue200filecite\ue202turn0file0\ue201.",
         [{"matched_text": "\ue200filecite\ue202turn0file0\ue201", "type": "file",
           "name": "Plan.pdf"}], "Siehe Plan.pdf."),
        ('In \ue200entity\ue202["city","Paris","in France"]\ue201 ist es', [], "In Paris ist es"),
        ("\ue200url\ue202Hier\ue202https://c.example/\ue201", [], "[Hier](https://c.example/)"),
        ("a\ue200b\ue202c", [], "abc"), ("a\ue201b", [], "ab"),
        ("Alt【4†source】.", [{"matched_text": "【4†source】", "items": [
            {"title": "T", "url": "http://d.example"}]}], "Alt([T](http://d.example))."),
        ("これは【重要】です", [_WEB], "これは【重要】です"),
        (f"Nach Platz {_CITE}", [{"start_idx": 11, "end_idx": 11 + len(_CITE), "name": "N"}],
         "Nach Platz N"),
    ],
)  # fmt: skip
def test_citation_marks_become_links_or_names(text: str, references: object, shown: str) -> None:
    """Or go, with the space before them; nothing of a mark stays."""
    assert without_marks(text, references) == shown


def test_citations_in_a_conversation_are_those_of_their_message() -> None:
    """The references stand in the metadata of the message."""
    metadata = {"content_references": [_WEB], "model_slug": "gpt-5"}
    found = _read(_message("assistant", _text(f"Ja {_CITE}"), metadata=metadata))

    assert _said(found)[0].startswith("Ja ([Wetter")
    assert found.nodes[0].record is not None
    assert "\ue200" not in found.nodes[0].record.picked.text


def _canvas(tool: str, call: object, kind: str = "code") -> dict[str, Any]:
    content = {"content_type": kind, "language": "json", "text": json.dumps(call)}
    return _message("assistant", content, recipient=f"canmore.{tool}")


def test_canvas_documents_are_taken() -> None:
    """As the model wrote them, under their titles; the tool's confirmation is not shown."""
    done = _message(
        "tool",
        _text("Successfully updated text document with textdoc_id"),
        metadata={"canvas": {"title": "Brief", "textdoc_type": "document"}},
    )
    whole = {"updates": [{"pattern": ".*", "multiple": False, "replacement": "Lieber Max"}]}
    found = _read(
        _message("user", _text("Schreib")),
        _canvas("create_textdoc", {"name": "Brief", "type": "document", "content": "Hallo"}),
        done,
        _canvas("update_textdoc", whole),
        done,
        _message("assistant", _text("Fertig.")),
    )

    assert _said(found) == ["Schreib", "**Brief**\n\nHallo", "**Brief**\n\nLieber Max", "Fertig."]
    assert [node.parent_id for node in found.nodes] == [None, "0", "1", "3"]
    assert found.left_out == 0


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ({"name": "a", "type": "code/c++", "content": "x = 1"}, "**a**\n\n```c++\nx = 1\n```"),
        ({"type": "code/x y", "content": "```"}, "````\n```\n````"),
        ({"updates": [{"replacement": "a"}, 5, {"replacement": "b"}]}, "a\n\nb"),
        ({"content": 5}, ""), ({"updates": {}}, ""), ([], ""), ({"name": [], "content": "x"}, "x"),
    ],
)  # fmt: skip
def test_calls_of_the_canvas(call: object, shown: str) -> None:
    """Code stands in a fence that nothing in it ends; what holds no text is nothing."""
    assert document_in(json.dumps(call), shown_as={}) == shown


@pytest.mark.parametrize(
    "piece",
    ["\ue200", "\ue200cite", " \ue200\ue202", "\ue201", "【", "【4†source", " ", _CITE,
     "\ue200entity\ue202[", "【4†source】"],
)  # fmt: skip
def test_marks_cost_in_proportion(piece: str) -> None:
    """However they are begun and not ended."""
    assert_linear(lambda text: without_marks(text, [_WEB]), lambda size: piece * size)


def test_many_references_cost_in_proportion() -> None:
    """Each mark is looked up once."""

    def make(size: int) -> tuple[str, list[dict[str, Any]]]:
        marks = [f"\ue200cite\ue202{number}\ue201" for number in range(size)]
        return "".join(marks), [{"matched_text": mark, "name": "n"} for mark in marks]

    assert_linear(lambda made: without_marks(*made), make)


def test_deep_conversations_cost_in_proportion() -> None:
    """Nodes that nobody has seen are passed once, in chains and in circles."""

    def make(size: int) -> dict[str, Any]:
        hidden = _message("tool", _text("x"))
        mapping = {
            str(number): {
                "message": hidden if number % 2 else _message("user", _text("x")),
                "parent": str((number + 1) % size),
            }
            for number in range(size)
        }
        return {"mapping": mapping, "current_node": "0"}

    assert_linear(lambda found: read_chatgpt(found, load_asset=lambda _: None), make)
