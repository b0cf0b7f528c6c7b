"""What a list says of a conversation, and which ones it holds: all, or those a search found."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from augenblick.store.store_values import ConversationSummary
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.plain_text import plain_text
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import go_to, said_on_the_page, tab

SEARCH_KEY = "history_words"
"""The key of the field for searching: what was typed at one place stands at the other too."""

Go = Callable[[str | None], None]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a list; what a search found has the message it stands in and an excerpt."""

    summary: ConversationSummary
    node_id: str | None = None
    excerpt: tuple[str, ...] = ()  # plain and matching pieces by turns


def find(parts: Services, wanted: str, *, count: int) -> tuple[list[Line], bool]:
    """Return up to `count` lines, and whether there are more."""
    if wanted:
        hits = parts.store.search(parts.owner(), wanted, limit=count + 1)
        lines = [Line(hit.conversation, hit.node_id, hit.excerpt) for hit in hits]
    else:
        lines = [Line(it) for it in parts.store.list_conversations(parts.owner(), limit=count + 1)]
    return lines[:count], len(lines) > count


def open_line(line: Line, parts: Services, go: Go = go_to) -> None:
    """Open a conversation; what a search found opens at the path on which the words stand."""
    owner = parts.owner()
    memory = tab()
    with said_on_the_page():
        if line.node_id is not None:
            conversation = parts.store.load_conversation(line.summary.id, owner=owner)
            if all(node.id != line.node_id for node in conversation.path()):
                leaf_id = conversation.newest_below(line.node_id)
                parts.store.show_leaf(conversation.id, leaf_id, owner=owner)
    if memory.failure is None:
        go(line.summary.id)


def shown_title(title: str) -> str:
    """Return a title as Markdown that shows it as it is; one without words has a name too."""
    return literal(title) or i18n.t("sidebar.untitled")


def days_ago(moment: datetime, now: datetime) -> int:
    """Return how many midnights have passed since; `now` as the clocks show it."""
    return max(0, (now.date() - i18n.on_the_clock(moment).date()) // timedelta(days=1))


def when(summary: ConversationSummary, now: datetime) -> str:
    """Say when something last happened in a conversation, as short as it is still clear."""
    language = i18n.current()
    moment = i18n.on_the_clock(summary.updated_at)
    days = days_ago(summary.updated_at, now)
    if days == 0:
        return language.clock(moment)
    return i18n.t("history.yesterday") if days == 1 else language.day(moment)


def when_and_how_much(summary: ConversationSummary, now: datetime) -> str:
    """Say when something last happened in a conversation, and how many questions it has."""
    language = i18n.current()
    moment = i18n.on_the_clock(summary.updated_at)
    is_recent = days_ago(summary.updated_at, now) <= 1 and not summary.is_pinned
    at = language.clock(moment) if is_recent else language.moment(moment)
    return f"{at} · {i18n.t('history.questions', count=summary.question_count)}"


def marked(excerpt: tuple[str, ...]) -> str:
    """Return an excerpt as HTML with the matches marked; all of it was typed by somebody."""
    plain = (html.escape(plain_text(piece)) for piece in excerpt)
    pieces = (
        f"<mark>{piece}</mark>" if number % 2 else piece for number, piece in enumerate(plain)
    )
    return f'<p class="excerpt">{"".join(pieces)}</p>'
