"""What was learnt about an endpoint and model, for the fallbacks."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, select

from augenblick.store import tables as t
from augenblick.store.databases import Concern


class Lessons(Concern):
    """Keeps what was learnt."""

    def load_lessons(self, provider: str, model: str) -> Mapping[str, str]:
        """What was learnt about an endpoint and model, by name."""
        given = {"provider": provider, "model": model}
        with self._databases.kept.reading() as connection:
            return {row.name: row.value for row in connection.execute(_LESSONS, given)}

    def save_lesson(self, provider: str, model: str, name: str, value: str) -> None:
        """Remember one thing about an endpoint and model; the newest value counts."""
        database = self._databases.kept
        statement = database.upsert(
            t.lesson, provider=provider, model=model, name=name, value=value
        )
        with database.writing() as connection:
            connection.execute(statement)


_LESSONS = select(t.lesson.c.name, t.lesson.c.value).where(  # read before each request
    t.lesson.c.provider == bindparam("provider"), t.lesson.c.model == bindparam("model")
)
