"""What the panel remembers of one tab, besides the settings themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

from augenblick.errors import SettingsInvalid
from augenblick.settings import RequestSettings
from augenblick.store import Preset

BiasRow = tuple[str, float | None]  # token id and bias, as far as they are typed


@dataclass(slots=True)
class PanelMemory:
    """`has_begun` says that the settings of the last visit were looked for.

    `problems` name what stands in a field and can't be sent; `round` counts how often all settings
    were exchanged at once, so that a section whose widgets start from the settings starts anew.
    """

    has_begun: bool = False
    kept: RequestSettings = field(default_factory=lambda: RequestSettings(""))  # as last stored
    presets: tuple[Preset, ...] = ()  # with a name
    typed: dict[str, str | None] = field(default_factory=dict)  # by the key of the widget
    problems: dict[str, SettingsInvalid] = field(default_factory=dict)  # by field
    ignored: tuple[SettingsInvalid, ...] = ()  # what the address asked for in vain
    clearing: tuple[SettingsInvalid, ...] = ()  # of these, what is still to be taken out
    round: int = 0
    bias_rows: tuple[BiasRow, ...] | None = None  # as typed; None: as in the settings
    bias_base: tuple[BiasRow, ...] | None = None  # what the open table started from
    bias_round: int = 0
    paste_problem: SettingsInvalid | None = None
