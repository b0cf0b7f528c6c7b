"""The table in which a person says which fields an answer shall have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from augenblick.lab.form_fields import FieldKind, FormField
from augenblick.ui import i18n

_BEGUN = "begun"  # what a table began with, under its key
_ONE_EMPTY = (FormField(""),)  # a table without any row does not know what its columns hold


def draw_table(fields: tuple[FormField, ...], *, key: str) -> tuple[FormField, ...]:
    """Draw the table; returns its rows as they stand. Another `key` is another table.

    Streamlit keeps what was changed beside what the table began with, so that must stay the same.
    """
    begun = st.session_state.setdefault(f"{key}_{_BEGUN}", fields or _ONE_EMPTY)
    edited = st.data_editor(
        _columns(begun),
        key=key,
        num_rows="dynamic",
        hide_index=True,
        width="stretch",
        column_config={
            "name": st.column_config.TextColumn(i18n.t("form.column.name"), width=130),
            "kind": st.column_config.SelectboxColumn(
                i18n.t("form.column.kind"),
                options=[kind.value for kind in FieldKind],
                format_func=lambda kind: i18n.t(f"form.kind.{kind}"),
                default=FieldKind.TEXT.value,
                required=True,
                width=110,
            ),
            "choices": st.column_config.TextColumn(
                i18n.t("form.column.choices"),
                help=i18n.t("form.column.choices_help"),
                width=150,
            ),
            "is_required": st.column_config.CheckboxColumn(
                i18n.t("form.column.required"),
                help=i18n.t("form.column.required_help"),
                default=True,
                width=80,
            ),
            "description": st.column_config.TextColumn(
                i18n.t("form.column.description"),
                help=i18n.t("form.column.description_help"),
                width=220,
            ),
        },
    )
    return tuple(_field(row) for row in _rows(edited))


def _columns(fields: tuple[FormField, ...]) -> dict[str, list[Any]]:
    return {
        "name": [field.name for field in fields],
        "kind": [field.kind.value for field in fields],
        "choices": [_joined(field.choices) for field in fields],
        "is_required": [field.is_required for field in fields],
        "description": [field.description for field in fields],
    }


def _rows(columns: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for cells in zip(*columns.values(), strict=True):
        yield dict(zip(columns, cells, strict=True))


def _field(row: Mapping[str, Any]) -> FormField:
    kind = row.get("kind")
    return FormField(
        _text(row.get("name")),
        FieldKind(str(kind)) if kind in set(FieldKind) else FieldKind.TEXT,
        _apart(_text(row.get("choices"))),
        row.get("is_required") is not False,
        _text(row.get("description")),
    )


def _text(cell: object) -> str:
    return cell if isinstance(cell, str) else ""


def _joined(choices: tuple[str, ...]) -> str:
    """Put choices on one line: with commas, or with semicolons where one of them has a comma."""
    if any("," in choice for choice in choices):
        return "; ".join(choices) + ";"
    return ", ".join(choices)


def _apart(text: str) -> tuple[str, ...]:
    """Take such a line apart."""
    parts = text.split(";" if ";" in text else ",")
    return tuple(filter(None, map(str.strip, parts)))
