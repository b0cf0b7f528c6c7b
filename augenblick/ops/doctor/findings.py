"""What an examination found, as values: the report and its grade."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from augenblick.core.errors import AugenblickError, Failure, Param
from augenblick.core.model_cards import Finding, Mark


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

    @property
    def is_failed(self) -> bool:
        """Whether it tells nothing: no answer came, or later none to any question about a field."""
        fields = self._fields()
        is_away = all(each.params.get("reason") in {"error", "control"} for each in fields)
        return self.grade is Grade.UNUSABLE or (bool(fields) and is_away)

    @property
    def failure(self) -> Failure | None:
        """Why it tells nothing; None where the endpoint answered with nothing."""
        answers = [each for each in self.findings if each.name == "answer"]
        for finding in (*answers, *self._fields()):
            if "error" in finding.params:
                params = dict(finding.params)
                code, detail = str(params.pop("error")), str(params.pop("detail", ""))
                return Failure(code, params, detail)
        return None

    def _fields(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.name.startswith("field."))


def told(error: AugenblickError) -> dict[str, Param]:
    """An error among the params of a finding."""
    return {**error.params, "error": error.code, "detail": error.detail}
