"""From an open file to conversations, as the worker does it; no picture is decoded here."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import PurePosixPath
from typing import IO

from augenblick.core.errors import ImportDamaged, ImportMalformed, ImportRefused, ImportTooLarge
from augenblick.exchange.chatgpt import LoadAsset, read_chatgpt
from augenblick.exchange.import_limits import ImportLimits
from augenblick.exchange.json_items import JsonFile
from augenblick.exchange.messages_json import read_document, read_messages
from augenblick.exchange.parsed import FoundConversation, parents_first
from augenblick.exchange.tree import KEY

_ZIP_START = b"PK"
_OF_CONVERSATIONS = re.compile(r"conversations?(-\d+)?\.json")
_ASSET = re.compile(r"^(file[-_][A-Za-z0-9]+)")
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

_Read = Callable[[], FoundConversation]


def parse(file: IO[bytes], limits: ImportLimits) -> Iterator[FoundConversation | ImportRefused]:
    """The conversations of a seekable file, each a proven tree or the reason why not.

    Raises ImportRefused, ImportDamaged or ImportTooLarge where the file as a whole is no good, at
    the latest in the middle.
    """
    for count, read in enumerate(_readers(file, limits), 1):
        if count > limits.max_conversations:
            raise ImportTooLarge(unit="conversations", limit=limits.max_conversations)
        try:
            yield _checked(read(), limits)
        except ImportRefused as error:
            error.params["title"] = error.params.get("title") or f"{count}"
            yield error


def _checked(found: FoundConversation, limits: ImportLimits) -> FoundConversation:
    if not found.nodes:
        raise ImportMalformed("there are no messages", title=found.title[:_LONGEST_TITLE])
    if len(found.nodes) > limits.max_messages:
        title = found.title[:_LONGEST_TITLE]
        raise ImportTooLarge(unit="messages", limit=limits.max_messages, title=title)
    return replace(found, title=found.title[:_LONGEST_TITLE], nodes=parents_first(found.nodes))


def _readers(file: IO[bytes], limits: ImportLimits) -> Iterator[_Read]:
    is_zip = file.read(len(_ZIP_START)) == _ZIP_START
    file.seek(0)
    if is_zip:
        yield from _readers_of_zip(file, limits)
    else:
        document = JsonFile(file.read, max_bytes=limits.max_bytes)
        yield from _readers_of(document, limits, load_asset=lambda _: None)


def _readers_of_zip(file: IO[bytes], limits: ImportLimits) -> Iterator[_Read]:
    try:
        with zipfile.ZipFile(file) as archive:
            budget = _Unpacking(archive, 2 * limits.max_bytes)
            assets = _Assets(budget)
            entries = budget.entries
            files = [e for e in entries if _OF_CONVERSATIONS.fullmatch(_base_name(e.filename))]
            if not files:
                raise ImportRefused("no conversations in the archive", code="import_unknown")
            for entry in files:
                with budget.open(entry) as read:
                    document = JsonFile(read, max_bytes=limits.max_bytes)
                    yield from _readers_of(document, limits, load_asset=assets.load)
    except _ZIP_FAILURES as error:
        raise ImportDamaged(type(error).__name__) from error


def _readers_of(
    document: JsonFile, limits: ImportLimits, *, load_asset: LoadAsset
) -> Iterator[_Read]:
    """One reader for each conversation of a document. Raises ImportRefused."""
    if document.is_list:
        yield from _readers_of_list(document.entries(), limits, load_asset)
        return
    value = document.value()
    if not _is_conversation(value):
        raise ImportRefused("neither messages nor conversations", code="import_unknown")
    yield _reader(value, load_asset)


def _readers_of_list(
    entries: Iterator[object], limits: ImportLimits, load_asset: LoadAsset
) -> Iterator[_Read]:
    """The first entry that is either says whether these are conversations or messages."""
    odd: list[object] = []
    for entry in entries:
        if _is_conversation(entry):
            yield from (_reader(each, load_asset) for each in (*odd, entry))
            yield from (_reader(each, load_asset) for each in entries)
            return
        if isinstance(entry, dict) and "role" in entry:
            messages = [*odd, entry, *islice(entries, _MOST_ENTRIES)]
            for _ in entries:
                raise ImportTooLarge(unit="messages", limit=limits.max_messages)
            yield partial(read_messages, messages)
            return
        odd.append(entry)
        if len(odd) > limits.max_conversations:
            break
    raise ImportRefused("neither messages nor conversations", code="import_unknown")


def _is_conversation(value: object) -> bool:
    return isinstance(value, dict) and any(key in value for key in ("mapping", "messages", KEY))


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
                error.params["title"] = title[:_LONGEST_TITLE]
            raise

    return read


class _Unpacking:
    """Unpacks entries of an archive, so many bytes in all; what they claim is not believed."""

    def __init__(self, archive: zipfile.ZipFile, max_bytes: int) -> None:
        self.entries = archive.infolist()
        self._archive = archive
        self._max_bytes = max_bytes
        self._bytes_left = max_bytes

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
        if entry is None:
            return None
        try:
            with self._unpacking.open(entry) as read:
                content = read(_LARGEST_PICTURE + 1)
        except (ImportTooLarge, *_ZIP_FAILURES):
            return None
        return content if len(content) <= _LARGEST_PICTURE else None


def _base_name(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).name
