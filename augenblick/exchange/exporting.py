"""Conversations written to files.

Every writer takes an open binary file and holds one picture in memory at a time (the HTML page:
all of them). Markdown and HTML show the shown path, JSON has the whole tree.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import unicodedata
import zipfile
from collections.abc import Iterable
from datetime import datetime
from typing import IO

from augenblick.core.conversations import Conversation, as_wire_messages, called_pictures
from augenblick.core.language import Language
from augenblick.core.messages import Attachment
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.payload import DataUris, build_payload
from augenblick.exchange import pages, tree
from augenblick.exchange.page_values import ValuesOf
from augenblick.exchange.pages import LoadBytes

_LONGEST_NAME = 80
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')  # on Windows; the others forbid less
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\.|$)", re.IGNORECASE)
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # Unicode categories
_FIRST_ZIP_YEAR = 1980
_NO_PICTURE = "data:,"
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png"}


def file_name(title: str, *, suffix: str, language: Language) -> str:
    """A file name made of a title that every system takes; `suffix` comes with its dot."""
    plain = unicodedata.normalize("NFC", title)
    plain = "".join(sign if unicodedata.category(sign) not in _UNSEEN else " " for sign in plain)
    plain = " ".join(_FORBIDDEN.sub(" ", plain).split())[:_LONGEST_NAME].strip(" .")
    if not plain or _DEVICES.match(plain):
        plain = f"{language.text('document.file_name')} {plain}".strip()
    return plain + suffix


def write_html(
    conversation: Conversation,
    file: IO[bytes],
    *,
    language: Language,
    load_content: LoadBytes,
    values_of: ValuesOf | None = None,
) -> None:
    """Write the shown path as one page that opens without a network; more at `share_page`."""
    page = pages.share_page(
        conversation,
        leaf_id=None,
        language=language,
        load_content=load_content,
        max_picture_bytes=sys.maxsize,
        values_of=values_of,
    )
    file.write(page.encode())


def write_json(conversation: Conversation, file: IO[bytes], *, load_content: LoadBytes) -> None:
    """Write `{"model", "messages", "augenblick"}`: the shown path as the API takes it, then all.

    What `augenblick` holds makes the same conversation again when it is imported.
    """
    path = conversation.path()
    uris = DataUris(load_content, max_bytes=0)

    def uri(attachment: Attachment) -> str:
        try:
            return uris(attachment)
        except KeyError:  # deleted meanwhile
            return _NO_PICTURE

    models = [node.reply.model for node in path if node.reply]
    file.write(b'{"model": %s, "messages": [' % _json(models[-1] if models else ""))
    written: set[str] = set()
    for number, message in enumerate(as_wire_messages(path)):
        settings = RequestSettings(model="")
        (wire,) = build_payload([message], settings, data_uri=uri)["messages"]
        file.write((b",\n" if number else b"\n") + _json(wire))
        written |= {attachment.sha256 for attachment in message.attachments}
    described = _json(tree.tree_json(conversation))
    file.write(b'\n], "%s": %s, "pictures": {' % (tree.KEY.encode(), described[:-1]))
    every: list[Attachment] = []
    for node in conversation.nodes:
        every += node.message.attachments
        every += [part.attachment for part in called_pictures(node.reply)] if node.reply else []
    others = {a.sha256: a for a in every if a.sha256 not in written}
    _write_pictures(others, file, load_content)
    file.write(b"}}}\n")


def write_markdown(
    conversation: Conversation, file: IO[bytes], *, language: Language, load_content: LoadBytes
) -> None:
    """Write a zip: the shown path as `conversation.md`, and its pictures."""
    with zipfile.ZipFile(file, "w") as archive:
        _add_markdown(archive, "", conversation, language, load_content)


def write_everything(
    conversations: Iterable[Conversation],
    file: IO[bytes],
    *,
    language: Language,
    load_content: LoadBytes,
) -> None:
    """Write a zip with a folder for each conversation: Markdown, pictures and JSON.

    It can be imported as it is.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for number, conversation in enumerate(conversations, 1):
            name = file_name(conversation.title, suffix="", language=language)
            folder = f"{number:04} {name}/"
            _add_markdown(archive, folder, conversation, language, load_content)
            entry = _entry(f"{folder}conversation.json", conversation, zipfile.ZIP_DEFLATED)
            with archive.open(entry, "w") as inside:
                write_json(conversation, inside, load_content=load_content)


def _write_pictures(
    attachments: dict[str, Attachment], file: IO[bytes], load_content: LoadBytes
) -> None:
    """Pictures that no message of the shown path has carried; one that is gone is left out."""
    comma = b""
    for sha256, attachment in attachments.items():
        try:
            content = load_content(sha256)
        except KeyError:
            continue
        encoded = base64.b64encode(content)
        file.write(
            b'%s\n%s: {"media_type": %s, "data": "%s"}'
            % (comma, _json(sha256), _json(attachment.media_type), encoded)
        )
        comma = b","


def _add_markdown(
    archive: zipfile.ZipFile,
    folder: str,
    conversation: Conversation,
    language: Language,
    load_content: LoadBytes,
) -> None:
    lines: dict[str, str] = {}  # by picture that is in the archive

    def picture_line(attachment: Attachment) -> str:
        if attachment.sha256 not in lines:
            try:
                content = load_content(attachment.sha256)
            except KeyError:
                return f"*{language.text('document.picture_missing', number='')}*"
            number, suffix = len(lines) + 1, _SUFFIXES.get(attachment.media_type, "bin")
            name = f"pictures/picture-{number:03}.{suffix}"
            archive.writestr(_entry(folder + name, conversation, zipfile.ZIP_STORED), content)
            alt = language.text("document.picture", number=number)
            lines[attachment.sha256] = f"![{alt}]({name})"
        return lines[attachment.sha256]

    path = conversation.path()
    parts = [f"# {pages.title_of(conversation, language)}", pages.summary_of(path, language)]
    for entry in pages.entries(path, language):
        pictures = [picture_line(attachment) for attachment in entry.attachments]
        content = [entry.text, *pictures] if entry.is_answer else [*pictures, entry.text]
        notes = [f"*{line}*" for line in (entry.note, entry.origin) if line]
        parts += [f"## {entry.heading}", *content, *notes]
    text = "\n\n".join(parts) + "\n"
    document = _entry(f"{folder}conversation.md", conversation, zipfile.ZIP_DEFLATED)
    archive.writestr(document, text.encode())


def _entry(name: str, conversation: Conversation, compression: int) -> zipfile.ZipInfo:
    when: datetime = conversation.updated_at.astimezone()
    year = max(when.year, _FIRST_ZIP_YEAR)
    moment = (year, when.month, when.day, when.hour, when.minute, when.second)
    entry = zipfile.ZipInfo(name, moment)
    entry.compress_type = compression
    entry.external_attr = 0o644 << 16
    return entry


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
