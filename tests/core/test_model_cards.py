"""Which settings do nothing at a model, by what a check found."""

from __future__ import annotations

import pytest

from augenblick.core.model_cards import Finding, Mark, ModelCard, NoEffect
from augenblick.core.settings import RequestSettings

_GAP, _NOTE, _OK = Mark.GAP, Mark.NOTE, Mark.OK


def _card(*found: tuple[str, Mark, str]) -> ModelCard:
    return ModelCard(findings=tuple(Finding(*each) for each in found))


@pytest.mark.parametrize(
    ("found", "without"),
    [
        (("field.stop", _GAP, "no_effect_seen"), {"stop": "ignored"}),
        (("field.seed", _GAP, "refused"), {"seed": "refused"}),
        (("field.stream_options", _GAP, "no_effect_seen"), {"include_usage": "ignored"}),
        (("field.max_tokens", _NOTE, "no_effect_seen"), {"max_tokens": "ignored"}),
        (("stream", _GAP, "at_once"), {"stream": "ignored"}),
        # its effect can't be seen; it works under another name; the app gets it by another way
        (("field.seed", _OK, "no_effect_seen"), {}),
        (("field.max_tokens", _NOTE, "refused"), {}),
        (("field.n", _GAP, "no_effect_seen"), {}),
        (("field.response_format.json_schema", _GAP, "refused"), {}),
        (("field.stop", Mark.UNKNOWN, "untold"), {}),
        # that a model did not call a function once says nothing about tools
        (("field.tools", _GAP, "no_effect_seen"), {}),
        (("stream", _GAP, "buffered"), {}),
    ],
)
def test_a_setting_is_without_effect_only_where_that_is_certain(
    found: tuple[str, Mark, str], without: dict[str, str]
) -> None:
    """Anything else stays usable."""
    assert _card(found).without_effect() == without
    assert all(hasattr(RequestSettings(""), name) for name in without)


def test_tools_that_are_not_even_called_when_they_must_be_do_nothing() -> None:
    """Both fields were taken, and nothing was called."""
    names = ("tools", "tool_choice")
    card = _card(*((f"field.{name}", _GAP, "no_effect_seen") for name in names))
    assert card.without_effect() == dict.fromkeys(names, NoEffect.IGNORED)
    assert card.fields(NoEffect.IGNORED) == names
