"""What was learnt about an endpoint and model, for the fallbacks."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, select

from augenblick.store import tables as t
from augenblick.store.databases import Concern


class SavedQuirks(Concern):
    """Keeps what was learnt."""

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


_QUIRKS = select(t.quirk.c.name, t.quirk.c.value).where(  # read before each request
    t.quirk.c.provider == bindparam("provider"), t.quirk.c.model == bindparam("model")
)
