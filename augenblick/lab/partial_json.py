"""The JSON value in a text: wrapped in words or a code fence, and cut wherever it was cut.

Of a text that was cut, a string counts as far as it came. A number does not, for what is missing
may be most of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from pydantic_core import from_json

MAX_DEPTH: Final = 64
_MOST_STARTS = 20  # brackets in the words before the value
_START = re.compile(r"[{\[]")
_OF_NUMBERS: Final = "0123456789.eE+-"
_DECODER: Final = json.JSONDecoder()
_LONGEST_REST = 16  # of a word, a number or an escape that was cut
_HALVES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class FoundJson:
    """A value in a text. `is_whole` is False where the text ends before the value does."""

    value: Any
    is_whole: bool


def find_json(text: str) -> FoundJson | None:
    """The object in a text, or the list of objects, or what would be one if the text went on.

    A list of plain values is taken only where nothing else follows: texts number their sources so.
    """
    plain_list: FoundJson | None = None
    for start in islice(_START.finditer(text), _MOST_STARTS):
        found = _found_at(text, start.start())
        if found is None or _is_deep(found.value):
            continue
        value = found.value
        if isinstance(value, dict) or any(isinstance(entry, dict) for entry in value):
            return found
        plain_list = plain_list or found
    return plain_list


def _found_at(text: str, start: int) -> FoundJson | None:
    try:
        value, _ = _DECODER.raw_decode(text, start)
        return FoundJson(_writable(value), is_whole=True)
    except json.JSONDecodeError as error:
        if not _is_cut(text, error):
            return None
    except (ValueError, RecursionError):
        return None
    try:
        return FoundJson(_writable(_begun(text[start:])), is_whole=False)
    except (ValueError, TypeError, RecursionError):  # TypeError: half a character in the text
        return None


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    """Whether what is wrong may be that the text ends. pydantic_core stops at a missing comma."""
    if error.msg.startswith("Unterminated string"):
        return True
    rest = text[error.pos : error.pos + _LONGEST_REST].strip()
    if error.msg.startswith("Expecting ',' delimiter"):
        rest = rest.strip(_OF_NUMBERS)
        return not rest
    return error.pos + _LONGEST_REST >= len(text)


def _begun(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """What came of a value. Raises ValueError where more is wrong than that the text ends."""
    value = from_json(text, allow_partial="trailing-strings")
    if text[-1] in _OF_NUMBERS and from_json(text, allow_partial=True) == value:
        bare = text.rstrip(_OF_NUMBERS)  # no string ends here
        if text[len(bare)] not in ".eE+":  # "true" does not end with a number
            return from_json(bare, allow_partial="trailing-strings")
    return value


def _writable(value: Any) -> Any:  # noqa: ANN401 - as above
    """The value with a replacement for halves of characters. Raises ValueError for Infinity."""
    written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not _HALVES.search(written):
        return value
    return json.loads(_HALVES.sub("\N{REPLACEMENT CHARACTER}", written))


def _is_deep(value: object, room: int = MAX_DEPTH) -> bool:
    if not isinstance(value, dict | list):
        return False
    children = value.values() if isinstance(value, dict) else value
    return room == 0 or any(_is_deep(child, room - 1) for child in children)
