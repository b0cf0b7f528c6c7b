"""What may stand in each request field."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest

from augenblick.core.errors import SettingsInvalid
from augenblick.core.settings import FIELDS, RequestSettings, problems_of, refuse_invalid
from tests.settings_table import RIGHT, WRONG


def test_every_field_is_described() -> None:
    """No field of the request goes out unchecked."""
    assert set(FIELDS) == {each.name for each in fields(RequestSettings)}


@pytest.mark.parametrize(("chosen", "_body"), RIGHT)
def test_what_the_api_documents_is_taken(chosen: dict[str, Any], _body: object) -> None:
    """Borders belong to it, and the way through the store changes nothing."""
    settings = RequestSettings(**{"model": "m", **chosen})

    assert problems_of(settings) == ()
    stored = json.loads(json.dumps(settings.as_fields()))
    assert RequestSettings.from_fields(stored) == settings


@pytest.mark.parametrize(("chosen", "path"), WRONG)
def test_anything_else_is_refused_by_name(chosen: dict[str, Any], path: str) -> None:
    """The error names the field, with the path inside of it, and what may stand there."""
    settings = RequestSettings(**{"model": "m", **chosen})

    with pytest.raises(SettingsInvalid) as caught:
        refuse_invalid(settings)

    assert caught.value.params["field"] == path
    assert caught.value.params["allowed"]
    assert len(problems_of(settings)) == 1


def test_every_wrong_field_is_named_once() -> None:
    """Several mistakes are said together, in the order of the fields."""
    settings = RequestSettings(
        "m", temperature=9, n=0, stop=("", "", ""), extra={"messages": [], "x": float("nan")}
    )

    problems = problems_of(settings)

    named = [problem.params["field"] for problem in problems]
    assert named == ["temperature", "n", "stop", "extra"]
    assert problems[-1].code == "messages_in_extra"


def test_a_choice_may_be_of_a_tool_in_the_free_json() -> None:
    """What is merged last brings tools as well."""
    assert problems_of(RequestSettings("m", tool_choice="auto", extra={"tools": []})) == ()
