"""What is known of the models at an endpoint: quirks, cards, and how earlier answers were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select

from augenblick.core.messages import Rating, ReplyEnd, Timings
from augenblick.core.model_cards import Finding, ModelCard
from augenblick.store import tables as t
from augenblick.store.databases import Concern
from augenblick.store.statements import now
from augenblick.store.store_values import Figures, RatingCount


class ModelRecords(Concern):
    """Keeps what was found out about models, and counts what stands with their answers."""

    def load_quirks(self, provider: str, model: str) -> Mapping[str, str]:
        """What was learnt about an endpoint and model, by name."""
        given = {"provider": provider, "model": model}
        with self._databases.kept.reading() as connection:
            return {row.name: row.value for row in connection.execute(_QUIRKS, given)}

    def save_quirk(self, provider: str, model: str, name: str, value: str) -> None:
        """Remember one thing about an endpoint and model; the newest value counts."""
        database = self._databases.kept
        statement = database.upsert(t.quirk, provider=provider, model=model, name=name, value=value)
        with database.writing() as connection:
            connection.execute(statement)

    def load_model_cards(self) -> Mapping[tuple[str, str], ModelCard]:
        """All cards, by endpoint and model."""
        with self._databases.kept.reading() as connection:
            rows = connection.execute(select(t.model_card)).all()
        return {
            (row.provider, row.model): ModelCard(
                row.sees, row.sees_at, row.findings or (), row.checked_at
            )
            for row in rows
        }

    def save_model_card(
        self,
        provider: str,
        model: str,
        *,
        sees: bool | None = None,
        findings: Sequence[Finding] = (),
    ) -> None:
        """Note what was found out just now; what is None or empty leaves what was known before."""
        found: dict[str, Any] = {}
        moment = now()
        if sees is not None:
            found |= {"sees": sees, "sees_at": moment}
        if findings:
            found |= {"findings": tuple(findings), "checked_at": moment}
        if not found:
            return
        database = self._databases.kept
        statement = database.upsert(t.model_card, provider=provider, model=model, **found)
        with database.writing() as connection:
            connection.execute(statement)

    def recent_figures(self, provider: str, model: str, *, limit: int = 30) -> Sequence[Figures]:
        """What the last whole answers of a model took, newest first, whoever asked.

        Only of answers whose endpoint counted tokens; temporary ones leave nothing behind.
        """
        query = (
            select(t.reply.c.usage, t.reply.c.timings)
            .where(
                t.reply.c.provider == provider,
                t.reply.c.model == model,
                t.reply.c.ended_as.in_((ReplyEnd.COMPLETE.value, ReplyEnd.LENGTH.value)),
                t.reply.c.usage.is_not(None),
            )
            .order_by(t.reply.c.ended_at.desc())
            .limit(limit)
        )
        with self._databases.kept.reading() as connection:
            found = connection.execute(query).all()
        return [Figures(row.usage, row.timings or Timings()) for row in found]

    def count_ratings(self) -> Sequence[RatingCount]:
        """The ratings of all people by provider and model, in the order of their names.

        What is temporary or deleted does not count.
        """
        kinds = (t.reply.c.rating == Rating.UP.value, t.reply.c.rating == Rating.DOWN.value)
        model = t.reply.c.provider, t.reply.c.model
        query = (
            select(*model, *(func.count().filter(kind) for kind in kinds))
            .join(t.conversation, t.conversation.c.id == t.reply.c.conversation_id)
            .where(t.reply.c.rating.is_not(None), t.conversation.c.deleted_at.is_(None))
            .group_by(*model)
            .order_by(*model)
        )
        with self._databases.kept.reading() as connection:
            return [RatingCount(*row) for row in connection.execute(query)]


_QUIRKS = select(t.quirk.c.name, t.quirk.c.value).where(  # read before each request
    t.quirk.c.provider == bindparam("provider"), t.quirk.c.model == bindparam("model")
)
