"""From an open file to conversations, as the worker does it; no picture is decoded here."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import PurePosixPath
from typing import IO

from augenblick.core.errors import ImportDamaged, ImportMalformed, ImportRefused, ImportTooLarge
from augenblick.exchange.chatgpt import LoadAsset, read_chatgpt
from augenblick.exchange.import_limits import ImportLimits
from augenblick.exchange.json_items import JsonFile
from augenblick.exchange.messages_json import read_document
from augenblick.exchange.parsed import FoundConversation, as_text, parents_first
from augenblick.exchange.tree import KEY

_ZIP_START = b"PK"
_OF_CONVERSATIONS = re.compile(r"conversations?(-\d+)?\.json")
_ASSET = re.compile(r"file[-_][A-Za-z0-9]+")
_LARGEST_PICTURE = 20 * 1024 * 1024
_LONGEST_TITLE = 500
_MOST_ENTRIES = 200_000  # of a list of messages; those of tools are left out later
_ZIP_FAILURES = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a way of packing that nobody uses
    RuntimeError,  # it asks for a password
)

_Entry = tuple[object, LoadAsset]
"""What should be a conversation, and what loads the picture files beside it."""


def parse(file: IO[bytes], limits: ImportLimits) -> Iterator[FoundConversation | ImportRefused]:
    """The conversations of a seekable file, each a proven tree or the reason why not.

    Raises ImportRefused, ImportDamaged or ImportTooLarge where the file as a whole is no good, at
    the latest in the middle.
    """
    for count, entry in enumerate(_entries(file, limits), 1):
        if count > limits.max_conversations:
            raise ImportTooLarge(unit="conversations", limit=limits.max_conversations)
        try:
            yield _checked(_read(*entry), limits)
        except ImportRefused as error:
            error.params["title"] = error.params.get("title") or f"{count}"
            yield error


def _read(found: object, load_asset: LoadAsset) -> FoundConversation:
    if not isinstance(found, dict):
        raise ImportMalformed("a conversation is no object")
    try:
        if "mapping" in found:
            return read_chatgpt(found, load_asset=load_asset)
        return read_document(found)
    except ImportMalformed as error:
        if title := as_text(found.get("title")).strip():
            error.params["title"] = title[:_LONGEST_TITLE]
        raise


def _checked(found: FoundConversation, limits: ImportLimits) -> FoundConversation:
    title = found.title[:_LONGEST_TITLE]
    if not found.nodes:
        raise ImportMalformed("there are no messages", title=title)
    if len(found.nodes) > limits.max_messages:
        raise ImportTooLarge(unit="messages", limit=limits.max_messages, title=title)
    return replace(found, title=title, nodes=parents_first(found.nodes))


def _entries(file: IO[bytes], limits: ImportLimits) -> Iterator[_Entry]:
    is_zip = file.read(len(_ZIP_START)) == _ZIP_START
    file.seek(0)
    if not is_zip:
        for found in _found_in(JsonFile(file.read, max_bytes=limits.max_bytes), limits):
            yield found, lambda _: None
        return
    try:
        with zipfile.ZipFile(file) as archive:
            export = _Export(archive, 2 * limits.max_bytes)
            for entry in export.conversations:
                with export.open(entry) as read:
                    for found in _found_in(JsonFile(read, max_bytes=limits.max_bytes), limits):
                        yield found, export.load_asset
    except _ZIP_FAILURES as error:
        raise ImportDamaged(type(error).__name__) from error


def _found_in(document: JsonFile, limits: ImportLimits) -> Iterator[object]:
    """What should be the conversations of a document. Raises ImportRefused where it has none.

    The first entry of a list that is a conversation or a message says which of these all are.
    """
    entries = document.entries() if document.is_list else iter((document.value(),))
    odd: list[object] = []
    for entry in entries:
        if _is_conversation(entry):
            yield from (*odd, entry)
            yield from entries
            return
        if document.is_list and isinstance(entry, dict) and "role" in entry:
            messages = [*odd, entry, *islice(entries, _MOST_ENTRIES)]
            for _ in entries:
                raise ImportTooLarge(unit="messages", limit=limits.max_messages)
            yield {"messages": messages}
            return
        odd.append(entry)
        if len(odd) > limits.max_conversations:
            break
    raise ImportRefused("neither messages nor conversations", code="import_unknown")


def _is_conversation(value: object) -> bool:
    return isinstance(value, dict) and any(key in value for key in ("mapping", "messages", KEY))


class _Export:
    """An archive with conversations, and the picture files of ChatGPT beside them.

    Unpacks `max_bytes` in all, whatever its entries claim. The asset id of a picture begins the
    name of its file. Raises ImportRefused where there are no conversations.
    """

    def __init__(self, archive: zipfile.ZipFile, max_bytes: int) -> None:
        self._archive = archive
        self._max_bytes = max_bytes
        self._bytes_left = max_bytes
        self._assets: dict[str, zipfile.ZipInfo] = {}  # by id
        self.conversations: list[zipfile.ZipInfo] = []
        for entry in archive.infolist():
            name = PurePosixPath(entry.filename.replace("\\", "/")).name
            if _OF_CONVERSATIONS.fullmatch(name):
                self.conversations.append(entry)
            if asset := _ASSET.match(name):
                self._assets.setdefault(asset[0], entry)
        if not self.conversations:
            raise ImportRefused("no conversations in the archive", code="import_unknown")

    @contextmanager
    def open(self, entry: zipfile.ZipInfo) -> Iterator[Callable[[int], bytes]]:
        """What reads the next so many bytes of an entry. Raises ImportTooLarge."""
        with self._archive.open(entry) as inside:

            def read(size: int) -> bytes:
                piece = inside.read(size)
                self._bytes_left -= len(piece)
                if self._bytes_left < 0:
                    raise ImportTooLarge(unit="bytes", limit=self._max_bytes)
                return piece

            yield read

    def load_asset(self, asset: str) -> bytes | None:
        """The bytes of a picture file; None where there is none, or too much of it."""
        entry = self._assets.get(asset)
        if entry is None:
            return None
        try:
            with self.open(entry) as read:
                content = read(_LARGEST_PICTURE + 1)
        except (ImportTooLarge, *_ZIP_FAILURES):
            return None
        return content if len(content) <= _LARGEST_PICTURE else None
