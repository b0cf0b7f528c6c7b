"""The answer as it grows: what is known at once is said before a picture has been read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from augenblick.reader.answer import answer, caption, found_lines, overview
from augenblick.reader.fields import ChatRequest
from augenblick.reader.formats import Format
from augenblick.reader.pictures import Picture
from augenblick.reader.question import Topic, is_about_all, topics_of
from augenblick.reader.seeing import Sighting
from augenblick.reader.shaped import Unfillable, filled, plain_object
from augenblick.reader.tokens import TOKENS_PER_MESSAGE, count_tokens, picture_tokens
from augenblick.reader.turns import Turn
from augenblick.reader.words import LANGUAGES, Words, language_of

Look = Callable[[Picture], Awaitable[Sighting]]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of the answer."""

    text: str
    is_refusal: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """What one answer needs: the question, the pictures it is about, and the language."""

    question: str
    pictures: tuple[Picture, ...]
    words: Words
    format: Format
    are_new: bool  # the pictures came with this question
    limits_said: bool  # the conversation already says what the reader can't do
    prompt_tokens: int


def understand(
    request: ChatRequest, pictures: Sequence[Sequence[Picture]], *, accepted: str
) -> Ask:
    """The question of a request; `pictures` are those of each message."""
    asked = [index for index, turn in enumerate(request.turns) if turn.role == "user"]
    last = asked[-1] if asked else len(request.turns) - 1
    question = request.turns[last].text
    chosen = _chosen(pictures, last, is_about_all=is_about_all(question))
    texts = [request.turns[index].text for index in reversed(asked)]
    return Ask(
        question=question,
        pictures=chosen,
        words=Words(language_of(texts, accepted=accepted)),
        format=request.format,
        are_new=bool(pictures[last]),
        limits_said=_limits_said(request.turns),
        prompt_tokens=_prompt_tokens(request.turns, pictures),
    )


def _chosen(
    pictures: Sequence[Sequence[Picture]], last: int, *, is_about_all: bool
) -> tuple[Picture, ...]:
    """The newest message's pictures, or those of the conversation if the question is about all.

    Several pictures that come with the question are all that is meant.
    """
    if is_about_all and len(pictures[last]) <= 1:
        return tuple(dict.fromkeys(picture for sent in pictures for picture in sent))
    newest = (sent for sent in reversed(pictures[: last + 1]) if sent)
    return tuple(next(newest, ()))


def _limits_said(turns: Sequence[Turn]) -> bool:
    notes = [Words(language)("reader.limits.note") for language in LANGUAGES]
    said = [turn.text for turn in turns if turn.role == "assistant"]
    return any(note in text for note in notes for text in said)


def _prompt_tokens(turns: Sequence[Turn], pictures: Sequence[Sequence[Picture]]) -> int:
    words = sum(TOKENS_PER_MESSAGE + count_tokens(turn.text) for turn in turns)
    return words + sum(
        picture_tokens(picture.width_px, picture.height_px, detail=picture.detail)
        for sent in pictures
        for picture in sent
    )


async def speak(ask: Ask, look: Look) -> AsyncIterator[Spoken]:
    """The pieces of the answer, as soon as each is known."""
    if ask.format.kind != "text":
        yield await _shaped(ask, look)
        return
    separator = ""
    async for paragraph in _paragraphs(ask, look):
        yield Spoken(separator + paragraph)
        separator = "\n\n"


async def _shaped(ask: Ask, look: Look) -> Spoken:
    sightings = [await look(picture) for picture in ask.pictures]
    try:
        if ask.format.kind == "json_object":
            value = plain_object(sightings, ask.words)
        else:
            value = filled(ask.format.schema or {}, sightings, ask.words)
    except Unfillable as error:
        fields = ", ".join(f"`{name}`" for name in error.fields)
        return Spoken(ask.words("reader.refusal.fields", fields=fields), is_refusal=True)
    return Spoken(json.dumps(value, ensure_ascii=False, indent=2))


async def _paragraphs(ask: Ask, look: Look) -> AsyncIterator[str]:
    words = ask.words
    topics = topics_of(ask.question)
    if topics == (Topic.THANKS,):
        yield words("reader.thanks.answer")
        return
    if not ask.pictures:
        yield words("reader.nothing.sent")
        return
    note = _note(ask) if Topic.OBJECTS in topics else ""
    if note:
        yield note
    for number, picture in enumerate(ask.pictures, start=1):
        if (ask.are_new and topics != (Topic.SIZE,)) or len(ask.pictures) > 1:
            size = (picture.width_px, picture.height_px)
            yield caption(size, words, number=number, of=len(ask.pictures))
        sighting = await look(picture)
        paragraphs, note = _about(ask, topics, sighting, note=note)
        for paragraph in paragraphs:
            yield paragraph


def _about(
    ask: Ask, topics: Sequence[Topic], sighting: Sighting, *, note: str
) -> tuple[list[str], str]:
    """What is said about one picture, and the note once it has been said."""
    if topics:
        return answer(topics, sighting, ask.question, ask.words), note
    if not ask.question.strip():
        return overview(sighting, ask.words), note
    if found := found_lines(sighting, ask.question, ask.words):
        return found, note
    fresh = "" if note else _note(ask)
    return [*([fresh] if fresh else []), *overview(sighting, ask.words)], note or fresh


def _note(ask: Ask) -> str:
    """That objects aren't recognised and what helps; short if that was said before."""
    return ask.words("reader.limits.again" if ask.limits_said else "reader.limits.note")
