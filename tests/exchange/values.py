"""Conversations and pictures for the tests of what goes out and comes in."""

from __future__ import annotations

import functools
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from augenblick.core.conversations import ReplyRecord
from augenblick.core.errors import ImportRefused
from augenblick.core.language import language
from augenblick.core.messages import (
    ChoiceText,
    Detail,
    ImagePart,
    Message,
    PreparedPicture,
    ReplyEnd,
    Role,
    TextPart,
    TileOf,
)
from augenblick.exchange.import_limits import ImportLimits
from augenblick.exchange.importing import ReadConversation, read_conversations
from augenblick.pictures import PictureOptions, PicturePool, prepare_image
from augenblick.store import Store
from augenblick.store.store_values import ImportedNode
from tests.store.values import import_conversation

GERMAN = language("de")
ENGLISH = language("en")


@functools.cache
def a_photo(seed: int = 1, width: int = 900, height: int = 700) -> bytes:
    """A JPEG as a camera makes it: full of detail, with a note in its metadata."""
    source = random.Random(seed)
    small = Image.frombytes("RGB", (90, 70), source.randbytes(90 * 70 * 3))
    exif = Image.Exif()
    exif[0x010F] = "Camera of somebody"
    buffer = io.BytesIO()
    small.resize((width, height)).save(buffer, "JPEG", quality=92, exif=exif)
    return buffer.getvalue()


@functools.cache
def a_drawing() -> bytes:
    """A PNG of few colours."""
    image = Image.new("RGB", (320, 200), "#ffffff")
    ImageDraw.Draw(image).rectangle((40, 40, 200, 120), fill="#0f766e")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@functools.cache
def prepared(kind: str) -> PreparedPicture:
    """One of our own pictures: "photo", "large", "small", "drawing" or "region" (of "large")."""
    contents = {
        "photo": a_photo(1),
        "large": a_photo(2, 3000, 2200),
        "small": a_photo(3, 200, 150),
        "drawing": a_drawing(),
        "region": a_photo(2, 3000, 2200),
    }
    tile = TileOf(1, 2, 40, 30, 500, 400, is_region=True) if kind == "region" else None
    options = PictureOptions(tile=tile)
    return prepare_image(contents[kind], name=f"{kind}.file", options=options)


def a_node(
    number: int,
    role: Role,
    text: str,
    *,
    parent: int | None = None,
    pictures: Sequence[PreparedPicture] = (),
    record: ReplyRecord | None = None,
) -> ImportedNode:
    """A message; answers get a record."""
    images = (ImagePart(picture.attachment, Detail.HIGH) for picture in pictures)
    parts = (*images, *((TextPart(text),) if text else ()))
    if role is Role.ASSISTANT and record is None:
        choices = (ChoiceText(text, finish_reason="stop"),)
        record = ReplyRecord("openai", "gpt-4o", ReplyEnd.COMPLETE, choices)
    above = None if parent is None else str(parent)
    return ImportedNode(str(number), above, Message(role, parts), None, record)


def a_saved_conversation(store: Store, *, owner: str = "me") -> str:
    """Two questions with pictures, and a second answer beside the first; returns its id."""
    photo, drawing = prepared("photo"), prepared("drawing")
    nodes = [
        a_node(1, Role.USER, "Was kostet das?", pictures=[photo, drawing]),
        a_node(2, Role.ASSISTANT, "Das kostet **12,40 €**.", parent=1),
        a_node(3, Role.ASSISTANT, "Eine andere Antwort.", parent=1),
        a_node(4, Role.USER, "Und <b>das</b>?\n\nZweite Zeile", parent=2, pictures=[photo]),
        a_node(5, Role.ASSISTANT, "- eins\n- zwei", parent=4),
    ]
    return import_conversation(
        store,
        owner=owner,
        title="Café: Rechnung?",
        nodes=nodes,
        pictures=[photo, drawing],
        leaf_id="5",
    )


@dataclass(frozen=True)
class Read:
    """A conversation of a file, put together from its pieces."""

    about: ReadConversation
    nodes: tuple[ImportedNode, ...]
    pictures: tuple[PreparedPicture, ...]

    def saved(self, store: Store, *, owner: str = "me") -> str:
        """Import it and return its id."""
        return import_conversation(
            store,
            owner=owner,
            title=self.about.title,
            nodes=self.nodes,
            pictures=self.pictures,
            leaf_id=self.about.leaf_id,
        )


def read_all(
    content: bytes, pool: PicturePool, limits: ImportLimits | None = None
) -> list[Read | ImportRefused]:
    """Everything in a file."""
    found: list[Read | ImportRefused] = []
    nodes: list[ImportedNode] = []
    pictures: list[PreparedPicture] = []
    for piece in read_conversations(
        content, pool=pool, language=GERMAN, limits=limits or ImportLimits()
    ):
        match piece:
            case PreparedPicture():
                pictures.append(piece)
            case ReadConversation():
                found.append(Read(piece, tuple(nodes), tuple(pictures)))
                nodes, pictures = [], []
            case ImportRefused():
                found.append(piece)
                nodes, pictures = [], []
            case messages:
                nodes += messages
    return found
