"""Out and in: links, exports, imports, and going on at another device. Menus place these."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import streamlit as st

from augenblick.core.conversations import Conversation
from augenblick.core.errors import NoRoom, StoreError
from augenblick.core.language import Language
from augenblick.exchange import exporting
from augenblick.exchange.import_limits import ImportLimits
from augenblick.exchange.pages import share_page, summary_of, title_of
from augenblick.store.store_values import Share
from augenblick.ui import i18n, notices
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.history.import_job import ImportJob
from augenblick.ui.link_for_others import address_for_others, draw_address, draw_code
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import end_run_if_unwanted, said_on_the_page, tab
from augenblick.ui.upload_accounting import UPLOAD_MEMORY
from augenblick.web.device_links import device_link
from augenblick.web.shares import SHARE_PATH

_DAYS = (1, 7, 30, None)  # a link may be valid
_USUAL_DAYS = 7
_PREVIEW_HEIGHT_PX = 420
_LOOK_SECONDS = 0.05
_MEGABYTE = 1024 * 1024
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Format:
    """A kind of file. `write` takes conversation, file, language and parts."""

    label: str
    explained: str
    suffix: str
    mime: str
    write: Callable[[Conversation, io.BytesIO, Language, Services], None]


def draw_share_dialog(conversation: Conversation, parts: Services) -> None:
    """Open the dialog that makes, shows and takes back links to the shown path."""

    @st.dialog(i18n.t("share.title"))
    def share() -> None:
        if conversation.is_temporary:
            st.info(i18n.t("share.temporary"), icon=":material/link_off:")
            return
        try:
            _draw_share(conversation, parts)
        except StoreError as error:
            notices.show_failure(error.failure)

    share()


def draw_device_dialog(conversation: Conversation | None, parts: Services) -> None:
    """Open the dialog with the link to go on at another device; None leads to the start page."""
    who = parts.browser()
    conversation_id = conversation.id if conversation else None
    path = device_link(who, parts.cookie_key, conversation_id) if who else None

    @st.dialog(i18n.t("device.title"))
    def device() -> None:
        if path is None:
            st.info(i18n.t("device.no_cookie"), icon=":material/cookie_off:")
            return
        st.markdown(i18n.t("device.explain"))
        url = address_for_others(path)
        draw_code(url, alt=i18n.t("device.qr"))
        draw_address(url)

    device()


def draw_export(conversation: Conversation, parts: Services) -> None:
    """Draw a download button for each kind of file; a file is made when it is asked for."""
    for kind in _FORMATS:
        with st.container(gap="xxsmall"):
            _draw_download(kind, conversation, parts)
            st.caption(i18n.t(kind.explained))


def draw_import(parts: Services) -> None:
    """Draw the place for a file with conversations, and what became of the last one.

    A browser that keeps no cookie can't bring any.

    While a file is being read, the run stays here and says how far it is.
    """
    memory = tab()
    max_bytes = ImportLimits().max_bytes
    size = i18n.t("size.megabytes", number=max_bytes // _MEGABYTE)
    st.file_uploader(
        i18n.t("import.label"),
        type=["json", "zip"],
        key=f"import_{memory.import_round}",
        help=i18n.t("import.help", size=size),
        max_upload_size=max_bytes // _MEGABYTE,
        on_change=_begin_import,
        args=(parts,),
        disabled=not parts.browser(),  # nobody could ever find or delete it again
    )
    if memory.import_job is not None:
        _follow_import(memory.import_job)
        if memory.is_import_new:
            memory.is_import_new = False
            st.rerun()  # what stands above and beside counts what came in only then
        _draw_imported(memory.import_job)


def _draw_share(conversation: Conversation, parts: Services) -> None:
    spoken = i18n.current()
    owner = parts.owner()
    path = conversation.path()
    title = literal(title_of(conversation, spoken))
    summary = summary_of(path, i18n.current_on_the_clock())
    st.markdown(i18n.t("share.visible", title=title, summary=summary))
    if st.toggle(i18n.t("share.preview"), key="share_preview"):
        _draw_preview(conversation, parts)
    days = st.segmented_control(
        i18n.t("share.expires"),
        _DAYS,
        default=_USUAL_DAYS,
        required=True,
        format_func=_said_days,
        key="share_days",
    )
    if st.button(i18n.t("share.create"), key="share_create", type="primary"):
        leaf_id = path[-1].id if path else ""
        until = datetime.now(UTC) + timedelta(days=days) if days else None
        parts.store.create_share(conversation.id, owner=owner, leaf_id=leaf_id, expires_at=until)
    shares = parts.store.list_shares(owner, conversation_id=conversation.id)
    if shares:
        st.markdown(f"**{i18n.t('share.existing')}**")
    for number, share in enumerate(shares):
        with st.expander(_said_until(share), expanded=number == 0):
            _draw_shared(share, parts, owner)


def _draw_shared(share: Share, parts: Services, owner: str) -> None:
    key = share.token.replace("_", ".")
    url = address_for_others(SHARE_PATH + share.token)
    draw_address(url)
    with st.container(horizontal=True, gap="small"):
        st.link_button(i18n.t("link.open"), url, icon=":material/open_in_new:")
        st.button(
            i18n.t("share.revoke"),
            key=f"share_revoke_{key}",
            icon=":material/link_off:",
            on_click=_revoke,
            args=(share.token, parts, owner),
        )
    draw_code(url, alt=i18n.t("share.qr"))


def _revoke(token: str, parts: Services, owner: str) -> None:
    with said_on_the_page():
        parts.store.revoke_share(token, owner=owner)


def _draw_preview(conversation: Conversation, parts: Services) -> None:
    """Draw the very page that the link will show, with small pictures.

    It can run nothing: what models wrote is escaped, and its own policy forbids scripts.
    """
    page = share_page(
        conversation,
        leaf_id=None,
        language=i18n.current(),
        load_content=parts.store.load_content,
        load_thumbnail=parts.store.load_thumbnail,
        max_picture_bytes=0,
        values_of=parts.stored_values(),
        is_framed=True,
    )
    st.iframe(page, height=_PREVIEW_HEIGHT_PX, alt=i18n.t("share.preview"))


def _said_days(days: int | None) -> str:
    return i18n.t("share.days", count=days) if days else i18n.t("share.no_end")


def _said_until(share: Share) -> str:
    if share.expires_at is None:
        return i18n.t("share.until_revoked")
    moment = i18n.on_the_clock(share.expires_at)
    return i18n.t("share.until", when=i18n.current().moment(moment))


def _draw_download(kind: _Format, conversation: Conversation, parts: Services) -> None:
    spoken, owner = i18n.current_on_the_clock(), parts.owner()

    def made() -> io.BytesIO:
        file = io.BytesIO()
        found = parts.store.load_conversation(conversation.id, owner=owner)
        kind.write(found, file, spoken, parts)
        file.seek(0)
        return file

    st.download_button(
        i18n.t(kind.label),
        made,
        file_name=exporting.file_name(conversation.title, suffix=kind.suffix, language=spoken),
        mime=kind.mime,
        key=kind.label.replace(".", "_"),
        icon=":material/download:",
        on_click="ignore",
    )


def _write_html(
    conversation: Conversation, file: io.BytesIO, spoken: Language, parts: Services
) -> None:
    exporting.write_html(
        conversation,
        file,
        language=spoken,
        load_content=parts.store.load_content,
        values_of=parts.stored_values(),
    )


def _write_markdown(
    conversation: Conversation, file: io.BytesIO, spoken: Language, parts: Services
) -> None:
    load_content = parts.store.load_content
    exporting.write_markdown(conversation, file, language=spoken, load_content=load_content)


def _write_json(
    conversation: Conversation, file: io.BytesIO, _spoken: Language, parts: Services
) -> None:
    exporting.write_json(conversation, file, load_content=parts.store.load_content)


_FORMATS = (
    _Format("export.html", "export.html.help", ".html", "text/html", _write_html),
    _Format("export.markdown", "export.markdown.help", ".zip", "application/zip", _write_markdown),
    _Format("export.json", "export.json.help", ".json", "application/json", _write_json),
)


def _begin_import(parts: Services) -> None:
    memory = tab()
    upload = st.session_state[f"import_{memory.import_round}"]
    if upload is None:
        return
    job = ImportJob(
        upload.getvalue(),
        owner=parts.owner(),
        language=i18n.current(),
        pool=parts.pictures,
        store=parts.store,
    )
    try:
        UPLOAD_MEMORY.take(memory, [job.content], partial(setattr, memory, "import_job", job))
        job.start()
    except NoRoom as error:
        job.refuse(error.failure)
        memory.import_job = job
    memory.is_import_new = True
    memory.import_round += 1  # an empty place, so that Streamlit lets go of the file


def _follow_import(job: ImportJob) -> None:
    place = st.empty()
    said = ""
    while not job.done.wait(_LOOK_SECONDS):
        count = len(job.titles)
        text = i18n.t("import.waiting") if job.is_waiting else i18n.t("import.reading", count=count)
        if text != said:
            said = text
            place.markdown(f":shimmer[{text}]")
        end_run_if_unwanted()
    place.empty()


def _draw_imported(job: ImportJob) -> None:
    if job.titles:
        st.success(_said_done(job), icon=":material/check:")
    elif job.failure is None and not job.refused:
        st.info(i18n.t("import.nothing"))
    if job.failure is not None:
        notices.show_failure(job.failure)
    for failure in job.refused[:_MOST_NAMED]:
        _, what, todo = notices.sentences(failure)
        st.warning(f"{what} {todo}")
    if len(job.refused) > _MOST_NAMED:
        st.caption(i18n.t("import.more_refused", count=len(job.refused) - _MOST_NAMED))


def _said_done(job: ImportJob) -> str:
    lines = [i18n.t("import.done", count=len(job.titles))]
    lines += [f"- {literal(title)}" for title in job.titles[:_MOST_NAMED] if title]
    if job.missing_pictures:
        lines += ["", i18n.t("import.missing_pictures", count=job.missing_pictures)]
    if job.left_out:
        lines += ["", i18n.t("import.left_out", count=job.left_out)]
    return "\n".join(lines)
