"""Every text of the report, in one table; keyed by the name and the code of a finding."""

from __future__ import annotations

from augenblick.doctor.findings import Finding, Grade, Mark

TITLES = {
    "models": "list of models",
    "answer": "answers",
    "stream": "streams",
    "first_token": "first token",
    "usage": "usage",
    "picture": "sees pictures",
    "picture_tokens": "picture tokens",
    "stopping": "stopping",
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
    "stream.few_chunks": "the answer came in {chunks} piece(s)",
    "stream.streams": "{chunks} pieces, spread over time",
    "stream.too_quick": "{chunks} pieces, too quick to tell whether anything held them back",
    "stream.buffered": "{chunks} pieces in {bursts} burst(s): something on the way holds them back",
    "first_token.quick": "after {seconds} s",
    "first_token.slow": "only after {seconds} s",
    "usage.told": "{prompt} prompt tokens, {completion} completion tokens",
    "usage.missing": "not told, even when asked for: no token counts and no costs",
    "picture.seen": "right: {right}",
    "picture.partly_seen": "right: {right}; wrong or not said: {wrong}",
    "picture.not_seen": "digit, colour and arrow of the test picture wrong or not said",
    "picture_tokens.grow": "{without} without a picture, {with_picture} with one",
    "picture_tokens.do_not_grow": "{without} without a picture, {with_picture} with one: "
    "the picture seems to be dropped or not counted",
    "picture_tokens.untold": "not told",
    "stopping.prompt": "connection closed {milliseconds} ms after stopping; whether the endpoint "
    "stops computing can't be seen from here",
    "stopping.slow": "connection closed only {milliseconds} ms after stopping",
    "stopping.over_before": "the answer was over before it could be stopped",
    "field.accepted": "taken",
    "field.honoured": "taken, with effect",
    "field.ignored": "taken, without effect",
    "field.refused": "refused",
    "field.no_time": "not tried, the time was over",
    "error": "{error}",
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
SECRETS_UNREADABLE = "{path} can't be read: {reason}"


def title_of(finding: Finding) -> str:
    """What a line of the report begins with."""
    return TITLES.get(finding.name, finding.name.removeprefix("field."))


def sentence_of(finding: Finding) -> str:
    """What a finding says, with the endpoint's own words where it refused."""
    room = "field" if finding.name.startswith("field.") else finding.name
    pattern = SENTENCES.get(f"{room}.{finding.code}") or SENTENCES[finding.code]
    sentence = pattern.format(**finding.params)
    detail = " ".join(str(finding.params.get("detail", "")).split())
    return DETAIL.format(sentence=sentence, detail=detail) if detail else sentence
