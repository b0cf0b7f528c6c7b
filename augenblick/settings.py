"""The request fields of the Chat Completions API besides `messages`, as one value.

Names, ranges and shapes are those of the API
(https://platform.openai.com/docs/api-reference/chat/create).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

MOST_CHOICES = 128  # the largest `n` of the API


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """Every request field besides `messages`. None, or empty, means: not sent.

    "Not sent" and "sent with the default value" are different things to many endpoints.
    """

    model: str
    temperature: float | None = None  # 0 to 2
    top_p: float | None = None  # 0 to 1
    n: int | None = None  # 1 to 128
    stream: bool = True
    include_usage: bool = True  # stream_options.include_usage, sent only with stream
    stop: tuple[str, ...] = ()  # up to 4
    max_tokens: int | None = None
    presence_penalty: float | None = None  # -2.0 to 2.0
    frequency_penalty: float | None = None  # -2.0 to 2.0
    logit_bias: Mapping[str, float] = field(default_factory=dict)  # token id to -100..100
    user: str | None = None
    response_format: Mapping[str, Any] | None = None
    seed: int | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    system: str = ""  # becomes the first message
    extra: Mapping[str, Any] = field(default_factory=dict)  # merged last

    @property
    def choice_count(self) -> int:
        """How many answers are asked for, from 1 to 128."""
        asked = self.extra.get("n", self.n)
        return min(asked, MOST_CHOICES) if isinstance(asked, int) and asked > 1 else 1

    def for_one_answer(self) -> Self:
        """The same without any `n`."""
        extra = {name: value for name, value in self.extra.items() if name != "n"}
        return replace(self, n=None, extra=extra)

    def as_fields(self) -> dict[str, Any]:
        """What differs from the defaults, as JSON values; the model always."""
        plain = RequestSettings(self.model)
        chosen = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in chosen.items()
            if name == "model" or value != getattr(plain, name)
        }

    @classmethod
    def from_fields(cls, given: Mapping[str, Any]) -> Self:
        """Read what `as_fields` wrote, also through JSON; names of a later version are ignored."""
        known = {each.name for each in fields(cls)}
        chosen = {name: value for name, value in given.items() if name in known}
        for name in ("stop", "tools"):
            chosen[name] = tuple(chosen.get(name, ()))
        return cls(**chosen)
