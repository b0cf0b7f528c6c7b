"""The address that stands in a link for others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from augenblick.ui.link_for_others import origin_for_others

_LOOPBACK = ["localhost", "127.0.0.1", "::1"]


@pytest.mark.parametrize(
    ("page", "hosts", "expected"),
    [
        ("https://bilder.example/my-data?c=1", ["bilder.example"], "https://bilder.example"),
        ("http://192.168.1.5:8501/", [*_LOOPBACK, "192.168.1.5"], "http://192.168.1.5:8501"),
        ("http://localhost:8501/", [*_LOOPBACK, "192.168.1.5"], "http://192.168.1.5:8501"),
        ("http://127.0.0.1:8501/", ["*.example.com", "pc.local"], "http://pc.local:8501"),
        ("http://localhost:8501/", _LOOPBACK, "http://localhost:8501"),
        ("http://localhost:8501/", [], "http://localhost:8501"),
    ],
)
def test_a_link_names_the_server_as_others_reach_it(
    page: str, hosts: Sequence[str], expected: str
) -> None:
    """Whoever sits at the server itself still gets a link that a phone can open."""
    assert origin_for_others(page, hosts) == expected
