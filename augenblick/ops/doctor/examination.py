"""The examination: which questions are asked, in which order, and what their answers mean."""

from __future__ import annotations

import random
import re
import time
from itertools import pairwise

from augenblick.core.errors import AugenblickError, TimedOut
from augenblick.core.messages import ReplyEnd, Timings, Usage
from augenblick.core.model_cards import Finding, Mark
from augenblick.core.providers import Provider
from augenblick.core.settings import RequestSettings
from augenblick.lab.estimates import tokens_per_second
from augenblick.ops.doctor.field_checks import examine_fields
from augenblick.ops.doctor.findings import Report, told
from augenblick.ops.doctor.probe_pictures import COLOURS, DIRECTIONS, TestPicture, draw_test_picture
from augenblick.ops.doctor.probes import Examinee, Observation, as_payload, is_refusal
from augenblick.store.store_values import Figures

_COUNT = "Count from 1 to 20 in words, separated by commas. Write nothing else."
_COUNT_FURTHER = "Count from 1 to 100 in words, separated by commas. Write nothing else."
_COUNT_FAR = "Count from 1 to 500 in words, separated by commas. Write nothing else."
_LOOK = (
    "The picture shows one digit on a coloured ground and an arrow below it. Answer in exactly "
    "this form and in English: digit=<0-9>, colour=<red|green|blue|yellow>, "
    "arrow=<up|right|down|left>"
)
_BURST_GAP_SECONDS = 0.01
_BURST_SECONDS = 0.02
_BURST_SECONDS_A_CHUNK = 0.0003  # reading one takes us a third of it
_BURST_CHUNKS = 8
_BURST_SIZE = 12  # so many pieces at a time are no stream, however many times
_SHARE = 0.5  # of the time that is left may an answer take that others hang on
_SLOW_FIRST_TOKEN_SECONDS = 5.0
_PROMPT_STOP_SECONDS = 0.5
_DIGIT_WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "nine": 9,
}  # fmt: skip


def examine(
    provider: Provider,
    *,
    model: str = "",
    within_seconds: float = 55.0,
    chance: random.Random | None = None,
) -> Report:
    """Examine an endpoint; always comes back, about `within_seconds` later at the latest.

    An empty `model` takes the provider's first, or the first that the endpoint lists. `chance`
    decides what the test picture shows.
    """
    began = time.monotonic()
    examinee = Examinee(provider, ends_at=began + within_seconds)
    listing, names = _examine_models(examinee, wanted=model)
    chosen = model or next(iter((*provider.models, *names)), "")
    findings = [listing]
    if chosen:
        findings += _examine_model(examinee, chosen, chance or random.Random())
    else:
        findings.append(Finding("answer", Mark.FAIL, "no_model"))
    findings.append(Finding("spent", Mark.OK, "counted", examinee.spent()))
    seconds = round(time.monotonic() - began, 1)
    return Report(provider.label, provider.base_url, chosen, tuple(findings), seconds)


def _examine_models(examinee: Examinee, *, wanted: str) -> tuple[Finding, tuple[str, ...]]:
    try:
        names = examinee.list_models()
    except AugenblickError as error:
        return _failed("models", Mark.GAP, error), ()
    if wanted and wanted not in names:
        return Finding("models", Mark.NOTE, "unlisted", {"count": len(names)}), names
    return Finding("models", Mark.OK, "listed", {"count": len(names)}), names


def _examine_model(examinee: Examinee, model: str, chance: random.Random) -> list[Finding]:
    """Everything that needs answers; stops after the first question if that one fails."""
    seconds = examinee.seconds_left * _SHARE
    counted = examinee.ask(as_payload(RequestSettings(model), _COUNT), within_seconds=seconds)
    if is_refusal(counted.error) and not counted.text:
        plain = RequestSettings(model, include_usage=False)
        counted = examinee.ask(as_payload(plain, _COUNT), within_seconds=seconds)
    answer = _judge_answer(counted)
    if answer.mark is Mark.FAIL:
        return [answer]
    stream = _judge_stream(counted)
    if stream.code == "buffered":  # or quick after a long thought: then more takes longer
        further = as_payload(RequestSettings(model), _COUNT_FURTHER)
        stream = _judge_stream(examinee.ask(further))
    findings = [answer, stream, _judge_first_token(counted), _judge_speed(counted)]
    findings.append(_judge_usage(counted))
    findings += _examine_picture(examinee, model, chance)
    findings.append(_examine_stopping(examinee, model))
    return [*findings, *examine_fields(examinee, model)]


def _judge_answer(counted: Observation) -> Finding:
    if not counted.text:
        if counted.error is not None:
            return _failed("answer", Mark.FAIL, counted.error)
        return Finding("answer", Mark.FAIL, "empty", {"end": counted.end.value})
    if counted.end is ReplyEnd.COMPLETE:
        return Finding("answer", Mark.OK, "complete", {"seconds": round(counted.seconds, 2)})
    if isinstance(counted.error, TimedOut):
        return Finding("answer", Mark.UNKNOWN, "unfinished", {"seconds": round(counted.seconds)})
    if counted.error is not None:
        return _failed("answer", Mark.GAP, counted.error)
    return Finding("answer", Mark.GAP, "ended", {"end": counted.end.value})


def _judge_stream(counted: Observation) -> Finding:
    """Whether the answer came as it was made, or was held back somewhere on the way."""
    arrivals = counted.arrivals_seconds
    count = len(arrivals)
    params = {"chunks": count}
    if not counted.was_streamed or count < 2:  # noqa: PLR2004 - one piece is no stream
        if not counted.is_whole:
            return Finding("stream", Mark.UNKNOWN, "untold")
        code = "few_chunks" if counted.was_streamed else "at_once"
        return Finding("stream", Mark.GAP, code, params)
    gaps = [after - before for before, after in pairwise(arrivals)]
    bursts = 1 + sum(gap > _BURST_GAP_SECONDS for gap in gaps)
    within_bursts = sum(gap for gap in gaps if gap <= _BURST_GAP_SECONDS)
    if count < _BURST_CHUNKS:
        return Finding("stream", Mark.OK if bursts > 1 else Mark.NOTE, "few_chunks", params)
    is_spread = within_bursts > max(_BURST_SECONDS, count * _BURST_SECONDS_A_CHUNK)
    if is_spread or bursts > max(2, count / _BURST_SIZE):
        return Finding("stream", Mark.OK, "streams", params)
    if arrivals[0] < _BURST_SECONDS * 5:
        return Finding("stream", Mark.OK, "too_quick", params)
    return Finding("stream", Mark.GAP, "buffered", {**params, "bursts": bursts})


def _judge_first_token(counted: Observation) -> Finding:
    seconds = counted.first_token_seconds or counted.seconds
    params = {"seconds": round(seconds, 2)}
    if seconds > _SLOW_FIRST_TOKEN_SECONDS:
        return Finding("first_token", Mark.NOTE, "slow", params)
    return Finding("first_token", Mark.OK, "quick", params)


def _judge_speed(counted: Observation) -> Finding:
    """How fast the answer was written once it had begun."""
    timings = Timings(
        first_token_seconds=counted.first_token_seconds, total_seconds=counted.seconds
    )
    tokens = counted.usage or Usage()
    speed = tokens_per_second(Figures(tokens, timings)) if counted.was_streamed else None
    if speed is None:
        return Finding("speed", Mark.NOTE, "untold")
    return Finding("speed", Mark.OK, "measured", {"tokens": round(speed, 1)})


def _judge_usage(counted: Observation) -> Finding:
    usage = counted.usage
    if usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        if not counted.is_whole:
            return Finding("usage", Mark.UNKNOWN, "untold")
        return Finding("usage", Mark.GAP, "missing")
    params = {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens}
    return Finding("usage", Mark.OK, "told", params)


def _examine_picture(examinee: Examinee, model: str, chance: random.Random) -> list[Finding]:
    picture = draw_test_picture(chance)
    settings = RequestSettings(model)
    seconds = examinee.seconds_left * _SHARE
    looked = examinee.ask(as_payload(settings, _LOOK, picture), within_seconds=seconds)
    if isinstance(looked.error, TimedOut):
        return [Finding("picture", Mark.UNKNOWN, "untold", {"seconds": round(looked.seconds)})]
    if looked.error is not None:
        mark = Mark.GAP if is_refusal(looked.error) else Mark.UNKNOWN
        return [_failed("picture", mark, looked.error)]
    blind = examinee.ask(as_payload(settings, _LOOK))
    return [_judge_picture(looked.text, picture), _judge_picture_tokens(looked, blind)]


def _judge_picture(text: str, picture: TestPicture) -> Finding:
    said = {
        "digit": _said_digit(text) == picture.digit,
        "colour": _said_word(text, tuple(COLOURS)) == picture.colour,
        "arrow": _said_word(text, DIRECTIONS) == picture.direction,
    }
    right = ", ".join(name for name, is_right in said.items() if is_right)
    wrong = ", ".join(name for name, is_right in said.items() if not is_right)
    params = {"right": right, "wrong": wrong}
    if not wrong:
        return Finding("picture", Mark.OK, "seen", params)
    return Finding("picture", Mark.GAP, "partly_seen" if right else "not_seen", params)


def _said_digit(text: str) -> int | None:
    """The digit of an answer, None where none or several are named."""
    named = {int(digit) for digit in re.findall(r"(?<!\d)\d(?!\d)", text)}
    words = re.findall(r"[a-z]+", text.lower())
    named |= {_DIGIT_WORDS[word] for word in words if word in _DIGIT_WORDS}
    return named.pop() if len(named) == 1 else None


def _said_word(text: str, words: tuple[str, ...]) -> str | None:
    """The one of the words that an answer names, None where none or several are named."""
    named = [word for word in words if re.search(rf"\b{word}\b", text, re.IGNORECASE)]
    return named[0] if len(named) == 1 else None


def _judge_picture_tokens(looked: Observation, blind: Observation) -> Finding:
    name = "picture_tokens"
    with_picture = looked.usage.prompt_tokens if looked.usage else None
    without = blind.usage.prompt_tokens if blind.usage else None
    if with_picture is None or without is None:
        return Finding(name, Mark.UNKNOWN if blind.error else Mark.GAP, "untold")
    params = {"with_picture": with_picture, "without": without, "more": with_picture - without}
    if with_picture > without:
        return Finding(name, Mark.OK, "grow", params)
    return Finding(name, Mark.GAP, "do_not_grow", params)


def _examine_stopping(examinee: Examinee, model: str) -> Finding:
    stop = examinee.stop_early(as_payload(RequestSettings(model), _COUNT_FAR))
    if stop.error is not None:
        return _failed("stopping", Mark.UNKNOWN, stop.error)
    if not stop.was_under_way:
        return Finding("stopping", Mark.NOTE, "over_before")
    params = {"milliseconds": round(stop.seconds_to_free * 1000, 1)}
    if stop.seconds_to_free <= _PROMPT_STOP_SECONDS:
        return Finding("stopping", Mark.OK, "prompt", params)
    return Finding("stopping", Mark.GAP, "slow", params)


def _failed(name: str, mark: Mark, error: AugenblickError) -> Finding:
    return Finding(name, mark, "error", told(error))
