"""An answer that was asked for in a form, as a form or a table, with its JSON beside it.

Drawn from the stored record alone, so it is there after a reload and for whoever opens the
conversation.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import streamlit as st

from augenblick.core.conversations import ReplyRecord
from augenblick.lab.form_cells import cell_text, csv_file, csv_text, json_text
from augenblick.lab.form_reading import CellProblem, Column, Filled, read_filled
from augenblick.lab.indented_json import IndentedJson
from augenblick.ui import i18n
from augenblick.ui.browser.copying import copy_button
from augenblick.ui.chat.markdown_filter import literal

_MOST_SAID = 10  # problems of a table, one line each
_MOST_LOW_ROWS = 12  # a table with more scrolls in its own place
_TABLE_HEIGHT_PX = 460
_NOTHING = "—"
_FENCE = "``````"  # longer than any fence inside a string is likely to be


def draw_filled(record: ReplyRecord, *, key: str) -> bool:
    """Draw the form of an answer; False, and nothing is drawn, where it holds no JSON."""
    form = (record.settings.response_format if record.settings is not None else None) or {}
    filled = _read(record.picked.text, json.dumps(form))
    if filled is None:
        return False
    if not filled.is_whole:
        st.caption(f":material/content_cut: {i18n.t('form.cut')}")
    if filled.has_rows and filled.columns:
        _draw_table(filled)
    elif filled.columns:
        _draw_fields(filled)
    _draw_files(filled, key=key)
    with st.expander(i18n.t("form.json"), expanded=not filled.columns, type="compact"):
        st.code(json_text(filled), language="json", wrap_lines=True)
    return True


@lru_cache(maxsize=256)  # a conversation is drawn again with every click
def _read(text: str, response_format: str) -> Filled | None:
    return read_filled(text, json.loads(response_format))


def _draw_fields(filled: Filled) -> None:
    """Draw one row as a form: names above their values, and what is wrong with each."""
    problems = {problem.column: problem for problem in filled.problems}
    row = filled.rows[0] if filled.rows else {}
    with st.container(border=True, gap="small"):
        for column in filled.columns:
            problem = problems.get(column.name)
            note = f"  \n:orange[:material/warning: {_sentence(problem)}]" if problem else ""
            st.markdown(f"{_label(column)}  \n{_value(row.get(column.name), column)}{note}")
        if "" in problems:
            st.markdown(f":orange[:material/warning: {_sentence(problems[''])}]")
        _draw_verdict(filled)


def _label(column: Column) -> str:
    name = literal(_line(column.name))
    about = f" · {literal(_line(column.description))}" if column.description else ""
    return f":small[:gray[{name}{about}]]"


def _draw_table(filled: Filled) -> None:
    if filled.rows:
        wrong = {(problem.row, problem.column) for problem in filled.problems}
        cells: dict[str, list[str]] = {}
        for column in filled.columns:
            name = literal(_line(column.name))
            while name in cells:  # two that differ in their spaces only stay two
                name += "\u200b"
            cells[name] = [
                _marked(_cell(row.get(column.name), column), is_wrong=(at, column.name) in wrong)
                for at, row in enumerate(filled.rows, start=1)
            ]
        is_high = len(filled.rows) > _MOST_LOW_ROWS
        height: Any = _TABLE_HEIGHT_PX if is_high else "content"
        st.table(cells, border="horizontal", hide_index=True, height=height)
    else:
        st.caption(i18n.t("form.no_rows"))
    about = [
        f"**{literal(_line(column.name))}**: {literal(_line(column.description))}"
        for column in filled.columns
        if column.description
    ]
    if about:
        st.caption("  \n".join(about))
    if filled.problems:
        st.markdown("  \n".join(_said(filled)))
    _draw_verdict(filled)


def _marked(cell: str, *, is_wrong: bool) -> str:
    return f":orange[:material/warning: {cell}]" if is_wrong else cell


def _said(filled: Filled) -> list[str]:
    """What is wrong in a table, a line for each cell."""
    said = [
        f":orange[:material/warning: {_place(problem)}{_sentence(problem)}]"
        for problem in filled.problems[:_MOST_SAID]
    ]
    if len(filled.problems) > _MOST_SAID:
        said.append(i18n.t("form.more_problems", count=len(filled.problems) - _MOST_SAID))
    return said


def _draw_verdict(filled: Filled) -> None:
    """Say in words whether the whole fits."""
    if filled.problems:
        verdict = i18n.t("form.verdict_wrong", count=len(filled.problems))
        st.caption(f":material/info: {verdict}")
    elif filled.is_whole and filled.is_checked:
        st.caption(f":material/check_circle: {i18n.t('form.verdict_right')}")


def _place(problem: CellProblem) -> str:
    if not problem.row:
        return ""
    place = i18n.t("form.row", row=str(problem.row))
    return f"{place}, {literal(_line(problem.column))}: " if problem.column else f"{place}: "


def _sentence(problem: CellProblem) -> str:
    params = {name: literal(value) for name, value in problem.params.items()}
    return i18n.t(f"form.cell.{problem.code}", **params)


def _value(value: Any, column: Column) -> str:  # noqa: ANN401 - any JSON value
    """Return a value as Markdown, large enough to be read at a glance."""
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return "\n" + "\n".join(f"- {literal(_line(each))}" for each in value)
    if isinstance(value, str) and value.strip():
        lines = [
            literal(line.strip()) for line in cell_text(value, column, i18n.current()).splitlines()
        ]
        return "  \n".join(f"**{line}**" for line in lines if line)
    return f"**{_cell(value, column)}**"


def _cell(value: Any, column: Column) -> str:  # noqa: ANN401 - as above
    """Return a value as Markdown on one line."""
    if value is None or value in ("", []):
        return _NOTHING
    return literal(_line(cell_text(value, column, i18n.current()))) or _NOTHING


def _line(text: str) -> str:
    return " ".join(text.split())


def _draw_files(filled: Filled, *, key: str) -> None:
    """Draw the ways to take it along."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if filled.columns:
            label = i18n.t("form.copy_csv")
            copy_button(csv_text(filled), label=label)
            _draw_file("csv", csv_file(filled), "text/csv", key=key)
        _draw_file("json", json_text(filled).encode(), "application/json", key=key)


def _draw_file(kind: str, content: bytes, mime: str, *, key: str) -> None:
    st.download_button(
        kind.upper(),
        content,
        f"{i18n.t('form.file_name')}.{kind}",
        mime,
        key=f"form_{kind}_{key}",
        help=i18n.t("form.download", kind=kind.upper()),
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
    )


class PartialJson:
    """The text of a form while it streams: JSON becomes a growing block of code, words stay words.

    What the model itself put into a code block is one already.
    """

    def __init__(self) -> None:
        self._held = ""
        self._is_json: bool | None = None
        self._lines = IndentedJson()

    def feed(self, text: str) -> str:
        """Give back what of the text so far can be shown."""
        if self._is_json is None:
            self._held += text
            begun = self._held.lstrip()
            if not begun:
                return ""
            self._is_json = begun[0] in "{["
            if not self._is_json:
                return self._held
            return f"{_FENCE}json\n{self._lines.feed(begun)}"
        return self._lines.feed(text) if self._is_json else text
