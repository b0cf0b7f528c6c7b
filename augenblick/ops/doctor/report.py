"""A report as text for a terminal and as JSON for a script."""

from __future__ import annotations

import json
import shutil
import textwrap
from dataclasses import asdict

from augenblick.core.model_cards import Finding
from augenblick.ops.doctor import verdict_texts
from augenblick.ops.doctor.findings import Report

_MARK_WIDTH = 6
_TITLE_WIDTH = 30


def as_text(report: Report, *, width: int | None = None) -> str:
    """One line per finding, wrapped to `width` columns (the terminal's by default)."""
    width = width or shutil.get_terminal_size((100, 24)).columns
    lines = [
        verdict_texts.HEADING.format(provider=report.provider, base_url=report.base_url),
        verdict_texts.MODEL.format(model=report.model) if report.model else verdict_texts.NO_MODEL,
        "",
    ]
    fields = [finding for finding in report.findings if finding.name.startswith("field.")]
    lines += [_line(finding, width) for finding in report.findings if finding not in fields]
    if fields:
        lines += ["", verdict_texts.FIELDS]
        lines += [_line(finding, width) for finding in fields]
    footing = verdict_texts.FOOTING.format(
        grade=verdict_texts.GRADES[report.grade], count=len(report.findings), seconds=report.seconds
    )
    return "\n".join([*lines, "", footing])


def as_json(report: Report) -> str:
    """The report as one JSON object; `exit_code` is what the command ends with."""
    return json.dumps(
        {
            "provider": report.provider,
            "base_url": report.base_url,
            "model": report.model,
            "grade": report.grade.value,
            "exit_code": report.grade.exit_code,
            "seconds": report.seconds,
            "findings": [
                {**asdict(finding), "sentence": verdict_texts.sentence_of(finding)}
                for finding in report.findings
            ],
        },
        ensure_ascii=False,
        indent=2,
    )


def _line(finding: Finding, width: int) -> str:
    mark = verdict_texts.MARKS[finding.mark]
    start = f"  {mark:<{_MARK_WIDTH}}{verdict_texts.title_of(finding):<{_TITLE_WIDTH}}"
    return "\n".join(
        textwrap.wrap(
            verdict_texts.sentence_of(finding),
            max(width, len(start) + 20),
            initial_indent=start,
            subsequent_indent=" " * len(start),
        )
    )
