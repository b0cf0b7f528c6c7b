"""Switches among the environment variables."""

from __future__ import annotations

from collections.abc import Mapping

EVIDENCE_SWITCH = "AUGENBLICK_EVIDENCE"  # whether answers are looked up in their pictures
_ON = {"1", "true", "on", "yes"}
_OFF = {"0", "false", "off", "no", "none"}


def is_yes(text: str) -> bool:
    """Whether a value turns on what is off without it."""
    return text.strip().lower() in _ON


def is_switched_off(environ: Mapping[str, str], name: str) -> bool:
    """Whether a variable turns off what is on without it."""
    return environ.get(name, "").strip().lower() in _OFF
