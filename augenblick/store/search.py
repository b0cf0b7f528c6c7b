"""Finding conversations by their words, the same on both databases.

A conversation is found when each term stands somewhere in it. Those with all terms in the title
come first, then the newest. Of each the place is shown where most of the terms stand together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Select,
    case,
    cast,
    column,
    func,
    literal,
    select,
    table,
    union_all,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from augenblick.store import tables as t
from augenblick.store.databases import Concern
from augenblick.store.library import owned_by, summaries
from augenblick.store.search_index import picked_text
from augenblick.store.search_words import Term, excerpt_of, terms_of
from augenblick.store.store_values import SearchHit

_index = table("search_index", column("rowid"), column("search_index"))


class Search(Concern):
    """Finds kept conversations."""

    def search(self, owner: str, words: str, *, limit: int = 50) -> Sequence[SearchHit]:
        """Conversations in whose title, questions or answers all these words stand, best first.

        Words match from their beginning, whatever their case and accents; text in quotes
        matches as a whole. Anything a person types is accepted; nothing searchable finds nothing.
        """
        terms = terms_of(words)
        if not terms:
            return ()
        with self._databases.kept.reading() as connection:
            query = _found(terms, owner, connection.dialect).limit(limit)
            found = connection.execute(query).all()
            shown = _best_places(connection, terms, [row.id for row in found])
            texts = _load_texts(connection, [node_id for node_id in shown.values() if node_id])
            lines = summaries(connection, found)
        hits = []
        for line in lines:
            node_id = shown.get(line.id)
            text = line.title if node_id is None else texts.get(node_id, "")
            hits.append(SearchHit(line, node_id, excerpt_of(text, terms)))
        return hits


def _found(terms: Sequence[Term], owner: str, dialect: Dialect) -> Select[*tuple[Any, ...]]:
    """The conversations of an owner in which every term stands, best first."""
    page = owned_by(owner)
    terms_in_title: ColumnElement[int] = literal(0)
    for number, term in enumerate(terms):
        holding = (
            select(
                t.search_text.c.conversation_id,
                func.max(case((t.search_text.c.node_id.is_(None), 1), else_=0)).label("in_title"),
            )
            .where(_matches(term, dialect))
            .group_by(t.search_text.c.conversation_id)
            .subquery(f"holding_{number}")
        )
        page = page.join(holding, holding.c.conversation_id == t.conversation.c.id)
        terms_in_title += holding.c.in_title
    return page.order_by(
        case((terms_in_title == len(terms), 0), else_=1),
        t.conversation.c.updated_at.desc(),
        t.conversation.c.id.desc(),
    )


def _best_places(
    connection: Connection, terms: Sequence[Term], conversation_ids: Sequence[str]
) -> dict[str, str | None]:
    """By conversation the message, or None for the title, where most terms stand; the first."""
    places = union_all(
        *(
            select(
                t.search_text.c.id, t.search_text.c.conversation_id, t.search_text.c.node_id
            ).where(
                t.search_text.c.conversation_id.in_(conversation_ids),
                _matches(term, connection.dialect),
            )
            for term in terms
        )
    ).subquery("places")
    order = (func.count().desc(), places.c.node_id.is_(None), places.c.id)
    number = func.row_number().over(partition_by=places.c.conversation_id, order_by=order)
    numbered = (
        select(places.c.conversation_id, places.c.node_id, number.label("number"))
        .group_by(places.c.id, places.c.conversation_id, places.c.node_id)
        .subquery("numbered")
    )
    best = select(numbered.c.conversation_id, numbered.c.node_id).where(numbered.c.number == 1)
    return {row.conversation_id: row.node_id for row in connection.execute(best)}


def _matches(term: Term, dialect: Dialect) -> ColumnElement[bool]:
    if dialect.name == "sqlite":
        query = f'"{" ".join(term.words)}"' + " *" * term.is_prefix
        found = select(_index.c.rowid).where(_index.c.search_index.op("MATCH")(query))
        return t.search_text.c.id.in_(found)
    query = " <-> ".join(f"'{word}'" for word in term.words) + ":*" * term.is_prefix
    return t.search_text.c.words.bool_op("@@")(cast(query, TSQUERY))


def _load_texts(connection: Connection, node_ids: Sequence[str]) -> dict[str, str]:
    """The words of questions and the picked text of answers, by node."""
    parts = (
        select(t.part.c.node_id, t.part.c.text)
        .where(t.part.c.node_id.in_(node_ids), t.part.c.text.is_not(None))
        .order_by(t.part.c.node_id, t.part.c.position)
    )
    texts: dict[str, str] = {}
    for node_id, text in connection.execute(parts):
        texts[node_id] = " ".join(filter(None, (texts.get(node_id), text)))
    replies = select(t.reply.c.node_id, t.reply.c.choices, t.reply.c.picked_choice)
    for reply in connection.execute(replies.where(t.reply.c.node_id.in_(node_ids))):
        texts[reply.node_id] = picked_text(reply.choices, reply.picked_choice)
    return texts
