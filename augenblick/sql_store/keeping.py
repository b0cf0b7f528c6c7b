"""What is kept beside an answer, and presets: each call is a step of the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from augenblick.errors import ConversationNotFound
from augenblick.messages import ImagePart, ReplyEnd, Timings, ToolRound, Usage
from augenblick.sql_store import indexing, rows
from augenblick.sql_store.database import Database
from augenblick.sql_store.statements import check_own
from augenblick.sql_store.tables import (
    PartRow,
    PictureRow,
    PresetRow,
    ReplyRow,
    SearchRow,
    TraceRow,
)
from augenblick.store import Figures, Preset

_LONGEST_NAME = 80


def add_part(connection: Connection, reply_id: str, part: ImagePart) -> None:
    """Add a picture to a reply, unless it has it, or the picture itself is not there."""
    stored = select(PictureRow.sha256).where(PictureRow.sha256 == part.attachment.sha256)
    if connection.scalar(stored) is None:
        return
    is_its = PartRow.node_id == reply_id
    known = select(PartRow.position).where(is_its, PartRow.picture_sha256 == part.attachment.sha256)
    if connection.scalar(known) is not None:
        return
    last = select(func.coalesce(func.max(PartRow.position), -1) + 1).where(is_its)
    values = rows.part_columns(part)
    position = connection.scalar(last)
    connection.execute(insert(PartRow).values(node_id=reply_id, position=position, **values))


def keep_rounds(connection: Connection, reply_id: str, rounds: Sequence[ToolRound]) -> None:
    """Write what a reply has called, without the texts, which stand in its own."""
    bare = [replace(done, text="", reasoning="") for done in rounds]
    statement = update(ReplyRow).where(ReplyRow.node_id == reply_id)
    connection.execute(statement.values(rounds=rows.rounds_json(bare)))


def pick_choice(connection: Connection, reply_id: str, choice_index: int, owner: str) -> None:
    """Let another choice of an ended reply go on. Raises ConversationNotFound."""
    conversation_id = _check_own_reply(connection, reply_id, owner)
    choices = connection.scalar(
        select(ReplyRow.choices).where(ReplyRow.node_id == reply_id, ReplyRow.ended_as.is_not(None))
    )
    if not 0 <= choice_index < len(choices or ()):
        raise ConversationNotFound
    statement = update(ReplyRow).where(ReplyRow.node_id == reply_id)
    connection.execute(statement.values(picked_choice=choice_index))
    indexing.forget(connection, SearchRow.node_id == reply_id)
    text = rows.picked_text(choices, choice_index)
    indexing.index_text(connection, conversation_id, reply_id, text)


def save_trace(connection: Connection, database: Database, reply_id: str, content: bytes) -> None:
    """Write a trace where the reply is there."""
    if connection.scalar(_THERE, {"reply": reply_id}) is None:
        return
    statement = database.insert(TraceRow).values(reply_id=reply_id, content=content)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[TraceRow.reply_id], set_={"content": statement.excluded.content}
        )
    )


_THERE = (  # made once, for every answer leaves a trace
    select(ReplyRow.node_id)
    .where(ReplyRow.node_id == bindparam("reply"))
    .with_for_update(read=True)
)


def load_trace(connection: Connection, reply_id: str, owner: str) -> bytes | None:
    """Read a trace. Raises ConversationNotFound."""
    _check_own_reply(connection, reply_id, owner)
    return connection.scalar(select(TraceRow.content).where(TraceRow.reply_id == reply_id))


def recent_figures(
    connection: Connection, provider: str, model: str, limit: int
) -> Sequence[Figures]:
    """What the last whole answers of a model took, newest first."""
    query = (
        select(ReplyRow.usage, ReplyRow.timings)
        .where(
            ReplyRow.provider == provider,
            ReplyRow.model == model,
            ReplyRow.ended_as.in_((ReplyEnd.COMPLETE.value, ReplyEnd.LENGTH.value)),
            ReplyRow.usage.is_not(None),
        )
        .order_by(ReplyRow.ended_at.desc())
        .limit(limit)
    )
    found = connection.execute(query).all()
    return [Figures(Usage(**row.usage), Timings(**(row.timings or {}))) for row in found]


def save_preset(connection: Connection, database: Database, preset: Preset, owner: str) -> None:
    """Write a preset, in place of an older one of its name. Raises ValueError without a name."""
    name = " ".join(preset.name.split())[:_LONGEST_NAME].rstrip()
    if not name:
        raise ValueError("a preset needs a name")
    statement = database.insert(PresetRow).values(
        owner=owner, name=name, settings=preset.settings.as_fields()
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[PresetRow.owner, PresetRow.name],
            set_={"settings": statement.excluded.settings},
        )
    )


def list_presets(connection: Connection, owner: str) -> Sequence[Preset]:
    """The presets of an owner by name."""
    query = select(PresetRow.name, PresetRow.settings).where(PresetRow.owner == owner)
    found = connection.execute(query.order_by(PresetRow.name)).all()
    return [Preset(row.name, rows.read_settings(row.settings)) for row in found]


def delete_presets(connection: Connection, *, owner: str, name: str | None = None) -> int:
    """Forget one preset, or all; returns how many there were."""
    which = PresetRow.owner == owner
    if name is not None:
        which &= PresetRow.name == name
    return connection.execute(delete(PresetRow).where(which)).rowcount


def _check_own_reply(connection: Connection, reply_id: str, owner: str) -> str:
    """The conversation of a reply. Raises ConversationNotFound."""
    conversation_id = connection.scalar(
        select(ReplyRow.conversation_id).where(ReplyRow.node_id == reply_id)
    )
    check_own(connection, conversation_id or "", owner)
    return conversation_id or ""
