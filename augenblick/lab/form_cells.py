"""What people read in the cells of a filled form, and what of it may stand in a picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, TypeGuard

from augenblick.core.language import Language
from augenblick.lab.evidence import COORDINATES
from augenblick.lab.form_reading import Column, Filled
from augenblick.lab.form_tables import csv_cell

_COORDINATES: Final = re.compile(COORDINATES, re.IGNORECASE)
_BOX_NUMBERS: Final = 4


def cell_text(value: Any, column: Column, language: Language) -> str:  # noqa: ANN401 - any JSON value
    """A value in a language, a date with its month's name; plain text, which may have lines."""
    if isinstance(value, bool):
        return language.text("form.yes" if value else "form.no")
    if isinstance(value, int | float):
        return language.plain_number(value)
    if not isinstance(value, str):
        return csv_cell(value)
    if column.is_date:
        try:
            return language.day(datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC))
        except ValueError:
            return value
    return value


def picture_words(filled: Filled, language: Language) -> Iterator[str]:
    """The lines of all cells as people read them, but for what is no text of a picture.

    That is yes and no, and where something is in it.
    """
    for row in filled.rows:
        for column in filled.columns:
            value = row.get(column.name)
            for each in value if _is_words(value) else [value]:
                if not (each is None or isinstance(each, bool) or _is_place(each, column)):
                    yield from cell_text(each, column, language).splitlines()


def _is_words(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_place(value: object, column: Column) -> bool:
    if isinstance(value, list):
        numbers = [each for each in value if isinstance(each, int | float)]
        return len(numbers) == len(value) == _BOX_NUMBERS
    return isinstance(value, int | float) and bool(_COORDINATES.fullmatch(column.name))
