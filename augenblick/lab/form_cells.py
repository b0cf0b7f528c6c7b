"""A filled form as people read it, as CSV and JSON, and as words to look up in its pictures."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, TypeGuard

from augenblick.core.language import Language
from augenblick.lab.evidence import COORDINATES
from augenblick.lab.form_reading import Column, Filled

_BOM = "\ufeff"  # without it Excel reads umlauts as something else
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d++(?:[.,]\d++)*+")  # no way back is kept: that took 90 bytes a digit
_PLAIN = (str, int, float)
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


def csv_text(filled: Filled) -> str:
    """A line of names and one for each row, as RFC 4180 has it; no cell is a formula."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([_safe(column.name) for column in filled.columns])
    for row in filled.rows:
        writer.writerow([csv_cell(row.get(column.name)) for column in filled.columns])
    return written.getvalue()


def csv_file(filled: Filled) -> bytes:
    """The same as a file that spreadsheets open with all its letters."""
    return (_BOM + csv_text(filled)).encode("utf-8")


def json_text(filled: Filled) -> str:
    """The whole value, with indentation."""
    return json.dumps(filled.value, ensure_ascii=False, indent=2)


def csv_cell(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """One cell; lists of plain values with semicolons, anything deeper as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _safe(value)
    if isinstance(value, list) and all(
        isinstance(entry, _PLAIN) and not isinstance(entry, bool) for entry in value
    ):
        return _safe("; ".join(str(entry) for entry in value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula; what is plainly a number stays one."""
    is_formula = text.startswith(_FORMULA) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text
