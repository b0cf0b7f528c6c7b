"""What is stored about a person: how much, for how long, and how it goes away."""

from __future__ import annotations

import streamlit as st

from augenblick.core.errors import AugenblickError, ConversationNotFound
from augenblick.store.retention import read_retention
from augenblick.store.store_values import Share, StorageStats
from augenblick.ui import i18n, notices
from augenblick.ui.history import delete_with_undo, share_dialog
from augenblick.ui.history.entries import shown_title
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import forget_everything, said_on_the_page
from augenblick.web.export_all import EVERYTHING_PATH


def draw_cookie_notice(parts: Services) -> None:
    """Say so where the browser keeps no cookie: nothing can be found again."""
    if not parts.browser():
        st.info(i18n.t("my_data.no_cookie"), icon=":material/cookie_off:")


def draw_holdings(parts: Services) -> None:
    """Say in words how much is stored."""
    held = parts.store.storage_stats(parts.owner())
    with st.container(key="holdings", border=True, gap="xsmall"):
        if not held.conversations:
            st.markdown(i18n.t("my_data.nothing"))
            return
        st.markdown(_amount(held))
        if held.oldest_at is not None:
            day = i18n.current().day(i18n.on_the_clock(held.oldest_at))
            st.caption(i18n.t("my_data.oldest", day=day))
        if held.shares:
            st.caption(i18n.t("my_data.shares", count=held.shares))


def _amount(held: StorageStats) -> str:
    conversations = i18n.t("my_data.conversations", count=held.conversations)
    questions = i18n.t("history.questions", count=held.questions)
    if not held.pictures:
        return i18n.t(
            "my_data.holdings_without_pictures", conversations=conversations, questions=questions
        )
    return i18n.t(
        "my_data.holdings",
        conversations=conversations,
        questions=questions,
        pictures=i18n.t("my_data.pictures", count=held.pictures),
        size=i18n.current().bytes(held.picture_bytes),
    )


def draw_promises(parts: Services) -> None:
    """Say how long things are kept, and what is never stored."""
    st.header(i18n.t("my_data.how_long"), anchor=False)
    keep = read_retention(parts.environ).keep
    if keep is None:
        st.markdown(i18n.t("my_data.kept_for_ever"))
    else:
        st.markdown(i18n.t("my_data.kept_days", count=keep.days))
    st.markdown(i18n.t("my_data.deleted_for_good"))
    st.header(i18n.t("my_data.never"), anchor=False)
    st.markdown(i18n.t("my_data.never_list"))
    st.markdown(i18n.t("my_data.where"))


def draw_shares(parts: Services) -> None:
    """Draw the links to conversations, each with a button that takes it back."""
    shares = parts.store.list_shares(parts.owner())
    if not shares:
        return
    st.header(i18n.t("my_data.links"), anchor=False)
    st.markdown(i18n.t("my_data.links_more"))
    with st.container(key="my_links", gap="xsmall"):
        for share in shares:
            _draw_share(share, parts)


def _draw_share(share: Share, parts: Services) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None, width="stretch"):
            st.markdown(shown_title(_title(share, parts)))
            st.caption(_until(share))
        st.button(
            i18n.t("share.revoke"),
            key=f"revoke_{share.token}",
            icon=":material/link_off:",
            on_click=_revoke,
            args=(share, parts),
        )


def _title(share: Share, parts: Services) -> str:
    try:
        return parts.store.load_conversation(share.conversation_id, owner=parts.owner()).title
    except ConversationNotFound:  # deleted meanwhile
        return ""


def _until(share: Share) -> str:
    if share.expires_at is None:
        return i18n.t("share.until_revoked")
    moment = i18n.on_the_clock(share.expires_at)
    return i18n.t("share.until", when=i18n.current().moment(moment))


def _revoke(share: Share, parts: Services) -> None:
    with said_on_the_page():
        parts.store.revoke_share(share.token, owner=parts.owner())


def draw_taking(parts: Services) -> None:
    """Draw what brings conversations elsewhere, and here."""
    st.header(i18n.t("my_data.take"), anchor=False)
    st.markdown(i18n.t("my_data.take_more"))
    with st.container(horizontal=True):
        st.link_button(
            i18n.t("my_data.download"),
            EVERYTHING_PATH.removeprefix("/"),  # below wherever the pages stand
            icon=":material/download:",
        )
        if st.button(i18n.t("my_data.device"), key="other_device", icon=":material/devices:"):
            share_dialog.draw_device_dialog(None, parts)
    st.header(i18n.t("my_data.bring"), anchor=False)
    share_dialog.draw_import(parts)


def draw_deletion(parts: Services) -> None:
    """Draw the way to delete everything, in two steps."""
    st.header(i18n.t("my_data.delete"), anchor=False)
    st.markdown(i18n.t("my_data.delete_more"))
    if st.button(
        i18n.t("my_data.delete_button"),
        key="delete_everything",
        icon=":material/delete_forever:",
    ):
        _open_deletion(parts)


def _open_deletion(parts: Services) -> None:
    @st.dialog(i18n.t("my_data.delete"))
    def deletion() -> None:
        st.markdown(i18n.t("my_data.delete_more"))
        is_sure = st.checkbox(i18n.t("my_data.delete_sure"), key="delete_sure")
        is_wanted = st.button(
            i18n.t("my_data.delete_now"),
            key="delete_now",
            type="primary",
            icon=":material/delete_forever:",
            disabled=not is_sure,
        )
        if is_wanted and is_sure:
            _delete_everything(parts)

    deletion()


def _delete_everything(parts: Services) -> None:
    try:
        delete_with_undo.delete_everything(parts)
    except AugenblickError as error:
        notices.show_failure(error.failure)
        return
    forget_everything()
    st.toast(i18n.t("my_data.deleted"), icon=":material/check:")
    st.rerun()
