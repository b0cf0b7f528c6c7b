"""What the panel remembers of one tab, besides the settings themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from augenblick.core.errors import SettingsInvalid
from augenblick.core.settings import RequestSettings
from augenblick.store.store_values import Preset


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
    from_link: RequestSettings | None = None  # other settings than those of the last visit
    clearing: tuple[SettingsInvalid, ...] = ()  # of these, what is still to be taken out
    without_effect: Mapping[str, str] = field(default_factory=dict)  # fields, and why they are grey
    round: int = 0
