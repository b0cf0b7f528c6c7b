"""A report as text for a terminal and as JSON for a script, and every sentence in it."""

from __future__ import annotations

import json
import shutil
import textwrap
from dataclasses import asdict

from augenblick.core.model_cards import Finding, Mark
from augenblick.ops.doctor.findings import Grade, Report

_MARK_WIDTH = 6
_TITLE_WIDTH = 30
_TITLES = {
    "models": "list of models",
    "answer": "answers",
    "stream": "streams",
    "first_token": "first token",
    "speed": "speed",
    "usage": "usage",
    "picture": "sees pictures",
    "picture_tokens": "picture tokens",
    "stopping": "stopping",
    "spent": "this examination",
}
_MARKS = {
    Mark.OK: "ok",
    Mark.NOTE: "note",
    Mark.GAP: "GAP",
    Mark.FAIL: "FAIL",
    Mark.UNKNOWN: "?",
}
_GRADES = {
    Grade.USABLE: "Usable.",
    Grade.GAPS: "Usable with gaps.",
    Grade.UNUSABLE: "Not usable.",
}
# By the name and the code of a finding; a code alone where the name adds nothing.
SENTENCES = {
    "models.listed": "GET /models names {count}",
    "models.unlisted": "GET /models names {count}, not this one",
    "answer.no_model": "no model to ask; name one with --model",
    "answer.empty": "the answer was empty (end: {end})",
    "answer.complete": "a whole answer in {seconds} s",
    "answer.ended": "an answer that ended early (end: {end})",
    "stream.at_once": "asked to stream, it sent one JSON body",
    "answer.unfinished": "it answers; after {seconds} s the answer was not at its end",
    "stream.untold": "could not be told: the answer did not come to its end",
    "stream.few_chunks": "the answer came in {chunks} piece(s)",
    "stream.streams": "{chunks} pieces, spread over time",
    "stream.too_quick": "{chunks} pieces, too quick to tell whether anything held them back",
    "stream.buffered": "{chunks} pieces in {bursts} burst(s): the answer is held back, "
    "there or on the way",
    "first_token.quick": "after {seconds} s",
    "first_token.slow": "only after {seconds} s",
    "speed.measured": "{tokens} tokens a second",
    "speed.untold": "could not be told: no token counts, or not streamed",
    "usage.told": "{prompt} prompt tokens, {completion} completion tokens",
    "usage.missing": "not told, even when asked for: no token counts and no costs",
    "usage.untold": "could not be told: the answer did not come to its end",
    "picture.seen": "right: {right}",
    "picture.partly_seen": "right: {right}; wrong or not said: {wrong}",
    "picture.not_seen": "digit, colour and arrow of the test picture wrong or not said",
    "picture.untold": "could not be told: no whole answer within {seconds} s",
    "picture_tokens.grow": "{without} without a picture, {with_picture} with one",
    "picture_tokens.do_not_grow": "{without} without a picture, {with_picture} with one: "
    "the picture seems to be dropped or not counted",
    "picture_tokens.untold": "not told",
    "stopping.prompt": "connection closed {milliseconds} ms after stopping; whether the endpoint "
    "stops computing can't be seen from here",
    "stopping.slow": "connection closed only {milliseconds} ms after stopping",
    "stopping.over_before": "the answer was over before it could be stopped",
    "spent.counted": "{requests} requests, about {prompt} tokens in and {completion} out",
    "field.effect_seen": "effect seen",
    "field.no_effect_seen": "taken, no effect seen",
    "field.refused": "refused",
    "field.untold": "could not be told",
    "error": "{error}",
}
_REASONS = {
    "no_time": "the time was over",
    "error": "{error}",
    "unclear": "the answer tells neither",
    "control": "without it there is no answer either ({error})",
    "same_without": "the same comes without it",
}


def as_text(report: Report, *, width: int | None = None) -> str:
    """One line per finding, wrapped to `width` columns (the terminal's by default)."""
    width = width or shutil.get_terminal_size((100, 24)).columns
    lines = [
        f"Augenblick doctor: {report.provider}, {report.base_url}",
        f"model {report.model}" if report.model else "no model",
        "",
    ]
    fields = [finding for finding in report.findings if finding.name.startswith("field.")]
    lines += [_line(finding, width) for finding in report.findings if finding not in fields]
    if fields:
        lines += ["", "request fields"]
        lines += [_line(finding, width) for finding in fields]
    grade, count = _GRADES[report.grade], len(report.findings)
    footing = f"{grade} {count} questions answered about it in {report.seconds} s."
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
                {**asdict(finding), "sentence": sentence_of(finding)} for finding in report.findings
            ],
        },
        ensure_ascii=False,
        indent=2,
    )


def _line(finding: Finding, width: int) -> str:
    mark = _MARKS[finding.mark]
    start = f"  {mark:<{_MARK_WIDTH}}{_title_of(finding):<{_TITLE_WIDTH}}"
    return "\n".join(
        textwrap.wrap(
            sentence_of(finding),
            max(width, len(start) + 20),
            initial_indent=start,
            subsequent_indent=" " * len(start),
        )
    )


def _title_of(finding: Finding) -> str:
    """What a line of the report begins with."""
    return _TITLES.get(finding.name, finding.name.removeprefix("field."))


def sentence_of(finding: Finding) -> str:
    """What a finding says, with the endpoint's own words where it refused."""
    room = "field" if finding.name.startswith("field.") else finding.name
    pattern = SENTENCES.get(f"{room}.{finding.code}") or SENTENCES[finding.code]
    sentence = pattern.format(**finding.params)
    reason = _REASONS.get(str(finding.params.get("reason")), "").format(**finding.params)
    sentence = f"{sentence}: {reason}" if reason else sentence
    detail = " ".join(str(finding.params.get("detail", "")).split())
    return f"{sentence}: {detail}" if detail else sentence
