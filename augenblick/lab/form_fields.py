"""What a person wants to know from a picture: fields with names, as in a form or a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MOST_FIELDS = 100  # the documented limit of properties is far above what a person fills in


class FieldKind(StrEnum):
    """What may stand in a field."""

    TEXT = "text"
    NUMBER = "number"
    WHOLE_NUMBER = "whole_number"
    YES_NO = "yes_no"
    DATE = "date"
    CHOICE = "choice"
    TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class FormField:
    """One field. `choices` belong to the kind `CHOICE` only."""

    name: str
    kind: FieldKind = FieldKind.TEXT
    choices: tuple[str, ...] = ()
    is_required: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of an answer: once, or (`has_rows`) again for every thing that is found."""

    fields: tuple[FormField, ...] = ()
    has_rows: bool = False


@dataclass(frozen=True, slots=True)
class FormProblem:
    """Why a form can't be asked for: "no_fields", "no_name", "same_name", "no_choices", ...

    `row` counts from 1 and is 0 where the whole form is meant.
    """

    code: str
    row: int = 0
    name: str = ""


def problems_of(form: Form) -> tuple[FormProblem, ...]:
    """What has to be put right before the form can be sent, in the order of its fields."""
    if not form.fields:
        return (FormProblem("no_fields"),)
    if len(form.fields) > MOST_FIELDS:
        return (FormProblem("too_many"),)
    return tuple(_problems(form.fields))


def _problems(fields: tuple[FormField, ...]) -> Iterator[FormProblem]:
    seen: set[str] = set()
    for row, field in enumerate(fields, start=1):
        if not field.name:
            yield FormProblem("no_name", row)
        elif field.name in seen:
            yield FormProblem("same_name", row, field.name)
        if field.kind is FieldKind.CHOICE and not field.choices:
            yield FormProblem("no_choices", row, field.name)
        seen.add(field.name)


def tidy(field: FormField) -> FormField:
    """The field without spaces around its words, without choices that say nothing or the same."""
    choices = tuple(dict.fromkeys(filter(None, map(str.strip, field.choices))))
    return FormField(
        field.name.strip(),
        field.kind,
        choices if field.kind is FieldKind.CHOICE else (),
        field.is_required,
        field.description.strip(),
    )
