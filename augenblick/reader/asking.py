"""The bytes of a request to a question that can be answered; slow, so done in a thread."""

from __future__ import annotations

import json
from typing import NoReturn

from augenblick.reader.eyes import Eyes
from augenblick.reader.fields import ChatRequest, parse_request
from augenblick.reader.pictures import load_picture
from augenblick.reader.speaking import Ask, understand
from augenblick.reader.wire import ApiError, JsonValue


def parse(body: bytes, *, eyes: Eyes, accepted: str) -> tuple[ChatRequest, Ask]:
    """The request and its question; raises `ApiError` for whatever is wrong with either.

    `accepted` is the Accept-Language header. Pictures the eyes know are not decoded again.
    """
    request = parse_request(decoded_json(body))
    pictures = [
        tuple(load_picture(source, is_known=eyes.knows) for source in turn.pictures)
        for turn in request.turns
    ]
    return request, understand(request, pictures, accepted=accepted)


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
