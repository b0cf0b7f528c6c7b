"""What a model costs, if somebody wrote it down."""

from __future__ import annotations

from augenblick.core.errors import ConfigurationError
from augenblick.core.providers import Price
from augenblick.ui.resources import Services


def price_of(parts: Services, provider: str, model: str) -> Price | None:
    """The price of a model at an endpoint; None also where it is configured no longer."""
    try:
        found = [each for each in parts.providers() if each.name == provider]
    except ConfigurationError:
        return None
    return found[0].price_of(model) if found else None
