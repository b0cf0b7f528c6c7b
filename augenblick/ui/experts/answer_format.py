"""The tab in which form the answer is wanted: words, a form, any JSON, a schema of one's own.

It owns `response_format` of the settings and nothing else of them.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

import streamlit as st

from augenblick.core.errors import SettingsInvalid
from augenblick.core.language import Language
from augenblick.core.settings import FIELDS
from augenblick.lab.form_fields import FieldKind, FormField
from augenblick.lab.form_prompts import JSON_INSTRUCTION
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.experts.field_effects import draw_format_note
from augenblick.ui.experts.field_table import draw_table
from augenblick.ui.experts.format_draft import FormatDraft, FormatKind
from augenblick.ui.tab_state import end_run_if_unwanted, tab

_KIND_KEY, _SCHEMA_KEY, _ROWS_KEY = "answer_format", "answer_schema", "answer_rows"
_SCHEMA_HEIGHT_PX = 220
_ARRIVES_SECONDS = 0.4  # a change of the table leaves the browser 0.15 s after it was made


def draw_answer_format() -> None:
    """Draw the tab, and the dialog with the table while that is open."""
    draft = tab().answer_format
    panel = tab().panel
    draft.follow(tab().settings.response_format, panel.round)
    panel.problems.pop("response_format", None)
    if draft.is_wrong:
        allowed = FIELDS["response_format"].allowed
        panel.problems["response_format"] = SettingsInvalid(
            field="response_format", allowed=allowed
        )
    st.session_state[_KIND_KEY] = draft.kind
    st.radio(
        i18n.t("form.section"),
        list(FormatKind),
        format_func=partial(_format_name, i18n.current()),
        key=_KIND_KEY,
        label_visibility="collapsed",
        on_change=_choose,
    )
    if draft.kind is FormatKind.FORM:
        _draw_form(draft)
    elif draft.kind is FormatKind.JSON:
        st.caption(i18n.t("form.json_help", instruction=JSON_INSTRUCTION))
    elif draft.kind is FormatKind.OWN:
        _draw_schema(draft)
    if draft.kind is not FormatKind.TEXT:
        is_object = draft.kind is FormatKind.JSON
        draw_format_note("json_object" if is_object else "json_schema")
    if draft.is_table_open:
        _open_table(draft)


def _draw_form(draft: FormatDraft) -> None:
    form = draft.form
    if form.fields:
        names = " · ".join(literal(field.name) or "?" for field in form.fields)
        st.caption(f"{names}  \n{_rows_name(i18n.current(), form.has_rows)}")
        _draw_problems(draft)
    else:
        st.caption(i18n.t("form.start"))
        _draw_examples(place="section")
    st.button(
        i18n.t("form.change" if form.fields else "form.own_fields"),
        key="answer_fields_open",
        icon=":material/table_edit:",
        on_click=_open,
    )


def _draw_problems(draft: FormatDraft) -> None:
    """Say what keeps the form from being sent, one sentence at a time."""
    if draft.form.fields and draft.problems:
        first = draft.problems[0]
        said = i18n.t(f"form.problem.{first.code}", row=str(first.row), name=literal(first.name))
        st.warning(said, icon=":material/warning:")


def _draw_examples(*, place: str) -> None:
    """Offer something to begin with."""
    with st.container(horizontal=True, gap="xsmall"):
        for name in ("receipt", "items"):
            st.button(
                i18n.t(f"form.example.{name}"),
                key=f"answer_example_{name}_{place}",
                icon=":material/receipt_long:",
                on_click=_take_example,
                args=(name,),
            )


def _draw_schema(draft: FormatDraft) -> None:
    st.session_state[_SCHEMA_KEY] = draft.own_schema
    st.text_area(
        i18n.t("form.schema"),
        key=_SCHEMA_KEY,
        height=_SCHEMA_HEIGHT_PX,
        help=i18n.t("form.schema_help"),
        on_change=_take_schema,
    )
    rejected = draft.rejected
    if rejected is not None:
        detail = literal(rejected.detail)
        said = i18n.t(f"form.schema.{rejected.code}", detail=detail)
        st.warning(said, icon=":material/warning:")
    elif draft.written is None:
        st.caption(i18n.t("form.schema_none"))
    elif not draft.written["json_schema"]["strict"]:
        st.caption(i18n.t("form.schema_loose"))
    else:
        st.caption(f":material/check_circle: {i18n.t('form.schema_strict')}")


def _open_table(draft: FormatDraft) -> None:
    @st.dialog(i18n.t("form.which_fields"), width="medium", on_dismiss=_close)
    def fields() -> None:
        st.session_state[_ROWS_KEY] = draft.has_rows
        st.segmented_control(
            i18n.t("form.rows"),
            (False, True),
            format_func=lambda has_rows: i18n.t("form.many_rows" if has_rows else "form.one_row"),
            key=_ROWS_KEY,
            label_visibility="collapsed",
            required=True,
            on_change=_take_rows,
        )
        draft.fields = draw_table(draft.fields, key=f"answer_fields_{draft.table_round}")
        _write(draft)
        st.caption(i18n.t("form.table_help"))
        if not draft.form.fields:
            _draw_examples(place="dialog")
        _draw_problems(draft)
        st.button(i18n.t("form.done"), key="answer_fields_done", type="primary", on_click=_end)
        if draft.is_table_done:
            time.sleep(_ARRIVES_SECONDS)
            end_run_if_unwanted()
            _close()
            st.rerun()

    fields()


def _format_name(language: Language, kind: FormatKind) -> str:
    return language.text(f"form.format.{kind.value}")


def _rows_name(language: Language, has_rows: bool) -> str:  # noqa: FBT001 - called by Streamlit
    return language.text("form.many_rows" if has_rows else "form.one_row")


def _write(draft: FormatDraft) -> None:
    memory = tab()
    memory.settings = replace(memory.settings, response_format=draft.write())


def _choose() -> None:
    draft = tab().answer_format
    draft.kind = FormatKind(st.session_state[_KIND_KEY])
    _write(draft)


def _take_schema() -> None:
    draft = tab().answer_format
    draft.own_schema = st.session_state[_SCHEMA_KEY]
    _write(draft)


def _take_rows() -> None:
    draft = tab().answer_format
    draft.has_rows = bool(st.session_state[_ROWS_KEY])
    _write(draft)


def _open() -> None:
    draft = tab().answer_format
    draft.is_table_open = True
    draft.table_round += 1


def _end() -> None:
    tab().answer_format.is_table_done = True


def _close() -> None:
    draft = tab().answer_format
    draft.is_table_open = draft.is_table_done = False
    draft.table_round += 1


def _take_example(name: str) -> None:
    draft = tab().answer_format
    draft.has_rows = name == "items"
    draft.fields = _items() if draft.has_rows else _receipt()
    draft.table_round += 1
    _write(draft)


def _receipt() -> tuple[FormField, ...]:
    t = i18n.t
    return (
        FormField(t("form.example.shop")),
        FormField(t("form.example.date"), FieldKind.DATE),
        FormField(t("form.example.total"), FieldKind.NUMBER),
        FormField(
            t("form.example.currency"),
            FieldKind.CHOICE,
            ("EUR", "USD", "GBP", "CHF"),
            is_required=False,
        ),
        FormField(t("form.example.vat"), FieldKind.NUMBER, is_required=False),
    )


def _items() -> tuple[FormField, ...]:
    return (
        FormField(i18n.t("form.example.article")),
        FormField(i18n.t("form.example.price"), FieldKind.NUMBER),
    )
