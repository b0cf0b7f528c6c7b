"""The bytes of a request to what has to be answered: question, pictures, language, format.

Slow, so done in a thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from augenblick.core.language import Language, language
from augenblick.pictures.token_costs import estimate_pictures
from augenblick.reader import MODEL_ID
from augenblick.reader.chat_request import (
    ChatRequest,
    PlainFormat,
    SchemaFormat,
    parse_request,
    text_of,
)
from augenblick.reader.picture_input import Picture, load_picture
from augenblick.reader.question import is_about_all
from augenblick.reader.question_language import language_of
from augenblick.reader.tokens import TOKENS_PER_MESSAGE, count_tokens
from augenblick.reader.wire import ApiError, JsonValue

CATALOGUE = "reader"  # the domain of its texts


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one answer needs: the question, the pictures it is about, and the language."""

    question: str
    pictures: tuple[Picture, ...]
    language: Language
    format: PlainFormat | SchemaFormat
    prompt_tokens: int


def parse_prompt(
    body: bytes, *, is_known: Callable[[str], bool], accepted: str
) -> tuple[ChatRequest, Prompt]:
    """The request and its question; raises `ApiError` for whatever is wrong with either.

    `accepted` is the Accept-Language header. Pictures that are known by their hash are not decoded
    again.
    """
    request = parse_request(decoded_json(body))
    pictures = [
        tuple(load_picture(image, param, is_known=is_known) for param, image in sent)
        for sent in request.pictures
    ]
    texts = [text_of(message) for message in request.messages]
    asked = [at for at, message in enumerate(request.messages) if message.role == "user"]
    last = asked[-1] if asked else len(texts) - 1
    spoken = language_of([texts[at] for at in reversed(asked)], accepted=accepted)
    return request, Prompt(
        question=texts[last],
        pictures=_chosen(pictures, last, is_about_all=is_about_all(texts[last])),
        language=language(spoken, CATALOGUE),
        format=request.response_format or PlainFormat(type="text"),
        prompt_tokens=_prompt_tokens(texts, pictures),
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


def _prompt_tokens(texts: Sequence[str], pictures: Sequence[Sequence[Picture]]) -> int:
    words = sum(TOKENS_PER_MESSAGE + count_tokens(text) for text in texts)
    sizes = [(each.width_px, each.height_px, each.detail) for sent in pictures for each in sent]
    estimate = estimate_pictures(MODEL_ID, sizes)
    return words + (estimate.tokens if estimate else 0)


def decoded_json(body: bytes) -> JsonValue:
    """The JSON of a body; raises `ApiError` for anything that is none."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ApiError(
            "We could not parse the JSON body of your request. The API expects a JSON object.",
            code="invalid_json",
        ) from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
