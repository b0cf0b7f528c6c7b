"""Every text of the report, in one table; keyed by the name and the code of a finding."""

from __future__ import annotations

from augenblick.core.model_cards import Finding, Mark
from augenblick.ops.doctor.findings import Grade

TITLES = {
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
MARKS = {
    Mark.OK: "ok",
    Mark.NOTE: "note",
    Mark.GAP: "GAP",
    Mark.FAIL: "FAIL",
    Mark.UNKNOWN: "?",
}
GRADES = {
    Grade.USABLE: "Usable.",
    Grade.GAPS: "Usable with gaps.",
    Grade.UNUSABLE: "Not usable.",
}
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
REASONS = {
    "no_time": "the time was over",
    "error": "{error}",
    "unclear": "the answer tells neither",
    "control": "without it there is no answer either ({error})",
    "same_without": "the same comes without it",
}
HEADING = "Augenblick doctor: {provider}, {base_url}"
MODEL = "model {model}"
NO_MODEL = "no model"
FOOTING = "{grade} {count} questions answered about it in {seconds} s."
FIELDS = "request fields"
DETAIL = "{sentence}: {detail}"
NOTHING_CONFIGURED = (
    "No endpoint is configured. Give --base-url, or set OPENAI_BASE_URL. The built-in reader can "
    "be examined too: start it and give its address."
)
UNKNOWN_PROVIDER = "There is no provider named {name}. There are: {names}."
NO_KEY_IN_ENVIRONMENT = "The environment variable {name} is not set."


def title_of(finding: Finding) -> str:
    """What a line of the report begins with."""
    return TITLES.get(finding.name, finding.name.removeprefix("field."))


def sentence_of(finding: Finding) -> str:
    """What a finding says, with the endpoint's own words where it refused."""
    room = "field" if finding.name.startswith("field.") else finding.name
    pattern = SENTENCES.get(f"{room}.{finding.code}") or SENTENCES[finding.code]
    sentence = pattern.format(**finding.params)
    reason = REASONS.get(str(finding.params.get("reason")), "").format(**finding.params)
    sentence = DETAIL.format(sentence=sentence, detail=reason) if reason else sentence
    detail = " ".join(str(finding.params.get("detail", "")).split())
    return DETAIL.format(sentence=sentence, detail=detail) if detail else sentence
