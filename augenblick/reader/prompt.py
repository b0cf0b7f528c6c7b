"""The bytes of a request to what has to be answered: question, pictures, language, format.

Slow, so done in a thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from augenblick.core.language import Language, language
from augenblick.core.region_names import is_about_regions, read_region_names
from augenblick.pictures.token_costs import estimate_pictures
from augenblick.reader import MODEL_ID
from augenblick.reader.chat_request import (
    ChatRequest,
    Message,
    PlainFormat,
    SchemaFormat,
    parse_request,
    texts_of,
)
from augenblick.reader.picture_input import Picture, load_picture
from augenblick.reader.question import is_about_all, named_numbers
from augenblick.reader.question_language import language_of
from augenblick.reader.tokens import TOKENS_PER_MESSAGE, count_tokens
from augenblick.reader.wire import ApiError, JsonValue

CATALOGUE = "reader"  # the domain of its texts


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one answer needs: the question, the pictures it is about, and the language.

    `regions` has the number of the marked region that each picture is, 0 for any other picture.
    """

    question: str
    pictures: tuple[Picture, ...]
    regions: tuple[int, ...]
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
    texts = [_words(message) for message in request.messages]
    asked = [at for at, message in enumerate(request.messages) if message.role == "user"]
    last = asked[-1] if asked else len(texts) - 1
    spoken = language_of([texts[at] for at in reversed(asked)], accepted=accepted)
    regions = [read_region_names(texts_of(message)) for message in request.messages]
    chosen = _chosen(pictures, regions, last, texts[last])
    return request, Prompt(
        question=texts[last],
        pictures=tuple(picture for picture, _ in chosen),
        regions=tuple(number for _, number in chosen),
        language=language(spoken, CATALOGUE),
        format=request.response_format or PlainFormat(type="text"),
        prompt_tokens=_prompt_tokens(request.messages, pictures),
    )


def _words(message: Message) -> str:
    """What a message says, but for what tells which picture is which."""
    return "\n\n".join(text for text in texts_of(message) if not is_about_regions(text))


def _chosen(
    pictures: Sequence[Sequence[Picture]],
    regions: Sequence[Mapping[int, int]],
    last: int,
    question: str,
) -> list[tuple[Picture, int]]:
    """The newest message's pictures, or those of the conversation if the question is about all.

    Several pictures that come with the question are all that is meant; of those with marked regions
    the regions, and of these the ones that the question names. Each with the number of its region.
    """
    if is_about_all(question) and len(pictures[last]) <= 1:
        return [(each, 0) for each in dict.fromkeys(each for sent in pictures for each in sent)]
    at = next((at for at in range(last, -1, -1) if pictures[at]), last)
    numbers = regions[at]
    sent = [(each, numbers.get(place)) for place, each in enumerate(pictures[at], start=1)]
    meant = named_numbers(question) & {number for _, number in sent if number}
    chosen = [each for each in sent if (each[1] in meant if meant else each[1] != 0)]
    return [(picture, number or 0) for picture, number in chosen or sent]


def _prompt_tokens(messages: Sequence[Message], pictures: Sequence[Sequence[Picture]]) -> int:
    texts = ("\n\n".join(texts_of(message)) for message in messages)
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
