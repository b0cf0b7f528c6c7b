"""What an examination found, as values: findings, the report and its grade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Param = str | int | float


class Mark(StrEnum):
    """How good a finding is."""

    OK = "ok"
    NOTE = "note"  # nothing is missing, but one should know it
    GAP = "gap"  # something the app offers will not work
    FAIL = "fail"  # the app can't work
    UNKNOWN = "unknown"  # could not be found out


class Grade(StrEnum):
    """The endpoint as a whole."""

    USABLE = "usable"
    GAPS = "usable with gaps"
    UNUSABLE = "not usable"

    @property
    def exit_code(self) -> int:
        """What the command ends with: 0, 1 or 2."""
        return list(Grade).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found out. `name` and `code` are the keys of its sentence, `params` fill it."""

    name: str
    mark: Mark
    code: str
    params: Mapping[str, Param] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """An examination. `seconds` is how long it took."""

    provider: str
    base_url: str
    model: str
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def grade(self) -> Grade:
        """A failure makes it unusable; a gap or an open question is a gap."""
        marks = {finding.mark for finding in self.findings}
        if Mark.FAIL in marks:
            return Grade.UNUSABLE
        return Grade.GAPS if marks & {Mark.GAP, Mark.UNKNOWN} else Grade.USABLE

    def finding(self, name: str) -> Finding:
        """The finding of that name. Raises KeyError where there is none."""
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(name)
