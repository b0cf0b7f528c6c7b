"""Values of the core as JSON in columns; pydantic reads and writes them by their types.

What an older or newer version wrote is read too: a missing key gets its default, an unknown one is
ignored, and what does not fit its type is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationError
from sqlalchemy import JSON, Dialect, TypeDecorator

from augenblick.core.conversations import PictureSelection
from augenblick.core.errors import Failure, StoreError
from augenblick.core.messages import (
    Adjustment,
    ChoiceText,
    ImagePart,
    Provenance,
    Timings,
    ToolCall,
    ToolResult,
    ToolRound,
    Usage,
)
from augenblick.core.model_cards import Finding
from augenblick.core.picture_text import PictureText
from augenblick.core.settings import RequestSettings


class JsonColumn(TypeDecorator[Any]):
    """JSON of one type of value; null is None."""

    impl = JSON
    cache_ok = True

    def __init__(self, adapter: TypeAdapter[Any]) -> None:
        super().__init__(none_as_null=True)
        self.adapter = adapter

    def process_bind_param(self, value: object, _dialect: Dialect) -> object:
        """To what `database.dumps` makes JSON of; never fails, for an end must always get in."""
        return None if value is None else self.adapter.dump_python(value, warnings=False)

    def process_result_value(self, value: object, _dialect: Dialect) -> object:
        """The value again. Raises StoreError where even the defaults make none."""
        if value is None:
            return None
        try:
            return self.adapter.validate_python(value)
        except ValidationError as error:
            unfit = [_innermost(value, each["loc"]) for each in error.errors(include_url=False)]
        for holder, name in unfit:
            holder.pop(name, None)
        try:
            return self.adapter.validate_python(value)
        except ValidationError:
            raise StoreError("a column holds something else") from None  # whose words are private


def _innermost(found: Any, place: Iterable[int | str]) -> tuple[dict[str, Any], str]:  # noqa: ANN401 - JSON
    """The innermost named thing at a place of pydantic: the object that holds it, its name."""
    holder: dict[str, Any] = {}
    name = ""
    for step in place:
        if isinstance(found, dict) and step in found:
            holder, name = found, str(step)
        elif not (isinstance(found, list) and isinstance(step, int) and step < len(found)):
            break  # pydantic goes on with the types that it tried
        found = found[step]
    return holder, name


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A `ToolResult` whose picture is named by its SHA-256; it stands among the reply's parts."""

    call_id: str
    content: str
    is_error: bool = False
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class StoredRound:
    """A `ToolRound` of such results."""

    calls: tuple[ToolCall, ...]
    results: tuple[StoredResult, ...]
    text: str = ""
    reasoning: str = ""


def stored_rounds(rounds: Iterable[ToolRound]) -> tuple[StoredRound, ...] | None:
    """What the column `rounds` holds."""
    stored = []
    for done in rounds:
        results = tuple(
            StoredResult(
                result.call_id,
                result.content,
                result.is_error,
                result.picture.attachment.sha256 if result.picture else None,
            )
            for result in done.results
        )
        stored.append(StoredRound(done.calls, results, done.text, done.reasoning))
    return tuple(stored) or None


def read_rounds(
    stored: Iterable[StoredRound] | None, pictures: Mapping[str, ImagePart]
) -> tuple[ToolRound, ...]:
    """The rounds again; `pictures` are the reply's, by SHA-256."""
    return tuple(
        ToolRound(
            done.calls,
            tuple(
                ToolResult(
                    result.call_id,
                    result.content,
                    result.is_error,
                    pictures.get(result.picture or ""),
                )
                for result in done.results
            ),
            done.text,
            done.reasoning,
        )
        for done in stored or ()
    )


def _selection_fields(selection: PictureSelection) -> dict[str, Any]:
    return {"left_out": sorted(selection.left_out), "keep_last": selection.keep_last}


# Presets keep what a person typed, whether or not it can be sent: settings read themselves.
_Settings = Annotated[
    RequestSettings,
    PlainValidator(RequestSettings.from_fields),
    PlainSerializer(RequestSettings.as_fields),
]
_Selection = Annotated[PictureSelection, PlainSerializer(_selection_fields)]

ADJUSTMENTS = JsonColumn(TypeAdapter(tuple[Adjustment, ...]))
CHOICES = JsonColumn(TypeAdapter(tuple[ChoiceText, ...]))
FAILURE = JsonColumn(TypeAdapter(Failure))
FINDINGS = JsonColumn(TypeAdapter(tuple[Finding, ...]))
PICTURE_TEXT = JsonColumn(TypeAdapter(PictureText))
PROVENANCE = JsonColumn(TypeAdapter(Provenance))
ROUNDS = JsonColumn(TypeAdapter(tuple[StoredRound, ...]))
SELECTION = JsonColumn(TypeAdapter(_Selection))
SETTINGS = JsonColumn(TypeAdapter(_Settings))
TIMINGS = JsonColumn(TypeAdapter(Timings))
USAGE = JsonColumn(TypeAdapter(Usage))
