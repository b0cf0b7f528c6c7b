"""The answer as it grows: each part is said as soon as it is known.

Where the text itself is asked for, its lines are handed on as they are read. Where something in it
is asked for, they are no answer yet: they go out as reasoning, with the number of the line.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

from augenblick.core.language import Language
from augenblick.reader.analysis import PictureAnalysis, Progress
from augenblick.reader.answer import (
    answer,
    below_text,
    found_lines,
    overview,
    text_line,
    text_notes,
)
from augenblick.reader.chat_request import SchemaFormat
from augenblick.reader.json_answer import Unfillable, filled, plain_object
from augenblick.reader.markdown import BLOCK_END, code_span
from augenblick.reader.picture_input import Picture
from augenblick.reader.prompt import Prompt
from augenblick.reader.question import NOT_IN_THE_TEXT, Topic, may_name_a_thing, topics_of
from augenblick.reader.vision_worker import VisionWorker

Step = Progress | PictureAnalysis
_WORTH_COUNTING = 12  # lines; fewer are read before anybody wonders


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the answer; `field` is where it stands in a chunk's delta."""

    text: str
    field: Literal["content", "refusal", "reasoning_content"] = "content"
    begins_paragraph: bool = True
    is_answer: bool = True  # False: all that was seen, in place of an answer


async def generate(prompt: Prompt, worker: VisionWorker) -> AsyncIterator[Piece]:
    """The pieces of the answer, as soon as each is known."""
    if prompt.format.type != "text":
        async for piece in _json(prompt, worker):
            yield piece
        return
    separator = ""
    async for piece in _pieces(prompt, worker):
        if piece.field == "content" and piece.begins_paragraph:
            yield Piece(separator + piece.text)
            separator = "\n\n"
        else:
            yield piece


async def _json(prompt: Prompt, worker: VisionWorker) -> AsyncIterator[Piece]:
    analyses = []
    for picture in prompt.pictures:
        async for step in worker.analyze(picture, with_text=True):
            for piece in _reasoning(step, prompt.language):
                yield piece
            if isinstance(step, PictureAnalysis):
                analyses.append(step)
    try:
        if isinstance(prompt.format, SchemaFormat):
            value = filled(prompt.format.json_schema.schema_, analyses, prompt.language)
        else:
            value = plain_object(analyses, prompt.language)
    except Unfillable as error:
        fields = ", ".join(f"`{name}`" for name in error.fields)
        yield Piece(prompt.language.text("reader.refusal.fields", fields=fields), "refusal")
        return
    yield Piece(json.dumps(value, ensure_ascii=False, indent=2))


async def _pieces(prompt: Prompt, worker: VisionWorker) -> AsyncIterator[Piece]:
    language = prompt.language
    topics = topics_of(prompt.question)
    if topics == (Topic.THANKS,) or not prompt.pictures:
        is_thanked = topics == (Topic.THANKS,)
        yield Piece(language.text("reader.thanks.answer" if is_thanked else "reader.nothing.sent"))
        return
    is_text_first = not prompt.question.strip() or topics[:1] in {(Topic.TEXT,), (Topic.OBJECTS,)}
    about = _transcribed if is_text_first else _answered
    is_beyond = Topic.OBJECTS in topics
    regions = zip(prompt.pictures, prompt.regions, strict=True)
    for number, (picture, region) in enumerate(regions, start=1):
        if region:
            yield Piece(language.text("reader.caption.region", number=region))
        elif (count := len(prompt.pictures)) > 1:
            yield Piece(language.text("reader.caption.several", number=number, of=count))
        async for piece in about(prompt, topics, picture, worker):
            is_beyond |= not piece.is_answer
            yield piece
    if is_beyond:
        yield Piece(language.text("reader.limits.note"))


async def _transcribed(
    prompt: Prompt, topics: Sequence[Topic], picture: Picture, worker: VisionWorker
) -> AsyncIterator[Piece]:
    """What it shows, its text line by line, then what else is said about it."""
    named = []
    if not topics or Topic.OBJECTS in topics:
        named = await _named(prompt, picture, worker)
    for piece in named:
        yield piece
    count = 0
    async for step in worker.analyze(picture, with_text=True):
        if isinstance(step, Progress) and not step.read:
            for piece in _reasoning(step, prompt.language):
                yield piece
        for line in step.lines[count:] if isinstance(step, PictureAnalysis) else step.lines:
            yield Piece(text_line(line, is_first=not count), begins_paragraph=not count)
            count += 1
        if isinstance(step, PictureAnalysis):
            if count:
                yield Piece(BLOCK_END, begins_paragraph=False)
            for paragraph in _below_text(prompt, topics, step, is_named=bool(named)):
                yield Piece(paragraph, is_answer=bool(topics or step.lines or step.codes))


def _below_text(
    prompt: Prompt, topics: Sequence[Topic], analysis: PictureAnalysis, *, is_named: bool
) -> list[str]:
    """What follows the text where that comes first: the rest of the overview, the other topics."""
    if topics[:1] == (Topic.TEXT,):
        below = text_notes(analysis, prompt.language)
    else:
        below = below_text(analysis, prompt.language, is_named=is_named)
    rest = [topic for topic in topics[1:] if topic is not Topic.OBJECTS]
    return below + answer(rest, analysis, prompt.question, prompt.language)


async def _answered(
    prompt: Prompt, topics: Sequence[Topic], picture: Picture, worker: VisionWorker
) -> AsyncIterator[Piece]:
    """How far reading has come, then what is said about the picture."""
    with_text = not topics or not NOT_IN_THE_TEXT.issuperset(topics)
    async for step in worker.analyze(picture, with_text=with_text):
        for piece in _reasoning(step, prompt.language):
            yield piece
        if isinstance(step, PictureAnalysis):
            said = answer(topics, step, prompt.question, prompt.language)
            said = said or found_lines(step, prompt.question, prompt.language)
            named = [] if said else await _named(prompt, picture, worker)
            for piece in named:
                yield piece
            for paragraph in said or overview(step, prompt.language, is_named=bool(named)):
                yield Piece(paragraph, is_answer=bool(said))


async def _named(prompt: Prompt, picture: Picture, worker: VisionWorker) -> list[Piece]:
    """What the picture shows, if that is nearly sure and may be what is asked."""
    if not may_name_a_thing(prompt.question) or not (key := await worker.thing_in(picture)):
        return []
    thing = prompt.language.text(f"reader.thing.{key}")
    return [Piece(prompt.language.text("reader.recognised.thing", thing=thing), is_answer=False)]


def _reasoning(step: Step, language: Language) -> list[Piece]:
    """How far reading has come, for whoever waits for something in the text."""
    if isinstance(step, PictureAnalysis) or step.of < _WORTH_COUNTING:
        return []
    if not step.read:
        said = [language.text("reader.progress.found", count=step.of)]
    else:
        place = language.text("reader.progress.line", number=step.read, of=step.of)
        said = [f"{place} {code_span(line.text)}" for line in step.lines] or [place]
    return [Piece(f"{each}\n\n", "reasoning_content") for each in said]
