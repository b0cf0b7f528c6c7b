"""What is known of a model at an endpoint: findings of a check, and whether it sees pictures.

The doctor makes findings, the store keeps them, the page goes by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from augenblick.core.errors import Param


class Mark(StrEnum):
    """How good a finding is."""

    OK = "ok"
    NOTE = "note"  # nothing is missing, but one should know it
    GAP = "gap"  # something the app offers will not work
    FAIL = "fail"  # the app can't work
    UNKNOWN = "unknown"  # could not be found out


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found out. `name` and `code` are the keys of its sentence, `params` fill it."""

    name: str
    mark: Mark
    code: str
    params: Mapping[str, Param] = field(default_factory=dict)


class NoEffect(StrEnum):
    """Why a request field does nothing."""

    IGNORED = "ignored"
    REFUSED = "refused"


_FIELD: Final = "field."  # begins the name of a finding about a request field
# By the name on the wire, the setting; not those that the app gets by another way where an endpoint
# does not give them: several answers (`n`) and the form of an answer (`response_format`).
_SETTINGS: Final = {
    **{
        name: name
        for name in (
            "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "logit_bias",
            "max_tokens", "stop", "user", "tools", "tool_choice",
        )
    },
    "stream_options": "include_usage",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model at an endpoint; None and empty where nothing was found out.

    `sees` may be newer than the findings, for a model is tried with a picture beside answers too.
    """

    sees: bool | None = None
    sees_at: datetime | None = None  # when that was found out; None also where nobody wrote it down
    findings: tuple[Finding, ...] = ()
    checked_at: datetime | None = None

    def finding(self, name: str) -> Finding | None:
        """The finding of that name."""
        return next((finding for finding in self.findings if finding.name == name), None)

    def fields(self, effect: NoEffect) -> tuple[str, ...]:
        """The request fields that the endpoint ignores, or refuses, by their names on the wire."""
        return tuple(
            finding.name.removeprefix(_FIELD)
            for finding in self.findings
            if finding.name.startswith(_FIELD) and _no_effect(finding) is effect
        )

    def without_effect(self) -> Mapping[str, NoEffect]:
        """The settings (`RequestSettings`) that do nothing, and why.

        A field whose effect can't be seen from outside is not among them unless it is refused.
        """
        found = {name: effect for effect in NoEffect for name in self.fields(effect)}
        if "tool_choice" not in found:
            found.pop("tools", None)  # a model that had to call one did
        stream = self.finding("stream")
        settings = {_SETTINGS[name]: why for name, why in found.items() if name in _SETTINGS}
        is_whole = stream is not None and stream.code == "at_once"
        return {**settings, "stream": NoEffect.IGNORED} if is_whole else settings


def _no_effect(finding: Finding) -> NoEffect | None:
    """Where a refused field works under another name, only a note is made of it."""
    if finding.code == "refused" and finding.mark is Mark.GAP:
        return NoEffect.REFUSED
    if finding.code == "no_effect_seen" and finding.mark is not Mark.OK:
        return NoEffect.IGNORED
    return None
