"""Finding conversations by their words, the same on both databases.

A conversation is found when each term stands somewhere in it. Those with all terms in the title
come first, then the newest. Of each the place is shown where most of the terms stand together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

from augenblick.search_words import Term, excerpt_of, terms_of
from augenblick.sql_store import rows
from augenblick.sql_store.listing import owned_by, summaries
from augenblick.sql_store.tables import ConversationRow, PartRow, ReplyRow, SearchRow
from augenblick.store import ConversationSummary, SearchHit

_index = table("search_index", column("rowid"), column("search_index"))


def search(connection: Connection, owner: str, words: str, *, limit: int) -> Sequence[SearchHit]:
    """Conversations of an owner in which all these words stand, best first."""
    terms = terms_of(words)
    if not terms:
        return ()
    found = connection.execute(_found(terms, owner, connection.dialect).limit(limit)).all()
    shown = _best_places(connection, terms, [row.id for row in found])
    texts = _load_texts(connection, [node_id for node_id in shown.values() if node_id])
    return [_hit(line, shown.get(line.id), texts, terms) for line in summaries(connection, found)]


def _hit(
    line: ConversationSummary,
    node_id: str | None,
    texts: Mapping[str, str],
    terms: Sequence[Term],
) -> SearchHit:
    text = line.title if node_id is None else texts.get(node_id, "")
    return SearchHit(line, node_id, excerpt_of(text, terms))


def _found(terms: Sequence[Term], owner: str, dialect: Dialect) -> Select[*tuple[Any, ...]]:
    """The conversations of an owner in which every term stands, best first."""
    page = owned_by(owner)
    terms_in_title: ColumnElement[int] = literal(0)
    for number, term in enumerate(terms):
        holding = (
            select(
                SearchRow.conversation_id,
                func.max(case((SearchRow.node_id.is_(None), 1), else_=0)).label("in_title"),
            )
            .where(_matches(term, dialect))
            .group_by(SearchRow.conversation_id)
            .subquery(f"holding_{number}")
        )
        page = page.join(holding, holding.c.conversation_id == ConversationRow.id)
        terms_in_title += holding.c.in_title
    return page.order_by(
        case((terms_in_title == len(terms), 0), else_=1),
        ConversationRow.updated_at.desc(),
        ConversationRow.id.desc(),
    )


def _best_places(
    connection: Connection, terms: Sequence[Term], conversation_ids: Sequence[str]
) -> dict[str, str | None]:
    """By conversation the message, or None for the title, where most terms stand; the first."""
    places = union_all(
        *(
            select(SearchRow.id, SearchRow.conversation_id, SearchRow.node_id).where(
                SearchRow.conversation_id.in_(conversation_ids),
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
        return SearchRow.id.in_(found)
    query = " <-> ".join(f"'{word}'" for word in term.words) + ":*" * term.is_prefix
    return SearchRow.words.bool_op("@@")(cast(query, TSQUERY))


def _load_texts(connection: Connection, node_ids: Sequence[str]) -> dict[str, str]:
    """The words of questions and the picked text of answers, by node."""
    parts = (
        select(PartRow.node_id, PartRow.text)
        .where(PartRow.node_id.in_(node_ids), PartRow.text.is_not(None))
        .order_by(PartRow.node_id, PartRow.position)
    )
    texts: dict[str, str] = {}
    for node_id, text in connection.execute(parts):
        texts[node_id] = " ".join(filter(None, (texts.get(node_id), text)))
    replies = select(ReplyRow.node_id, ReplyRow.choices, ReplyRow.picked_choice)
    for reply in connection.execute(replies.where(ReplyRow.node_id.in_(node_ids))):
        texts[reply.node_id] = rows.picked_text(reply.choices, reply.picked_choice)
    return texts
