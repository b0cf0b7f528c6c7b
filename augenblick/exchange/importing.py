"""From the bytes of a file to conversations that the store can write.

`read_conversations` gives one after the other, so that one that is no good stops none of the
others and none of the pictures of the one before is still in memory.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from augenblick.errors import (
    ImageError,
    ImportDamaged,
    ImportMalformed,
    ImportRefused,
    ImportTooLarge,
    ImportUnknown,
)
from augenblick.exchange import found as find
from augenblick.exchange.chatgpt import LoadAsset, read_chatgpt
from augenblick.exchange.found import FoundConversation, FoundNode, FoundPart
from augenblick.exchange.limits import ImportLimits
from augenblick.exchange.messages_json import read_document, read_messages
from augenblick.exchange.pictures import Prepare, take_in
from augenblick.exchange.tree import KEY
from augenblick.language import Language
from augenblick.messages import (
    ContentPart,
    ImagePart,
    Message,
    PreparedPicture,
    Role,
    TextPart,
    ToolRound,
)
from augenblick.store import ImportedNode

_LIMITS = ImportLimits()
_ZIP_START = b"PK"
_OF_CONVERSATIONS = re.compile(r"conversations?(-\d+)?\.json")
_ASSET = re.compile(r"^(file[-_][A-Za-z0-9]+)")
_LARGEST_PICTURE = 20 * 1024 * 1024
_ZIP_FAILURES = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a way of packing that nobody uses
    RuntimeError,  # it asks for a password
)


@dataclass(frozen=True, slots=True)
class ReadConversation:
    """A conversation as `ConversationStore.import_conversation` takes it.

    `missing_pictures` is how many pictures left a note in their place.
    """

    title: str
    nodes: tuple[ImportedNode, ...]
    pictures: tuple[PreparedPicture, ...] = field(repr=False)
    leaf_id: str | None
    missing_pictures: int = 0


def read_conversations(
    content: bytes, *, prepare: Prepare, language: Language, limits: ImportLimits = _LIMITS
) -> Iterator[ReadConversation | ImportRefused]:
    """The conversations of a file, each or the reason why not; notes in it are in `language`.

    Raises ImportUnknown, ImportDamaged or ImportTooLarge where the file as a whole is no good,
    at the latest in the middle of a zip.
    """
    if len(content) > limits.max_bytes:
        raise ImportTooLarge(unit="bytes", limit=limits.max_bytes)
    for count, read in enumerate(_readers(content, limits), 1):
        if count > limits.max_conversations:
            raise ImportTooLarge(unit="conversations", limit=limits.max_conversations)
        try:
            yield _settled(read(), prepare, language, limits)
        except ImportRefused as error:
            error.params["title"] = error.params.get("title") or f"{count}"
            yield error


_Read = Callable[[], FoundConversation]


def _readers(content: bytes, limits: ImportLimits) -> Iterator[_Read]:
    if content.startswith(_ZIP_START):
        yield from _readers_of_zip(content, limits)
    else:
        yield from _readers_of(_json(content), load_asset=lambda _: None)


def _readers_of_zip(content: bytes, limits: ImportLimits) -> Iterator[_Read]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            budget = _Unpacking(archive, 2 * limits.max_bytes)
            assets = _Assets(budget)
            files = [e for e in entries if _OF_CONVERSATIONS.fullmatch(_base_name(e.filename))]
            if not files:
                raise ImportUnknown("no conversations in the archive")
            for entry in files:
                document = _json(budget.read(entry, limits.max_bytes))
                yield from _readers_of(document, load_asset=assets.load)
    except _ZIP_FAILURES as error:
        raise ImportDamaged(type(error).__name__) from error


def _readers_of(document: object, *, load_asset: LoadAsset) -> Iterator[_Read]:
    """One reader for each conversation of a document. Raises ImportUnknown."""
    if isinstance(document, list) and any(_is_conversation(item) for item in document):
        yield from (_reader(item, load_asset) for item in document)
    elif isinstance(document, list) and any(_has(item, "role") for item in document):
        yield lambda: read_messages(document)
    elif _is_conversation(document):
        yield _reader(document, load_asset)
    else:
        raise ImportUnknown("neither messages nor conversations")


def _is_conversation(value: object) -> bool:
    return any(_has(value, key) for key in ("mapping", "messages", KEY))


def _has(value: object, key: str) -> bool:
    return isinstance(value, dict) and key in value


def _reader(item: object, load_asset: LoadAsset) -> _Read:
    def read() -> FoundConversation:
        if not isinstance(item, dict):
            raise ImportMalformed("a conversation is no object")
        title = item.get("title")
        try:
            if "mapping" in item:
                return read_chatgpt(item, load_asset=load_asset)
            return read_document(item)
        except ImportMalformed as error:
            if isinstance(title, str) and title.strip():
                error.params["title"] = title
            raise

    return read


def _settled(
    found: FoundConversation, prepare: Prepare, language: Language, limits: ImportLimits
) -> ReadConversation:
    """The conversation with its pictures prepared and its tree proven."""
    if not found.nodes:
        raise ImportMalformed("there are no messages", title=found.title)
    if len(found.nodes) > limits.max_messages:
        raise ImportTooLarge(unit="messages", limit=limits.max_messages, title=found.title)
    find.check_tree(found.nodes)
    intake = _Intake(prepare, language, limits.max_pictures)
    return ReadConversation(
        title=found.title,
        nodes=tuple(intake.node(node) for node in found.nodes),
        pictures=tuple(intake.pictures.values()),
        leaf_id=found.leaf_id,
        missing_pictures=intake.missing,
    )


class _Intake:
    """Takes in the pictures of one conversation, each once; what can't be had leaves a note."""

    def __init__(self, prepare: Prepare, language: Language, max_pictures: int) -> None:
        self.pictures: dict[str, PreparedPicture] = {}
        self.missing = 0
        self._prepare = prepare
        self._language = language
        self._left = max_pictures
        self._known: dict[tuple[str, bool], PreparedPicture | None] = {}

    def node(self, node: FoundNode) -> ImportedNode:
        """The node as the store takes it."""
        if node.role is Role.ASSISTANT:
            return self._answer(node)
        parts = tuple(self._part(part) for part in node.parts)
        message = Message(node.role, parts)
        return ImportedNode(node.id, node.parent_id, message, node.created_at)

    def _answer(self, node: FoundNode) -> ImportedNode:
        """An answer is text: a picture in it leaves its note there."""
        record = node.record
        text = "\n\n".join(
            part.text if isinstance(part, TextPart) else self._note() for part in node.parts
        )
        if record is None or any(not isinstance(part, TextPart) for part in node.parts):
            record = find.answer_record(text, model=record.model if record else "")
        rounds = tuple(self._round(done, node) for done in record.rounds)
        record = replace(record, rounds=rounds)
        text = record.picked.text
        message = Message(Role.ASSISTANT, (TextPart(text),) if text else ())
        return ImportedNode(node.id, node.parent_id, message, node.created_at, record)

    def _round(self, done: ToolRound, node: FoundNode) -> ToolRound:
        """A round with those of its pictures that are there; a missing one leaves no note."""
        return replace(
            done,
            results=tuple(
                replace(result, picture=self._returned(result.picture, node))
                for result in done.results
            ),
        )

    def _returned(self, claimed: ImagePart | None, node: FoundNode) -> ImagePart | None:
        found = node.called.get(claimed.attachment.sha256) if claimed is not None else None
        return self._image(found) if found is not None else None

    def _part(self, part: FoundPart) -> ContentPart:
        if isinstance(part, TextPart):
            return part
        return self._image(part) or TextPart(self._note())

    def _image(self, part: find.FoundPicture) -> ImagePart | None:
        content = part.load()
        picture = self._picture(content, part) if content else None
        if picture is None:
            return None
        attachment = picture.attachment
        self.pictures[attachment.sha256] = picture
        if part.receipt is not None and picture.content == content:
            attachment = replace(attachment, receipt=part.receipt)
        return ImagePart(attachment, part.detail)

    def _picture(self, content: bytes, part: find.FoundPicture) -> PreparedPicture | None:
        key = (hashlib.sha256(content).hexdigest(), part.receipt is not None)
        if key not in self._known:
            self._known[key] = self._prepared(content, part)
        return self._known[key]

    def _prepared(self, content: bytes, part: find.FoundPicture) -> PreparedPicture | None:
        if self._left <= 0:
            return None
        self._left -= 1
        name = part.name or self._language.text("document.picture", number=len(self._known) + 1)
        is_ours = part.receipt is not None
        outcome = take_in(content, name=name, is_ours=is_ours, prepare=self._prepare)
        return None if isinstance(outcome, ImageError) else outcome

    def _note(self) -> str:
        self.missing += 1
        return self._language.text("import.picture_missing")


class _Unpacking:
    """Unpacks entries of an archive, so many bytes in all."""

    def __init__(self, archive: zipfile.ZipFile, max_bytes: int) -> None:
        self.entries = archive.infolist()
        self._archive = archive
        self._bytes_left = max_bytes

    def read(self, entry: zipfile.ZipInfo, max_bytes: int) -> bytes:
        """The bytes of an entry. What it says about its size is not believed."""
        limit = min(max_bytes, self._bytes_left)
        with self._archive.open(entry) as inside:
            content = inside.read(limit + 1)
        self._bytes_left -= len(content)
        if len(content) > limit:
            raise ImportTooLarge(unit="bytes", limit=max_bytes)
        return content


class _Assets:
    """The picture files of ChatGPT's export: the asset id begins the name of the file."""

    def __init__(self, unpacking: _Unpacking) -> None:
        self._unpacking = unpacking
        self._by_id: dict[str, zipfile.ZipInfo] = {}
        for entry in unpacking.entries:
            for asset in _ASSET.findall(_base_name(entry.filename)):
                self._by_id.setdefault(asset, entry)

    def load(self, asset: str) -> bytes | None:
        """The bytes of a picture file; None where there is none, or too much of it."""
        entry = self._by_id.get(asset)
        try:
            return self._unpacking.read(entry, _LARGEST_PICTURE) if entry else None
        except (ImportTooLarge, *_ZIP_FAILURES):
            return None


def _base_name(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).name


def _json(content: bytes) -> object:
    """The JSON value, clean. Raises ImportDamaged, or ImportUnknown for what is no JSON at all."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportUnknown("not UTF-8") from error
    if not text.lstrip().startswith(("{", "[")):
        raise ImportUnknown("not JSON")
    try:
        return find.clean(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ImportDamaged(type(error).__name__) from error
