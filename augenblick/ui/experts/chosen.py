"""With which request settings this tab asks."""

from __future__ import annotations

from dataclasses import replace

from augenblick.settings import RequestSettings
from augenblick.ui.state import tab


def chosen_settings(model: str) -> RequestSettings:
    """What the panel says while it is switched on; else the model alone."""
    memory = tab()
    return replace(memory.settings, model=model) if memory.is_expert else RequestSettings(model)
