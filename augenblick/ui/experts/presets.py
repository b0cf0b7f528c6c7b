"""Settings that stay: those of the last visit, and those that were given a name.

The working settings are a preset too, one whose name nobody can type. So a reload has all of them,
a system message included, and no prompt ever stands in an address.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import streamlit as st

from augenblick.core.errors import StoreError
from augenblick.core.settings import RequestSettings
from augenblick.store.store_values import Preset
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.experts.setting_entries import begin_with, exchange, put_back
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import said_on_the_page, tab

WORKING_NAME = "\u2060"  # an invisible sign; names that people give are printable
_NAME_KEY = "expert_preset_name"
_LONGEST_NAME = 80
_PLAIN = RequestSettings("")


def begin(parts: Services) -> None:
    """Look once for the settings of the last visit; then see to it that no widget is empty."""
    memory = tab()
    panel = memory.panel
    if panel.has_begun:
        put_back(memory)
        return
    found = parts.store.list_presets(parts.owner()) if parts.browser() else ()
    kept = (preset.settings for preset in found if preset.name == WORKING_NAME)
    panel.kept = next(kept, _PLAIN)
    panel.presets = tuple(preset for preset in found if preset.name != WORKING_NAME)
    begin_with(panel.kept, memory)
    panel.from_link = memory.settings if memory.settings != panel.kept else None
    panel.has_begun = True


def keep(parts: Services) -> None:
    """Store the settings where they changed; a fault of the store is mended at the next run.

    Those of a link take nobody's own place unless they are wanted; where there are none, a change
    shows that they are.
    """
    memory = tab()
    from_link, has_own = memory.panel.from_link, memory.panel.kept != _PLAIN
    if from_link is not None and (has_own or memory.settings == from_link):
        return
    memory.panel.from_link = None
    if memory.settings != memory.panel.kept:
        with suppress(StoreError):
            parts.store.save_preset(Preset(WORKING_NAME, memory.settings), owner=parts.owner())
            memory.panel.kept = memory.settings


def keep_link() -> None:
    """Have what came with a link stay from now on; for a callback."""
    tab().panel.from_link = None


def reset() -> None:
    """Let nothing be sent but what has to be; for a callback."""
    keep_link()
    exchange(_PLAIN, tab())


def draw_presets(parts: Services) -> None:
    """The settings with a name, and a name for the present ones."""
    presets = tab().panel.presets
    with st.expander(i18n.t("expert.presets"), type="compact", key="expert_section_presets"):
        for place, preset in enumerate(presets):
            _draw_preset(place, preset, parts)
        st.text_input(
            i18n.t("expert.preset.name"),
            key=_NAME_KEY,
            max_chars=_LONGEST_NAME,
            persist_state="session",
        )
        st.button(
            i18n.t("expert.preset.save"),
            key="expert_preset_save",
            width="stretch",
            disabled=bool(tab().panel.problems),
            on_click=_save,
            args=(parts,),
        )


def _draw_preset(place: int, preset: Preset, parts: Services) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            literal(preset.name),
            key=f"expert_preset_use_{place}",
            width="stretch",
            wrap=False,
            help=i18n.t("expert.preset.use"),
            on_click=partial(exchange, preset.settings, tab()),
        )
        st.button(
            i18n.t("expert.preset.delete"),
            key=f"expert_preset_delete_{place}",
            type="tertiary",
            icon=":material/delete:",
            on_click=_delete,
            args=(preset.name, parts),
        )


def _save(parts: Services) -> None:
    memory = tab()
    name = " ".join("".join(filter(str.isprintable, st.session_state[_NAME_KEY])).split())
    if not name:
        return
    with said_on_the_page():
        parts.store.save_preset(Preset(name, memory.settings), owner=parts.owner())
        _look_again(parts)
        st.session_state[_NAME_KEY] = ""


def _delete(name: str, parts: Services) -> None:
    with said_on_the_page():
        parts.store.delete_preset(name, owner=parts.owner())
        _look_again(parts)


def _look_again(parts: Services) -> None:
    found = parts.store.list_presets(parts.owner())
    tab().panel.presets = tuple(preset for preset in found if preset.name != WORKING_NAME)
