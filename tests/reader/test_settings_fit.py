"""What the core lets pass is what the reader takes; what it refuses, the reader refuses too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from augenblick.core.messages import Message, Role, TextPart
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.payload import build_payload
from tests.settings_table import RIGHT, WRONG

from .conftest import MODEL, Running

# The reader calls no functions and has no fields of other endpoints; both are refused by its own
# rules. A model's name, half a character and no JSON never get as far as a body.
_OTHER_RULES = {"extra", "model", "system"}
# Right on the wire, where it stands for a list of one; and a schema may be missing there.
_RIGHT_ON_THE_WIRE = ({"stop": "END"}, "response_format.json_schema.schema")


def _body(chosen: dict[str, Any]) -> dict[str, Any]:
    settings = RequestSettings(**{"model": MODEL, **chosen})
    return build_payload([Message(Role.USER, (TextPart("Hallo"),))], settings, data_uri=str)


def _right() -> Iterator[dict[str, Any]]:
    for chosen, _ in RIGHT:
        if not _OTHER_RULES & chosen.keys() and chosen.get("tool_choice") in (None, "auto", "none"):
            yield chosen


def _wrong() -> Iterator[tuple[dict[str, Any], str]]:
    for chosen, path in WRONG:
        is_sent = None not in chosen.values() and "include_usage" not in chosen
        if chosen in _RIGHT_ON_THE_WIRE or path in _RIGHT_ON_THE_WIRE:
            continue
        if is_sent and not _OTHER_RULES & chosen.keys() and _is_json(chosen):
            yield chosen, path.partition(".")[0].partition("[")[0]


def _is_json(chosen: dict[str, Any]) -> bool:
    text = json.dumps(chosen)
    return not any(word in text for word in ("NaN", "Infinity", "\\ud800"))


@pytest.mark.parametrize("chosen", list(_right()), ids=json.dumps)
def test_the_reader_takes_what_may_be_sent(reader: Running, chosen: dict[str, Any]) -> None:
    """A value that the page accepts gets an answer."""
    assert reader.post(_body(chosen)).status_code == 200


@pytest.mark.parametrize(("chosen", "field"), list(_wrong()), ids=lambda each: str(each)[:60])
def test_the_reader_refuses_what_may_not(
    reader: Running, chosen: dict[str, Any], field: str
) -> None:
    """A value that the core refuses would have been refused there, for the same field."""
    response = reader.post({**_body({}), **chosen})

    assert response.status_code == 400
    assert response.json()["error"]["param"].partition(".")[0].partition("[")[0] == field
