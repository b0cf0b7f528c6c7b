"""An export that is imported again is the same conversation."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from augenblick.core.conversations import Conversation, ReplyRecord, called_pictures
from augenblick.core.errors import Failure
from augenblick.core.messages import (
    Adjustment,
    ChoiceText,
    Detail,
    ImagePart,
    Message,
    Rating,
    ReplyEnd,
    Role,
    TextPart,
    Timings,
    ToolCall,
    ToolResult,
    ToolRound,
    Usage,
)
from augenblick.core.settings import RequestSettings
from augenblick.exchange.exporting import write_everything, write_json
from augenblick.exchange.picture_files import is_plain
from augenblick.pictures import PicturePool
from augenblick.store import Store
from augenblick.store.store_values import ImportedNode
from tests.exchange.values import (
    GERMAN,
    Read,
    a_drawing,
    a_photo,
    a_saved_conversation,
    prepared,
    read_all,
)
from tests.store.values import import_conversation

_KINDS = ("photo", "large", "small", "drawing", "region")
_counts = st.none() | st.integers(0, 10**9)
_seconds = st.none() | st.floats(0, 1e6, allow_nan=False)
_params = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(0, 99), max_size=2)
_choices = st.builds(
    ChoiceText,
    text=st.text(max_size=40),
    reasoning=st.text(max_size=10),
    refusal=st.text(max_size=10),
    tool_calls=st.lists(st.builds(ToolCall, *[st.text(max_size=5)] * 3), max_size=1).map(tuple),
    finish_reason=st.none() | st.just("stop"),
)
_calls = st.builds(ToolCall, *[st.text(max_size=5)] * 3)
_pictures = st.sampled_from(_KINDS).map(lambda kind: ImagePart(prepared(kind).attachment))
_results = st.builds(
    ToolResult, st.text(max_size=5), st.text(max_size=9), st.booleans(), st.none() | _pictures
)
_rounds = st.builds(
    ToolRound,
    st.lists(_calls, max_size=2).map(tuple),
    st.lists(_results, max_size=2).map(tuple),
    st.text(max_size=9),
    st.text(max_size=9),
)
_records = st.builds(
    ReplyRecord,
    provider=st.text(max_size=10),
    model=st.text(max_size=10),
    end=st.sampled_from(ReplyEnd),
    choices=st.lists(_choices, min_size=1, max_size=3).map(tuple),
    usage=st.none() | st.builds(Usage, _counts, _counts, _counts, _counts),
    timings=st.builds(Timings, _seconds, _seconds, _seconds),
    failure=st.none() | st.builds(Failure, st.just("provider"), _params, st.text(max_size=9)),
    adjustments=st.lists(st.builds(Adjustment, st.text(max_size=9), _params), max_size=2).map(
        tuple
    ),
    picked_choice=st.integers(0, 3),
    settings=st.none()
    | st.builds(RequestSettings, st.text(max_size=9), n=st.none() | st.integers(1, 3)),
    rounds=st.lists(_rounds, max_size=2).map(tuple),
    pictures=st.lists(_pictures, max_size=2).map(tuple),
    rating=st.none() | st.sampled_from(Rating),
)
_moments = st.datetimes(datetime(2001, 1, 1), datetime(2026, 1, 1)).map(  # noqa: DTZ001  # next
    lambda when: when.replace(tzinfo=UTC)
)


@st.composite
def _trees(draw: st.DrawFn) -> list[ImportedNode]:
    """Any tree of questions with pictures and answers with records, in any order of creation."""
    nodes: list[ImportedNode] = []
    for number in range(draw(st.integers(1, 12))):
        parent = draw(st.sampled_from([None, *(node.id for node in nodes)]))
        role = draw(st.sampled_from([Role.USER, Role.ASSISTANT, Role.SYSTEM]))
        record = draw(_records) if role is Role.ASSISTANT else None
        parts: tuple[TextPart | ImagePart, ...] = (TextPart(draw(st.text(max_size=40))),)
        if role is Role.USER:
            details = st.sampled_from(Detail)
            kinds = draw(st.lists(st.sampled_from(_KINDS), max_size=3))
            pictures = [ImagePart(prepared(kind).attachment, draw(details)) for kind in kinds]
            parts = tuple(draw(st.permutations([*pictures, *parts])))
        nodes.append(
            ImportedNode(f"n{number}", parent, Message(role, parts), draw(_moments), record)
        )
    return nodes


def _again(content: bytes, store: Store, pool: PicturePool) -> list[Conversation]:
    """The conversations of a file, imported and loaded."""
    loaded = []
    for read in read_all(content, pool):
        assert isinstance(read, Read), read
        assert read.about.missing_pictures == 0
        loaded.append(store.load_conversation(read.saved(store, owner="other")))
    return loaded


def _likeness(conversation: Conversation) -> dict[str, Any]:
    """All that makes a conversation, with places instead of ids."""
    places = {node.id: place for place, node in enumerate(conversation.nodes)}
    return {
        "title": conversation.title,
        "leaf": places.get(conversation.leaf_id or ""),
        "nodes": [
            (places.get(node.parent_id or ""), node.message, node.created_at, node.reply)
            for node in conversation.nodes
        ],
    }


@pytest.fixture(scope="module")
def two_stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    """A store to export from, and an empty one to import to."""
    folder: Path = tmp_path_factory.mktemp("stores")
    first, second = (Store(f"sqlite:///{folder}/{name}.db") for name in ("one", "two"))
    yield first, second
    first.close()
    second.close()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(nodes=_trees(), data=st.data())
def test_any_conversation_comes_back_the_same(
    two_stores: tuple[Store, Store],
    pool: PicturePool,
    nodes: Sequence[ImportedNode],
    data: st.DataObject,
) -> None:
    """Messages, tree, records, times and every byte of every picture."""
    first, second = two_stores
    conversation = first.load_conversation(
        import_conversation(
            first,
            owner="me",
            title=data.draw(st.text(max_size=30)),
            nodes=nodes,
            pictures=[prepared(kind) for kind in _KINDS],
            leaf_id=data.draw(st.sampled_from([node.id for node in nodes])),
        )
    )
    file = io.BytesIO()
    write_json(conversation, file, load_content=first.load_content)

    (again,) = _again(file.getvalue(), second, pool)

    assert _likeness(again) == _likeness(conversation)
    for node in again.nodes:
        called = called_pictures(node.reply) if node.reply is not None else ()
        for attachment in (*node.message.attachments, *(part.attachment for part in called)):
            assert second.load_content(attachment.sha256) == first.load_content(attachment.sha256)


def test_a_picture_that_only_a_record_names_is_not_had(
    two_stores: tuple[Store, Store], pool: PicturePool
) -> None:
    """A file can't lead to a picture of somebody else: what it does not hold itself is left out."""
    first, second = two_stores
    secret = prepared("photo")
    claimed = ToolRound((), (ToolResult("a", "x", picture=ImagePart(secret.attachment)),))
    record = ReplyRecord("p", "m", ReplyEnd.COMPLETE, (ChoiceText("text"),), rounds=(claimed,))
    nodes = [
        ImportedNode("q", None, Message(Role.USER, (TextPart("?"),))),
        ImportedNode("a", "q", Message(Role.ASSISTANT, (TextPart("text"),)), record=record),
    ]
    for store in (first, second):
        found = import_conversation(store, owner="me", title="", nodes=nodes, pictures=[secret])
    file = io.BytesIO()
    exported = second.load_conversation(found)

    def gone(_: str) -> bytes:
        raise KeyError

    write_json(exported, file, load_content=gone)
    (again,) = _again(file.getvalue(), second, pool)

    reply = again.nodes[-1].reply
    assert reply is not None
    assert reply.rounds[0].results == (ToolResult("a", "x"),)


def test_everything_at_once_comes_back_too(store: Store, pool: PicturePool) -> None:
    """The zip of all conversations can be imported as it is."""
    ids = [a_saved_conversation(store) for _ in range(3)]
    conversations = [store.load_conversation(conversation_id) for conversation_id in ids]
    file = io.BytesIO()
    write_everything(conversations, file, language=GERMAN, load_content=store.load_content)

    again = _again(file.getvalue(), store, pool)

    assert [_likeness(one) for one in again] == [_likeness(one) for one in conversations]


@pytest.mark.parametrize("kind", _KINDS)
def test_our_pictures_are_plain(kind: str) -> None:
    """What we prepare carries nothing but pixels, and one byte more or less is noticed."""
    content = prepared(kind).content

    assert is_plain(content)
    assert not is_plain(content + b"x")
    assert not is_plain(content[:-1])
    assert not is_plain(b"")


def test_pictures_of_others_are_not_plain() -> None:
    """Metadata, comments, another colour space: all of it is prepared anew."""
    jpeg = prepared("small").content
    comment = jpeg[:2] + b"\xff\xfe\x00\x07hello" + jpeg[2:]
    png = prepared("drawing").content
    text_chunk = b"\x00\x00\x00\x03tEXta\x00b\x00\x00\x00\x00"

    assert not is_plain(a_photo())
    assert is_plain(a_drawing())
    assert not is_plain(comment)
    assert not is_plain(png[:33] + text_chunk + png[33:])
