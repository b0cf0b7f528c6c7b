"""Request settings that a person has given a name."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from augenblick.store import tables as t
from augenblick.store.databases import Concern
from augenblick.store.store_values import Preset

_LONGEST_NAME = 80


class Presets(Concern):
    """Keeps presets, each owner's apart."""

    def save_preset(self, preset: Preset, *, owner: str) -> None:
        """Keep request settings under a name (cut to 80 characters), in place of older ones.

        Raises ValueError without a name.
        """
        name = " ".join(preset.name.split())[:_LONGEST_NAME].rstrip()
        if not name:
            raise ValueError("a preset needs a name")
        database = self._databases.kept
        statement = database.upsert(t.preset, owner=owner, name=name, settings=preset.settings)
        with database.writing() as connection:
            connection.execute(statement)

    def list_presets(self, owner: str) -> Sequence[Preset]:
        """The presets of an owner by name."""
        query = select(t.preset.c.name, t.preset.c.settings).where(t.preset.c.owner == owner)
        with self._databases.kept.reading() as connection:
            found = connection.execute(query.order_by(t.preset.c.name)).all()
        return [Preset(row.name, row.settings) for row in found]

    def delete_preset(self, name: str, *, owner: str) -> None:
        """Forget a preset; one that is not there is forgotten already."""
        which = (t.preset.c.owner == owner) & (t.preset.c.name == name)
        with self._databases.kept.writing() as connection:
            connection.execute(delete(t.preset).where(which))
