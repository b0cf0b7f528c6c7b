"""The pictures of messages; each is stored once, by its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from augenblick.core.messages import Attachment, ContentPart, Message, PreparedPicture, TextPart
from augenblick.core.picture_text import PictureText
from augenblick.store import tables as t
from augenblick.store.database import Database
from augenblick.store.databases import Concern


class Attachments(Concern):
    """The bytes of pictures, wherever they are."""

    def load_content(self, sha256: str) -> bytes:
        """The prepared bytes of an attachment. Raises KeyError for an unknown one."""
        return self._load(t.picture_bytes.c.content, sha256)

    def load_thumbnail(self, sha256: str) -> bytes:
        """The small picture of an attachment. Raises KeyError for an unknown one."""
        return self._load(t.picture_bytes.c.thumbnail, sha256)

    def load_texts(self, sha256s: Iterable[str]) -> Mapping[str, PictureText]:
        """What was read in these pictures, as far as it was."""
        query = select(t.picture_text).where(t.picture_text.c.sha256.in_(set(sha256s)))
        found: dict[str, PictureText] = {}
        for database in self._databases.both:
            with database.reading() as connection:
                found |= {row.sha256: row.content for row in connection.execute(query)}
        return found

    def save_text(self, sha256: str, text: PictureText) -> None:
        """Keep what was read in a picture wherever the picture is; nowhere if it is gone."""
        keep = select(t.picture.c.sha256).where(t.picture.c.sha256 == sha256)
        keep = keep.with_for_update(read=True, key_share=True)
        for database in self._databases.both:
            with database.writing() as connection:
                if connection.scalar(keep) is not None:
                    connection.execute(database.upsert(t.picture_text, sha256=sha256, content=text))

    def _load(self, column: ColumnElement[bytes], sha256: str) -> bytes:
        query = select(column).where(t.picture_bytes.c.sha256 == sha256)
        for database in self._databases.both:
            with database.reading() as connection:
                if (found := connection.scalar(query)) is not None:
                    return found
        raise KeyError(sha256)


def add_pictures(
    connection: Connection,
    database: Database,
    pictures: Sequence[PreparedPicture],
    shown: AbstractSet[str],
) -> None:
    """Add the pictures that are shown and aren't there, and keep the others from going.

    Always in one order, so that two writers can't block each other. `deletion` locks likewise.
    """
    by_hash = {picture.attachment.sha256: picture for picture in pictures}
    if not shown:
        return
    keep = select(t.picture.c.sha256).where(t.picture.c.sha256.in_(shown))
    keep = keep.order_by(t.picture.c.sha256).with_for_update(read=True, key_share=True)
    known = set(connection.scalars(keep))
    missing = [by_hash[sha256] for sha256 in sorted(shown & by_hash.keys() - known)]
    if missing:
        connection.execute(database.insert_new(t.picture), list(map(_picture_row, missing)))
        connection.execute(
            database.insert_new(t.picture_bytes),
            [
                {
                    "sha256": picture.attachment.sha256,
                    "thumbnail": picture.thumbnail,
                    "content": picture.content,
                }
                for picture in missing
            ],
        )


def _picture_row(picture: PreparedPicture) -> dict[str, object]:
    attachment = picture.attachment
    return {
        "sha256": attachment.sha256,
        "media_type": attachment.media_type,
        "width_px": attachment.width_px,
        "height_px": attachment.height_px,
        "byte_count": attachment.byte_count,
        "thumbnail_width_px": picture.thumbnail_width_px,
        "thumbnail_height_px": picture.thumbnail_height_px,
    }


def read_attachment(row: Row[*tuple[Any, ...]]) -> Attachment:
    """The attachment in a row with columns of `picture` and the receipt of its part."""
    return Attachment(
        sha256=row.sha256,
        media_type=row.media_type,
        width_px=row.width_px,
        height_px=row.height_px,
        byte_count=row.byte_count,
        receipt=row.receipt,
    )


def part_rows(node_id: str, message: Message) -> list[dict[str, object]]:
    """Rows of `part` for a message."""
    return [
        {"node_id": node_id, "position": position, **part_columns(part)}
        for position, part in enumerate(message.parts)
    ]


def part_columns(part: ContentPart) -> dict[str, object]:
    """What a part holds, as columns of `part`."""
    if isinstance(part, TextPart):
        return {"text": part.text, "picture_sha256": None, "detail": None, "receipt": None}
    return {
        "text": None,
        "picture_sha256": part.attachment.sha256,
        "detail": part.detail.value,
        "receipt": part.attachment.receipt,
    }
