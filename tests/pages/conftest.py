"""Pages as scripts have no browser behind them, so the tests say which one it is."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from streamlit.components.v2 import manifest_scanner

from augenblick.ui.resources import Services


@dataclass
class Visitor:
    """Whose cookie comes with a run; "" for a browser that keeps none."""

    browser_id: str = "our-browser"


@pytest.fixture(scope="session", autouse=True)
def _one_look_for_components() -> Iterator[None]:
    """Every page under test would read all installed packages' descriptions: half of its time."""
    with pytest.MonkeyPatch.context() as patch:
        scan = manifest_scanner.scan_component_manifests
        patch.setattr(manifest_scanner, "scan_component_manifests", functools.cache(scan))
        yield


@pytest.fixture(autouse=True)
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """The browser in front of the page; a test may change it."""
    seen = Visitor()
    monkeypatch.setattr(Services, "browser", lambda _services: seen.browser_id)
    return seen
