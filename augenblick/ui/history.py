"""The list of conversations: found, opened, renamed, pinned, deleted."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

import streamlit as st

from augenblick.conversations import Conversation
from augenblick.errors import AugenblickError
from augenblick.store import ConversationSummary
from augenblick.ui import deleting, notices, words
from augenblick.ui.resources import Services
from augenblick.ui.sidebar import go_to, shown_title
from augenblick.ui.state import LISTED_AT_FIRST, said_on_the_page, tab
from augenblick.ui.thumbnails import thumbnails

_THUMBNAIL_PX = 56
_LONGEST_TITLE = 200  # what the store keeps of one
_SEARCH_KEY = "history_words"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list; what a search found has the message it stands in and an excerpt."""

    summary: ConversationSummary
    node_id: str | None = None
    excerpt: tuple[str, ...] = ()  # plain and matching pieces by turns


def draw_search() -> str:
    """Draw the field for searching; returns what stands in it."""
    words_ = st.text_input(
        words.say("history.search"),
        key=_SEARCH_KEY,
        type="search",
        placeholder=words.say("history.search"),
        label_visibility="collapsed",
        live="300ms",
        persist_state="session",
        on_change=_begin_anew,
    )
    return (words_ or "").strip()


def _begin_anew() -> None:
    memory = tab()
    memory.listed = LISTED_AT_FIRST
    memory.deleted = None
    memory.failure = None


def find(parts: Services, wanted: str) -> tuple[list[Line], bool]:
    """Return the lines to be shown, and whether there are more."""
    count = tab().listed
    if wanted:
        hits = parts.store.search(parts.owner(), wanted, limit=count + 1)
        lines = [Line(hit.conversation, hit.node_id, hit.excerpt) for hit in hits]
    else:
        lines = [Line(it) for it in parts.store.list_conversations(parts.owner(), limit=count + 1)]
    return lines[:count], len(lines) > count


def draw_nothing(wanted: str) -> None:
    """Draw the empty list: nothing found, or nothing there yet."""
    with st.container(key="history_empty", horizontal_alignment="center"):
        if wanted:
            st.markdown(
                f":material/search_off: {words.say('history.nothing_found')}",
                text_alignment="center",
            )
            st.caption(words.say("history.nothing_found_more"), text_alignment="center")
            return
        st.markdown(f":material/forum: {words.say('history.nothing_yet')}", text_alignment="center")
        st.caption(words.say("history.nothing_yet_more"), text_alignment="center")
        st.button(
            words.say("sidebar.new"),
            key="history_new",
            icon=":material/add:",
            on_click=go_to,
            args=(None,),
        )


def draw_list(lines: Sequence[Line], parts: Services, *, has_more: bool) -> None:
    """Draw the lines, those of a plain list below headings of their time."""
    now = words.on_the_clock(datetime.now(UTC))
    _draw_picking(lines, parts)
    with st.container(key="history", gap=None):
        for heading, group in groupby(lines, lambda line: _heading(line, now)):
            if heading:
                st.caption(words.say(heading))
            for line in group:
                _draw_line(line, parts, now)
    if has_more:
        st.button(words.say("history.more"), key="history_more", width="stretch", on_click=_more)


def _more() -> None:
    tab().listed += LISTED_AT_FIRST


def _heading(line: Line, now: datetime) -> str:
    """Return the key of the heading a line stands under; none for what was found."""
    if line.excerpt or line.node_id:
        return ""
    if line.summary.is_pinned:
        return "history.pinned"
    days = _days_ago(line.summary.updated_at, now)
    return {0: "history.today", 1: "history.yesterday"}.get(days, "history.earlier")


def _days_ago(moment: datetime, now: datetime) -> int:
    return max(0, (now.date() - words.on_the_clock(moment).date()) // timedelta(days=1))


def _draw_picking(lines: Sequence[Line], parts: Services) -> None:
    """Draw what leads to choosing several, or what can be done with the chosen ones."""
    memory = tab()
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if not memory.is_picking:
            st.button(
                words.say("history.pick"),
                key="pick_several",
                type="tertiary",
                icon=":material/checklist:",
                on_click=_set_picking,
                args=(True,),
            )
            return
        picked = [line.summary for line in lines if st.session_state.get(_pick_key(line))]
        st.button(
            words.say("history.stop_picking"), key="pick_none", on_click=_set_picking, args=(False,)
        )
        count = len(picked)
        st.button(
            words.say("history.delete_picked", count=count)
            if count
            else words.say("history.delete"),
            key="delete_picked",
            type="primary",
            icon=":material/delete:",
            disabled=not picked,
            on_click=_delete_picked,
            args=(parts, picked),
        )


def _pick_key(line: Line) -> str:
    return f"pick_{line.summary.id}"


def _set_picking(value: bool) -> None:  # noqa: FBT001 - callbacks get their arguments by position
    memory = tab()
    memory.is_picking = value
    memory.deleted = None


def _delete_picked(parts: Services, picked: Sequence[ConversationSummary]) -> None:
    tab().is_picking = False
    deleting.delete_conversations(parts, picked)


def _draw_line(line: Line, parts: Services, now: datetime) -> None:
    summary = line.summary
    with st.container(
        key=f"line_{summary.id}",
        horizontal=True,
        vertical_alignment="center",
        gap="small",
        wrap=False,
    ):
        _draw_thumbnail(summary, parts)
        with st.container(gap=None):
            _draw_title(line, parts)
            st.caption(_when_and_how_much(summary, now))
            if line.excerpt:
                st.html(_marked(line.excerpt))
        if not tab().is_picking:
            _draw_menu(summary, parts)


def _draw_title(line: Line, parts: Services) -> None:
    """Draw what a click on the line means: open this one, or choose it among several."""
    summary = line.summary
    if tab().is_picking:
        st.checkbox(shown_title(summary.title), key=_pick_key(line), wrap=False, width="stretch")
        return
    st.button(
        shown_title(summary.title),
        key=f"show_{summary.id}",
        type="tertiary",
        width="stretch",
        wrap=False,
        on_click=_open,
        args=(line, parts),
    )


def _draw_thumbnail(summary: ConversationSummary, parts: Services) -> None:
    with st.container(key=f"picture_{summary.id}", width=_THUMBNAIL_PX):
        if summary.thumbnail_sha256 is None:
            st.markdown(":material/chat_bubble:")
        else:
            st.image(
                thumbnails().get(summary.thumbnail_sha256, parts.store.load_thumbnail),
                alt="",
                width="stretch",
            )


def _when_and_how_much(summary: ConversationSummary, now: datetime) -> str:
    language = words.current()
    moment = words.on_the_clock(summary.updated_at)
    is_recent = _days_ago(summary.updated_at, now) <= 1 and not summary.is_pinned
    when = language.clock(moment) if is_recent else language.moment(moment)
    return f"{when} · {words.say('history.messages', count=summary.message_count)}"


def _marked(excerpt: tuple[str, ...]) -> str:
    """Return an excerpt as HTML with the matches marked; all of it was typed by somebody.

    The stars of bold Markdown are left out: the page shows none of them either.
    """
    plain = (html.escape(piece.replace("**", "")) for piece in excerpt)
    pieces = (
        f"<mark>{piece}</mark>" if number % 2 else piece for number, piece in enumerate(plain)
    )
    return f'<p class="excerpt">{"".join(pieces)}</p>'


def _open(line: Line, parts: Services) -> None:
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
        go_to(line.summary.id)


def _draw_menu(summary: ConversationSummary, parts: Services) -> None:
    key = f"menu_{summary.id}"
    chosen = st.menu_button(
        words.say("history.menu", title=shown_title(summary.title)),
        ("pin", "rename", "delete"),
        key=key,
        icon=":material/more_vert:",
        type="tertiary",
        format_func=lambda option: _menu_label(option, summary),
        on_click=_act,
        args=(key, summary, parts),
    )
    if chosen == "rename":
        open_renaming(summary, parts)


def _menu_label(option: str, summary: ConversationSummary) -> str:
    if option == "pin":
        key = "history.unpin" if summary.is_pinned else "history.pin"
        return f":material/keep: {words.say(key)}"
    if option == "rename":
        return f":material/edit: {words.say('history.rename')}"
    return f":material/delete: {words.say('history.delete')}"


def _act(key: str, summary: ConversationSummary, parts: Services) -> None:
    chosen = st.session_state[key]
    memory = tab()
    memory.deleted = None
    if chosen == "delete":
        deleting.delete_conversations(parts, [summary])
    elif chosen == "pin":
        with said_on_the_page():
            parts.store.set_pinned(summary.id, owner=parts.owner(), is_pinned=not summary.is_pinned)


def open_renaming(summary: ConversationSummary | Conversation, parts: Services) -> None:
    """Open the dialog for another title."""

    @st.dialog(words.say("history.rename"))
    def renaming() -> None:
        with st.form("renaming", border=False):
            title = st.text_input(
                words.say("history.title_field"), value=summary.title, max_chars=_LONGEST_TITLE
            )
            is_saved = st.form_submit_button(words.say("history.save"), type="primary")
        if not is_saved:
            return
        try:
            parts.store.rename(summary.id, title or "", owner=parts.owner())
        except AugenblickError as error:
            notices.show_failure(error.failure)
        else:
            st.rerun()

    renaming()
