"""With which request settings this tab asks."""

from __future__ import annotations

from dataclasses import replace

from augenblick.core.errors import SettingsInvalid
from augenblick.core.settings import RequestSettings
from augenblick.ui.experts.setting_entries import take_over
from augenblick.ui.tab_state import tab


def chosen_settings(model: str) -> RequestSettings:
    """What the panel says while it is switched on, as far as it can be sent; else the model alone.

    For drawing; whoever asks takes `sendable_settings`.
    """
    memory = tab()
    return replace(memory.settings, model=model) if memory.is_expert else RequestSettings(model)


def sendable_settings(model: str) -> RequestSettings:
    """What is to be asked with, as it stands in the panel at this moment.

    Raises SettingsInvalid where something stands there that can't be sent: leaving it out without
    a word would be another request than the one that was made up.
    """
    memory = tab()
    if memory.is_expert:
        take_over(memory)
        for problem in memory.panel.problems.values():
            raise SettingsInvalid.of(problem.code, problem.detail, **problem.params)
    return chosen_settings(model)
