"""Emphasis beside the punctuation of scripts that put no spaces between words.

CommonMark 0.31, section 6.2, lets `**` beside punctuation open or close emphasis only where the
other side is a space or punctuation too. So `这是**"重点"**内容` stays a row of asterisks.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum

_UNSPACED = re.compile(  # Thai to Burmese, Khmer, Chinese, Japanese, Korean, of full width
    "[\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)


class Side(Enum):
    """Where a row of asterisks or tildes stands beside the punctuation that hinders it."""

    NONE = "none"
    LEFT = "left"
    RIGHT = "right"


def hindered_side(before: str, after: str) -> Side:
    """Tell on which side of a row punctuation hinders; "" is the start or the end of a line.

    As if it were a letter, the row could both open and close emphasis.
    """
    if not _UNSPACED.search(before + after):
        return Side.NONE
    kinds = _kind(before), _kind(after)
    return {("word", "sign"): Side.RIGHT, ("sign", "word"): Side.LEFT}.get(kinds, Side.NONE)


def _kind(sign: str) -> str:
    if not sign or sign.isspace():
        return "space"
    return "sign" if unicodedata.category(sign)[0] in "PS" else "word"
