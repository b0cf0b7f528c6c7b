"""What is taken in from other programs, and what is refused in words."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from augenblick.core.errors import ImportDamaged, ImportMalformed, ImportRefused, ImportTooLarge
from augenblick.core.messages import Detail, ImagePart, Role
from augenblick.exchange.import_limits import ImportLimits
from augenblick.pictures import PicturePool
from augenblick.store import Store
from tests.exchange.values import Read, a_drawing, a_photo, read_all
from tests.raising import raises

_NOTE = "[Bild nicht im Export enthalten]"


def _read(
    content: bytes | object, pool: PicturePool, limits: ImportLimits | None = None
) -> list[Read | ImportRefused]:
    """Everything in a file; a value is written as JSON first."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_all(data, pool, limits)


def _one(content: bytes | object, pool: PicturePool) -> Read:
    (read,) = _read(content, pool)
    assert isinstance(read, Read), read
    return read


def _said(read: Read) -> list[tuple[str, str]]:
    return [(node.message.role.value, node.message.text) for node in read.nodes]


def _data_uri(content: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


_MESSAGES = [
    {"role": "developer", "content": "Antworte kurz."},
    {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": _data_uri(a_photo()), "detail": "low"}},
            {"type": "text", "text": "Was ist das?"},
        ],
    },
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    {"role": "tool", "tool_call_id": "1", "content": "42"},
    {"role": "assistant", "content": "Eine Katze."},
    {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": "https://far.example/x.png"}}],
    },
]


@pytest.mark.parametrize(
    "document", [_MESSAGES, {"messages": _MESSAGES}, [{"messages": _MESSAGES, "title": "A"}]]
)
def test_plain_messages_become_a_conversation(document: object, pool: PicturePool) -> None:
    """A list, an object with messages, and a list of such objects: as other programs write them."""
    read = _one(document, pool)

    assert _said(read) == [
        ("system", "Antworte kurz."),
        ("user", "Was ist das?"),
        ("assistant", "Eine Katze."),
        ("user", _NOTE),
    ]
    assert [node.parent_id for node in read.nodes] == [None, "1", "2", "3"]
    (part,) = (p for p in read.nodes[1].message.parts if isinstance(p, ImagePart))
    assert part.detail is Detail.LOW
    assert part.attachment.receipt.removed == ("camera",)
    assert part.attachment.sha256 == read.pictures[0].attachment.sha256
    assert read.about.missing_pictures == 1


def _gpt_node(
    node_id: str,
    parent: str | None,
    role: str,
    parts: Sequence[object],
    *,
    kind: str = "text",
    **more: Any,
) -> dict[str, Any]:
    message = {
        "id": node_id,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": 1_700_000_000.5,
        "content": {"content_type": kind, "parts": list(parts)},
        "recipient": "all",
        "metadata": {"model_slug": "gpt-4o"} if role == "assistant" else {},
        **more,
    }
    return {"id": node_id, "message": message, "parent": parent, "children": []}


def _pointer(asset: str) -> dict[str, object]:
    return {"content_type": "image_asset_pointer", "asset_pointer": asset, "size_bytes": 1}


def _gpt_conversation(title: str = "Katzen") -> dict[str, Any]:
    """A conversation as ChatGPT's export has it, hidden nodes and a second answer included."""
    hidden: dict[str, Any] = {"metadata": {"is_visually_hidden_from_conversation": True}}
    nodes = [
        {"id": "root", "message": None, "parent": None, "children": ["sys"]},
        _gpt_node("sys", "root", "system", [""], **hidden),
        _gpt_node("ctx", "sys", "user", ["Ich heiße Ada."], kind="user_editable_context", **hidden),
        _gpt_node(
            "q1",
            "ctx",
            "user",
            [_pointer("file-service://file-Ab12"), _pointer("sediment://file_99"), "Was ist das?"],
            kind="multimodal_text",
        ),
        _gpt_node("t1", "q1", "assistant", ["…"], kind="thoughts"),
        _gpt_node("c1", "t1", "assistant", ["draw()"], recipient="dalle.text2im"),
        _gpt_node(
            "d1", "c1", "tool", [_pointer("file-service://file-Dall")], kind="multimodal_text"
        ),
        _gpt_node("a1", "d1", "assistant", ["Eine Katze."]),
        _gpt_node("a2", "t1", "assistant", ["Ein Hund."]),
        _gpt_node("end", "a2", "system", [""], **hidden),
    ]
    mapping = {node["id"]: node for node in nodes}
    return {"title": title, "create_time": 1.7e9, "mapping": mapping, "current_node": "end"}


def test_chatgpt_export_keeps_what_was_seen(pool: PicturePool) -> None:
    """Hidden nodes go and the tree stays; pictures that are not in the JSON leave a note."""
    read = _one([_gpt_conversation()], pool)

    assert read.about.title == "Katzen"
    assert _said(read) == [
        ("user", f"{_NOTE}\n\n{_NOTE}\n\nWas ist das?"),
        ("assistant", _NOTE),
        ("assistant", "Eine Katze."),
        ("assistant", "Ein Hund."),
    ]
    assert [node.parent_id for node in read.nodes] == [None, "q1", "d1", "q1"]
    assert read.about.leaf_id == "a2"
    assert read.about.missing_pictures == 3
    answer = read.nodes[2]
    assert answer.record is not None
    assert answer.record.model == "gpt-4o"
    assert answer.created_at is not None
    assert answer.created_at.year == 2023


def test_chatgpt_zip_brings_its_pictures(pool: PicturePool, store: Store) -> None:
    """Picture files are found by their id, wherever they lie; the store takes it all."""
    first, second = (_gpt_conversation(title) for title in ("Eins", "Zwei"))
    content = _zip(
        {
            "user.json": b"{}",
            "conversations-000.json": json.dumps([first]).encode(),
            "conversations-001.json": json.dumps([second]).encode(),
            "file-Ab12-IMG 0815.jpg": a_photo(),
            "user-x/file_99-sanitized.png": a_drawing(),
        }
    )

    found = _read(content, pool)

    reads = [read for read in found if isinstance(read, Read)]
    assert [read.about.title for read in reads] == ["Eins", "Zwei"]
    assert [len(read.pictures) for read in reads] == [2, 2]
    assert reads[0].about.missing_pictures == 1  # what the model drew
    for read in reads:
        path = store.load_conversation(read.saved(store)).path()
        assert [node.message.role for node in path] == [Role.USER, Role.ASSISTANT]
        assert len(path[0].message.attachments) == 2


def test_one_bad_conversation_does_not_stop_the_others(pool: PicturePool) -> None:
    """Each comes on its own; what is refused is named."""
    bad = {"title": "Kaputt", "mapping": [5]}
    circle = _gpt_conversation("Kreis")
    circle["mapping"]["q1"]["parent"] = "a1"

    found = _read([_gpt_conversation("Erste"), bad, 7, circle, _gpt_conversation("Letzte")], pool)

    titles = [read.about.title for read in found if isinstance(read, Read)]
    refused = [error for error in found if isinstance(error, ImportMalformed)]
    assert titles == ["Erste", "Letzte"]
    assert [error.params["title"] for error in refused] == ["Kaputt", "3", "4"]


def test_bytes_that_are_no_picture_leave_a_note(pool: PicturePool) -> None:
    """A picture of an import is trusted no more than an upload."""
    uris = ["data:image/jpeg;base64,AAAA", "data:image/png;base64,%%%", "data:,x", 5, None]
    parts = [{"type": "image_url", "image_url": {"url": uri}} for uri in uris]

    read = _one([{"role": "user", "content": [*parts, {"type": "text", "text": "?"}]}], pool)

    assert read.nodes[0].message.text == "\n\n".join([_NOTE] * 5 + ["?"])
    assert read.pictures == ()


def test_the_same_picture_twice_is_one(pool: PicturePool) -> None:
    """It is prepared and kept once."""
    picture = {"type": "image_url", "image_url": _data_uri(a_photo())}

    read = _one([{"role": "user", "content": [picture, picture]}], pool)

    assert len(read.pictures) == 1
    assert len(read.nodes[0].message.attachments) == 2


def test_what_no_database_can_hold_is_replaced(pool: PicturePool, store: Store) -> None:
    """Halves of characters, which JSON can spell, do not stop an import."""
    content = b'[{"role": "user", "content": "a\\ud83d b\\u0000 c", "\\udc00": 1}]'

    read = _one(content, pool)

    read.saved(store)
    assert read.nodes[0].message.text == "a\ufffd b\x00 c"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\xff\xfe\x00\x00",
        b"%PDF-1.7",
        b"5",
        b"[]",
        b"{}",
        b"[1, 2]",
        b'{"choices": []}',
        _zip({"photo.jpg": b"x"}),
        _zip({"conversations.json": b'"nothing"'}),
    ],
)
def test_what_is_no_export_is_refused(content: bytes, pool: PicturePool) -> None:
    """A photo, a PDF, another JSON: one clear error, nothing else."""
    with raises("import_unknown"):
        _read(content, pool)


@pytest.mark.parametrize(
    "content",
    [
        b'[{"role": "user", "conte',
        b"[" * 100_000,
        b'[{"role": "user", "content": ' + b"[" * 5000 + b"]" * 5000 + b"}]",
        b"[" + b"1" * 5000 + b"]",
        b"PK\x03\x04 no archive",
        _zip({"conversations.json": b"[]"})[:-30],
        _zip({"conversations.json": b"[{"}),
    ],
)
def test_a_broken_file_is_refused(content: bytes, pool: PicturePool) -> None:
    """Cut off, absurdly deep, no archive: the file is said to be damaged."""
    with pytest.raises(ImportDamaged):
        _read(content, pool)


@pytest.mark.parametrize(
    "document",
    [
        {"messages": "x"},
        {"messages": []},
        {"messages": [5]},
        {"messages": [{"content": "x"}]},
        {"messages": [{"role": "king", "content": "x"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": [5]}]},
        {"mapping": []},
        {"mapping": {"a": 5}},
        {"mapping": {"a": {"message": {"author": {"role": "user"}, "content": {"parts": 5}}}}},
        {"augenblick": 5, "messages": []},
        {"augenblick": {"title": "x", "nodes": [], "version": 2}},
        {"augenblick": {"title": "x", "nodes": []}},
        {"augenblick": {"title": "x", "nodes": [{"id": "1", "parent_id": None, "role": "king"}]}},
    ],
)
def test_wrong_types_are_refused(document: object, pool: PicturePool) -> None:
    """Whatever stands where something else belongs, the conversation is refused in words."""
    (refused,) = _read(document, pool)

    assert isinstance(refused, ImportMalformed)
    assert refused.params["title"]


def _own(nodes: Sequence[tuple[str, str | None]]) -> dict[str, Any]:
    moment = "2026-01-02T03:04:05Z"
    tree: list[dict[str, Any]] = [
        {"id": node, "parent_id": parent, "role": "user", "created_at": moment, "parts": []}
        for node, parent in nodes
    ]
    return {"messages": [], "augenblick": {"version": 1, "title": "Baum", "nodes": tree}}


@pytest.mark.parametrize(
    "nodes",
    [
        [("a", "b"), ("b", "a")],
        [("a", "a")],
        [("a", None), ("a", None)],
        [("a", None), ("b", "x")],
        [("r", None), ("a", "b"), ("b", "c"), ("c", "a")],
    ],
)
def test_what_is_no_tree_is_refused(
    nodes: Sequence[tuple[str, str | None]], pool: PicturePool
) -> None:
    """Circles, double ids and unknown parents never reach the store."""
    (refused,) = _read(_own(nodes), pool)

    assert isinstance(refused, ImportMalformed)


def test_a_message_may_stand_before_what_it_hangs_on(pool: PicturePool, store: Store) -> None:
    """A file that has the answer first is taken as the tree that it describes."""
    read = _one(_own([("c", "b"), ("b", "a"), ("a", None)]), pool)

    assert [node.id for node in read.nodes] == ["a", "b", "c"]
    assert len(store.load_conversation(read.saved(store)).path()) == 3


def test_a_choice_that_is_not_there_is_the_first(pool: PicturePool, store: Store) -> None:
    """A number that no database takes in a file of ours stops neither this nor the others."""
    document = _own([("a", None), ("b", "a")])
    document["augenblick"]["nodes"][1] |= {
        "role": "assistant",
        "reply": {
            "provider": "p",
            "model": "m",
            "choices": [{"text": "Ja"}],
            "picked_choice": 2**70,
        },
    }

    read = _one(document, pool)

    assert store.load_conversation(read.saved(store)).path()[-1].message.text == "Ja"


def test_a_very_deep_conversation_is_taken(pool: PicturePool, store: Store) -> None:
    """Two thousand messages below each other, as no recursion could."""
    nodes = [(str(number), str(number - 1) if number else None) for number in range(2_000)]

    read = _one(_own(nodes), pool)

    assert len(store.load_conversation(read.saved(store)).path()) == 2_000


def test_what_is_too_much_is_refused(pool: PicturePool) -> None:
    """Bytes, unpacked bytes, conversations, messages and pictures have their limits."""
    small = ImportLimits(max_bytes=3000, max_conversations=2, max_messages=3, max_pictures=1)
    bomb = _zip({"conversations.json": b"[" + b" " * 1_000_000 + b"]"})
    assert len(bomb) < small.max_bytes
    user = {"role": "user", "content": "x"}
    picture = {"type": "image_url", "image_url": "data:image/png;base64,AAAA"}

    for content in (b"[" + b" " * 3000, bomb):
        with pytest.raises(ImportTooLarge):
            _read(content, pool, small)
    with pytest.raises(ImportTooLarge):
        _read([{"messages": [user]}] * 3, pool, small)
    (refused,) = _read([user] * 4, pool, small)
    assert isinstance(refused, ImportTooLarge)
    (read,) = _read([{"role": "user", "content": [picture, picture]}], pool, small)
    assert isinstance(read, Read)
    assert read.about.missing_pictures == 2
