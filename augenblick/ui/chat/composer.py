"""Where a question is put together: words, pictures, samples; `composer.js` is its other half.

That script is large, and Streamlit sends a component's script with each change of its data. So it
is a component of its own, and the one on the page hands on what changes (`composer_place.js`).

Pictures go to the tray over `web/tray_routes`, without a run of the script. What the person does
comes as one event, `act`, before the script runs, so that no later run can cut it off.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path

import streamlit as st

from augenblick.core.conversations import Conversation
from augenblick.core.errors import Failure, ImageError, NoRoom, SettingsInvalid, StoreError
from augenblick.core.messages import PreparedPicture
from augenblick.core.settings import RequestSettings
from augenblick.pictures import PictureSource
from augenblick.pictures.regions import MAX_PIXELATED, MAX_REGIONS
from augenblick.pictures.samples import SAMPLES
from augenblick.ui import i18n
from augenblick.ui.browser.component_data import dated
from augenblick.ui.chat.local_offer import draw_offer
from augenblick.ui.chat.model_choice import ModelChoice
from augenblick.ui.chat.question_draft import Draft, Question
from augenblick.ui.chat.submit import Submission
from augenblick.ui.experts.active_settings import sendable_settings
from augenblick.ui.pictures.picture_dialogs import draw_dialog, open_earlier, open_pages, open_phone
from augenblick.ui.resources import Services, services
from augenblick.ui.tab_state import Tab, new_submission_id, tab
from augenblick.ui.upload_accounting import UPLOAD_MEMORY
from augenblick.web.addresses import base_path
from augenblick.web.tray_routes import tray_path, tray_state

KEY = "composer"
_FOLDER = Path(__file__).parent
_STOP_SECONDS = 5.0  # for a question that is still being stored
_LONGEST_ID = 40
_CHIPS = {"one": ("copy", "what", "sum"), "several": ("difference", "copy", "summary"),
          "pdf": ("summary", "copy", "sum")}  # fmt: skip
_TEXTS = (
    "add", "again", "camera", "cancel", "choose", "choose_pages", "cut", "drop", "earlier",
    "failed_only", "gone", "left_out", "mark", "menu", "not_pixelated", "offline", "options",
    "page", "pages", "paste", "phone", "pixelate", "pixelated", "placeholder", "preparing",
    "private", "private_badge", "queued", "remove", "send", "stop", "to_end", "tray", "turn",
    "uploading",
)  # fmt: skip
_REGION_TEXTS = (
    "add", "close", "done", "draw", "full", "help", "in", "keys", "move", "out", "place", "remove",
    "title",
)  # fmt: skip
_PIXELATE_TEXTS = (
    "add", "close", "done", "empty", "find", "find_failed", "finding", "found", "found_none",
    "full", "help", "help_page", "place", "remove", "title",
)  # fmt: skip


def _part(ending: str) -> str:
    return (_FOLDER / f"composer.{ending}").read_text(encoding="utf-8")


def _with_editor(ending: str) -> str:
    """A part together with that of the dialog for regions: a component has one script."""
    editor = _FOLDER.parent / "pictures" / f"region_editor.{ending}"
    return editor.read_text(encoding="utf-8") + _part(ending)


_script = st.components.v2.component(
    "augenblick_composer_script",
    css=_with_editor("css"),
    js=_with_editor("js"),
    isolate_styles=False,  # it lays out the foot of the page too
)
_component = st.components.v2.component(
    "augenblick_composer",
    html=_part("html"),
    js=(_FOLDER / "composer_place.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def load_composer() -> None:
    """Put the script on the page, once for each run; nobody sees it."""
    data = dated("composer_script", _fixed_data())
    _script(key="composer_script", data=data, width="content", height="content")


def draw_composer(conversation: Conversation | None, *, is_busy: bool, model: str) -> None:
    """Draw it at the foot of the page. `model` is who will be asked."""
    memory = tab()
    parts = services()
    memory.person, memory.browser = parts.owner(), parts.browser()
    memory.language = i18n.current()
    memory.busy_count += is_busy
    with st.bottom:
        _component(
            key=KEY,
            data=dated(KEY, _data(memory, conversation, is_busy=is_busy)),
            on_act_change=_take_act,
        )
    draw_dialog(model)


def _data(memory: Tab, conversation: Conversation | None, *, is_busy: bool) -> dict[str, object]:
    is_private = conversation.is_temporary if conversation else memory.is_temporary
    conversation_id = conversation.id if conversation else "new"
    forgets, memory.forgets_unsent = memory.forgets_unsent, False
    return {
        "url": _prefix() + tray_path(memory.own_id),
        "state": tray_state(memory),
        "conversation": conversation_id,
        "isBegunHere": conversation_id == memory.begun_id,
        "forgets": forgets,
        "busy": memory.busy_count if is_busy else 0,
        "isPrivate": is_private,
        "canBePrivate": conversation is None and bool(memory.browser),
    }


_PLACES = {
    name: f"{{{name}}}"
    for name in ("name", "count", "first", "number", "left", "top", "width", "height")
}  # filled there


def _fixed_data() -> dict[str, object]:
    """What is the same in every run of one language."""
    return {
        "most": tab().tray.max_count,
        "texts": {name: i18n.t(f"composer.{name}", **_PLACES) for name in _TEXTS},
        "regionTexts": {
            name: i18n.t(f"composer.region.{name}", **_PLACES) for name in _REGION_TEXTS
        },
        "mostRegions": MAX_REGIONS,
        "pixelateTexts": {
            name: i18n.t(f"composer.pixelate.{name}", **_PLACES) for name in _PIXELATE_TEXTS
        },
        "mostPixelated": MAX_PIXELATED,
        "chips": {
            kind: [i18n.t(f"composer.chip.{name}") for name in names]
            for kind, names in _CHIPS.items()
        },
    }


def _prefix() -> str:
    return base_path(st.get_option("server.baseUrlPath"))


def draw_welcome(choice: ModelChoice, parts: Services) -> None:
    """Draw the empty page: a place for pictures, and samples with a question each.

    What a click does stands in `composer.js`.
    """
    cards = "".join(
        f'<li><img src="{_prefix()}/samples/{sample.name}.jpg" alt="" width="440" height="330">'
        f'<button type="button" data-sample="{sample.name}">'
        f"<span>{escape(i18n.t(sample.question_key))}</span>"
        f"<small>{escape(i18n.t(sample.title_key))}</small></button></li>"
        for sample in SAMPLES
    )
    with st.container(key="welcome"):
        st.title(i18n.t("chat.welcome"), anchor=False)
        st.html(
            '<div class="hero">'
            f'<button type="button" data-choose="camera">{escape(i18n.t("hero.camera"))}</button>'
            f'<button type="button" data-choose="files">{escape(i18n.t("hero.choose"))}</button>'
            f"<p>{escape(i18n.t('hero.drop'))}</p></div>"
        )
        draw_offer(choice, parts)
        st.html(
            f'<h2 class="samples-title">{escape(i18n.t("hero.samples"))}</h2>'
            f'<ul class="samples">{cards}</ul>'
        )


def _take_act() -> None:
    act = st.session_state.get(KEY, {}).get("act")
    do = _ACTS.get(str(act.get("kind"))) if isinstance(act, Mapping) else None
    if do is not None:
        do(act)


def _ask(act: Mapping[str, object]) -> None:
    """Take a question over, with its pictures; once, however often it comes."""
    memory = tab()
    sent_id = str(act.get("id", ""))[:_LONGEST_ID]
    if not sent_id or sent_id in memory.sent.taken:
        return
    memory.sent.taken.append(sent_id)
    text, ids = str(act.get("text", "")), act.get("pictures")
    pictures = memory.tray.take(map(str, ids) if isinstance(ids, list) else ())
    if pictures is None or not (text.strip() or pictures):
        memory.give_back(text, None, sent_id)
        return
    memory.asked.append(Question(new_submission_id(), text, pictures=pictures, sent_id=sent_id))


def _ask_sample(act: Mapping[str, object]) -> None:
    memory = tab()
    for sample in SAMPLES:
        if sample.name == act.get("name"):
            upload = PictureSource(sample.path.name, sample.path.read_bytes())
            question = i18n.t(sample.question_key)
            memory.asked.append(Question(new_submission_id(), question, (upload,)))


def _stop(_act: Mapping[str, object]) -> None:
    """End the answer being written here; what came is kept.

    What was asked before and has not been sent off yet goes back, or it would be asked after all
    as soon as the answer has ended.
    """
    memory = tab()
    asked = _take_asked(memory)
    submission, live = memory.submission, memory.live
    if submission is not None and submission.done.wait(_STOP_SECONDS) and submission.opened:
        opened, owner = submission.opened, submission.draft.owner
        live = services().answering.find(opened.conversation_id, opened.reply_id, owner=owner)
    try:
        if live is not None:
            live.stop()
    except StoreError as error:  # another process writes it, and can't be told now
        memory.failure = error.failure
    for question in asked:
        _give_back(question, memory.failure, memory, services())


def _set_private(act: Mapping[str, object]) -> None:
    memory = tab()
    if memory.conversation_id is None and memory.browser:
        memory.is_temporary = act.get("isOn") is True


def _open_camera(_act: Mapping[str, object]) -> None:
    tab().dialog = "camera"


def _open_phone(_act: Mapping[str, object]) -> None:
    open_phone()


def _open_earlier(_act: Mapping[str, object]) -> None:
    open_earlier()


def _open_options(_act: Mapping[str, object]) -> None:
    tab().dialog = "options"


def _open_pages(act: Mapping[str, object]) -> None:
    open_pages(str(act.get("item", "")))


_ACTS = {
    "ask": _ask,
    "sample": _ask_sample,
    "stop": _stop,
    "private": _set_private,
    "camera": _open_camera,
    "phone": _open_phone,
    "earlier": _open_earlier,
    "options": _open_options,
    "pages": _open_pages,
}


def submit(*, conversation: Conversation | None, choice: ModelChoice, parts: Services) -> bool:
    """Send off what this tab was asked; returns whether the composer is to be drawn anew.

    While one question is on its way or being answered, another goes back to the person with the
    reason; the same once more is a second click and nothing happens. So does one for which a
    setting stands in the panel that can't be sent.
    """
    memory = tab()
    if not memory.asked:
        return False
    try:
        settings = sendable_settings(choice.model)
    except SettingsInvalid as error:
        give_back_asked(error.failure, parts)
        return True
    return _submit_each(conversation, choice, parts, settings)


def _submit_each(
    conversation: Conversation | None,
    choice: ModelChoice,
    parts: Services,
    settings: RequestSettings,
) -> bool:
    memory = tab()
    is_answering = conversation is not None and conversation.live_node is not None
    given_back: list[Question] = []
    for question in list(memory.asked):
        draft = _draft(question, memory, conversation, choice, parts, settings=settings)
        with memory.lock:
            if question not in memory.asked or draft.conversation_id != memory.conversation_id:
                continue  # another run of this tab was here first
            if memory.submission is None and not is_answering:
                _send_off(question, draft, memory, parts)
            elif question.likeness != memory.newest:
                given_back.append(question)
            else:
                memory.sent.stored.append(question.sent_id)
            memory.asked.remove(question)
    for question in given_back:
        _give_back(question, StoreError(code="reply_in_progress").failure, memory, parts)
    return bool(given_back)


def give_back_asked(failure: Failure, parts: Services) -> None:
    """Give back whatever this tab was asked, because nothing can be sent off."""
    memory = tab()
    for question in _take_asked(memory):
        _give_back(question, failure, memory, parts)


def _take_asked(memory: Tab) -> list[Question]:
    """What was asked and not yet sent off, so that no run of this tab sends it."""
    with memory.lock:
        asked, memory.asked = memory.asked, []
    return asked


def _draft(
    question: Question,
    memory: Tab,
    conversation: Conversation | None,
    choice: ModelChoice,
    parts: Services,
    *,
    settings: RequestSettings,
) -> Draft:
    revision = question.revision
    leaf_id = conversation.leaf_id if conversation else None
    return Draft(
        replace(question, uploads=memory.picture_choice.of(question.uploads)),
        owner=parts.owner(),
        conversation_id=conversation.id if conversation else None,
        parent_id=revision.parent_id if revision else leaf_id,
        text_if_empty=i18n.t("chat.question_if_empty", count=question.picture_count),
        provider=choice.provider,
        settings=settings,
        detail=memory.picture_choice.detail,
        is_temporary=memory.is_temporary,
    )


def _send_off(question: Question, draft: Draft, memory: Tab, parts: Services) -> None:
    """Hand a question to a thread of its own."""
    memory.submission = Submission(draft, prepare=parts.prepare, ask=parts.ask).start()
    memory.newest = question.likeness
    memory.refused = ()
    memory.failure = None
    memory.deleted = None


def _give_back(question: Question, failure: Failure | None, memory: Tab, parts: Services) -> None:
    """Put words and pictures back to where they came from."""
    outcomes = (
        parts.prepare(memory.picture_choice.of(question.uploads), person=parts.owner())
        if question.uploads
        else ()
    )
    prepared = [each for each in outcomes if isinstance(each, PreparedPicture)]
    put_back((*question.pictures, *prepared))
    memory.refused = tuple(each.failure for each in outcomes if isinstance(each, ImageError))
    memory.give_back(question.text, question.revision, question.sent_id)
    memory.failure = failure


def put_back(pictures: tuple[PreparedPicture, ...]) -> None:
    """Have pictures wait for their question again, after those that wait already."""
    memory = tab()
    contents = [content for each in pictures for content in (each.content, each.thumbnail)]
    now = time.time_ns() // 1_000_000  # as the page numbers its files
    try:
        UPLOAD_MEMORY.take(memory, contents, partial(memory.tray.put, pictures, file=now))
    except NoRoom as error:
        memory.failure = error.failure
