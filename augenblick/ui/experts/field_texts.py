"""What the panel says about a field: its range, its help, and why something can't be sent."""

from __future__ import annotations

import streamlit as st

from augenblick.core.errors import SettingsInvalid
from augenblick.core.settings import FIELDS, Field, Kind
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal

_RANGED = {Kind.NUMBER, Kind.WHOLE}


def allowed_range(field: Field) -> str:
    """The range of a number, as the API documents it; empty for anything else."""
    return field.allowed if field.kind in _RANGED else ""


def help_for(name: str) -> str:
    """One sentence about a field, and what the API does where it is not sent."""
    help_text = i18n.t(f"setting.help.{name}")
    field = FIELDS[name]
    if field.kind in _RANGED and field.default:
        return f"{help_text} {i18n.t('expert.default', default=field.default)}"
    return help_text


def sentence(problem: SettingsInvalid) -> str:
    """Say in one sentence that something is not sent, and what may stand there."""
    if problem.code == "messages_in_extra":
        return i18n.t("error.messages_in_extra.what")
    field, allowed = (literal(str(problem.params[name])) for name in ("field", "allowed"))
    is_form = problem.params["field"] == "logit_bias"  # else the path of the token that is wrong
    return i18n.t(
        "expert.invalid_biases" if is_form else "expert.invalid", field=field, allowed=allowed
    )


def show_problem(problem: SettingsInvalid) -> None:
    """Draw the sentence right below its field."""
    show_wrong(sentence(problem))


def show_wrong(text: str) -> None:
    """Draw a line about something that can't be sent, as small as a caption but not as pale."""
    st.markdown(f":small[:red[:material/error: {text}]]")
