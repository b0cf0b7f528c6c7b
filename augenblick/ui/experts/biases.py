"""The table of `logit_bias`: token ids and how much they are favoured or shunned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from augenblick.errors import SettingsInvalid
from augenblick.settings import FIELDS, RequestSettings, problems_of
from augenblick.ui import words
from augenblick.ui.experts.entries import read_json
from augenblick.ui.experts.memory import BiasRow
from augenblick.ui.experts.sentences import help_for, show_problem
from augenblick.ui.state import tab

_TABLE_WIDTH_PX = 290  # a popover is as wide as it has to be, and a phone has no more
_PASTE_KEY = "expert_bias_paste"


def draw_biases() -> None:
    """Draw the button that opens the table; the table itself costs nothing until then."""
    panel = tab().panel
    place = st.popover("logit_bias", key="expert_biases", width="stretch", on_change="rerun")
    if place.open:
        with place:
            _draw_table()
    else:
        panel.bias_base = None  # an editor that is not drawn forgets what was done in it
        _show_problem()


def _draw_table() -> None:
    panel = tab().panel
    if panel.bias_base is None:
        panel.bias_base = _rows()
        panel.bias_round += 1
    st.caption(help_for("logit_bias"))
    rows = [*panel.bias_base, ("", None)]  # a first row, from which the columns have their types
    edited = st.data_editor(
        {
            "token": [token for token, _ in rows],
            "bias": [math.nan if bias is None else float(bias) for _, bias in rows],
        },
        column_config={
            "token": st.column_config.TextColumn(words.say("expert.bias.token"), width=130),
            "bias": st.column_config.NumberColumn(words.say("expert.bias.bias"), width=100),
        },
        num_rows="dynamic",
        hide_index=True,
        placeholder=" ",
        width=_TABLE_WIDTH_PX,
        key=f"expert_bias_table_{panel.bias_round}",
    )
    _take(_read_rows(edited))
    _show_problem()
    st.text_area(
        words.say("expert.bias.paste"),
        key=_PASTE_KEY,
        placeholder='{"50256": -100}',
        height=90,
        on_change=_paste,
    )
    if panel.paste_problem is not None:
        show_problem(panel.paste_problem)


def _show_problem() -> None:
    problem = tab().panel.problems.get("logit_bias")
    if problem is not None:
        show_problem(problem)


def _rows() -> tuple[BiasRow, ...]:
    memory = tab()
    if memory.panel.bias_rows is not None:
        return memory.panel.bias_rows
    return tuple(memory.settings.logit_bias.items())


def _read_rows(edited: Mapping[str, Any]) -> tuple[BiasRow, ...]:
    """What stands in the table; rows in which nothing was written do not count."""
    pairs = zip(edited["token"], edited["bias"], strict=True)
    rows = (((token or "").strip(), _plain(bias)) for token, bias in pairs)
    return tuple(row for row in rows if row != ("", None))


def _plain(bias: float | None) -> float | None:
    """The table knows decimals only; what was written as 5 is sent as 5. NaN is an empty cell."""
    if bias is None or math.isnan(bias):
        return None
    return int(bias) if float(bias).is_integer() else float(bias)


def _take(rows: tuple[BiasRow, ...]) -> None:
    memory = tab()
    memory.panel.bias_rows = rows
    memory.panel.problems.pop("logit_bias", None)
    biases: Mapping[str, float] = {}
    try:
        biases = _biases(rows)
    except SettingsInvalid as problem:
        memory.panel.problems["logit_bias"] = problem
    memory.settings = replace(memory.settings, logit_bias=biases)


def _biases(rows: tuple[BiasRow, ...]) -> Mapping[str, float]:
    """The value of the field. Raises SettingsInvalid, also for a token that stands there twice."""
    found: dict[str, Any] = {}
    for token, bias in rows:
        if token in found:
            raise SettingsInvalid(field=f"logit_bias.{token}", allowed="1 x")
        found[token] = "" if bias is None else bias
    for problem in problems_of(RequestSettings("", logit_bias=found)):
        raise problem
    return found


def _paste() -> None:
    """Put pasted JSON into the table in place of what stood there."""
    panel = tab().panel
    panel.paste_problem = None
    text = st.session_state[_PASTE_KEY].strip()
    if not text:
        return
    try:
        biases = read_json(text)
        for problem in problems_of(RequestSettings("", logit_bias=biases)):
            raise problem
    except SettingsInvalid as problem:
        panel.paste_problem = problem
    except (ValueError, RecursionError):
        allowed = FIELDS["logit_bias"].allowed
        panel.paste_problem = SettingsInvalid(field="logit_bias", allowed=allowed)
    else:
        panel.bias_base = None
        _take(tuple(biases.items()))
        st.session_state[_PASTE_KEY] = ""
