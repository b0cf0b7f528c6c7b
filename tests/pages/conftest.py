"""Pages as scripts have no browser behind them, so the tests say which one it is."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from augenblick.ui.resources import Services


@dataclass
class Visitor:
    """Whose cookie comes with a run; "" for a browser that keeps none."""

    browser_id: str = "our-browser"


@pytest.fixture(autouse=True)
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """The browser in front of the page; a test may change it."""
    seen = Visitor()
    monkeypatch.setattr(Services, "browser", lambda _services: seen.browser_id)
    return seen
