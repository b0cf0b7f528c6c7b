"""Filled forms as files: CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

from augenblick.lab.form_reading import Filled

_BOM = "\ufeff"  # without it Excel reads umlauts as something else
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d++(?:[.,]\d++)*+")  # no way back is kept: that took 90 bytes a digit
_PLAIN = (str, int, float)


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
