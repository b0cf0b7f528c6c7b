"""What is known of models, one card for each endpoint and model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from augenblick.core.model_cards import Finding, ModelCard
from augenblick.store import tables as t
from augenblick.store.databases import Concern
from augenblick.store.statements import now


class ModelCards(Concern):
    """Keeps the cards."""

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
