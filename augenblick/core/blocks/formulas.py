"""Which signs in the text of a model make a formula, and which are money, variables or brackets.

A formula never spans what reads as words between two amounts: in doubt the text stays as written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

LONGEST_INLINE: Final = 1_000
LONGEST_BLOCK: Final = 4_000
"""Characters in which a formula has to end."""

ENDS: Final = {"$$": "$$", "\\[": "\\]"}
"""What ends a formula that stands by itself, by what begins it."""

_PARTS = re.compile(  # what has letters and is no word
    r"\\(?:text|math|operatorname|mbox)[a-z]*\*?\{[^{}]*\}|\\[A-Za-z]+|[_^](?:\{[^{}]*\}|\w+)"
)
_FUNCTIONS = {
    *("arg", "cos", "cot", "det", "dim", "exp", "gcd", "inf", "lim", "ln", "log", "max", "min"),
    *("mod", "sin", "sup", "tan"),
}
_WORD = re.compile(r"[^\W\d_]{2,}")
_BETWEEN_WORDS = re.compile(r"[^=+<>^_\\/|{}&\d]*")
_MATHEMATICAL = re.compile(r"\\[A-Za-z]|[=^_]")
_OPERATION = re.compile(r"[-+*/<>|=^_\u2212\u00d7·÷≤≥≠≈]")
_CURRENCY = re.compile("[€£¥₹₽₩₺]")
_COMMAND = re.compile(r"\\[A-Za-z$]")
_END_OF_INLINE = re.compile(r"(?<!\\)\$")
_COMMENT_SIGN = re.compile(r"(?<!\\)%")
_AMOUNT = re.compile(r"[-+\u2013\u2212]?[.,]?\d")
_QUANTITY = re.compile(r"\d+(?:[.,]\d+)*\s?[a-zµ]{1,2}")  # a number with its unit
_SHORT_WORD = 3
_LAST_SIGNS = "})]'!|%*.°"  # besides letters and digits, what a formula ends with
_NO_SPACES = 0x2E80  # where scripts begin that are written without spaces between words


def is_formula(content: str, *, before: str, after: str) -> bool:
    """Whether `$content$` is a formula; `before` and `after` are the characters around it.

    By the rule of Pandoc and GitHub, no space inside of the signs and no digit behind them, and a
    sign behind a letter or digit begins none (US$, 5$). Content that begins like an amount may hold
    no word.
    """
    if not content or content != content.strip() or after.isdigit():
        return False
    if before.isalnum() and ord(before) < _NO_SPACES:
        return False
    if _names_money(content) or _is_cut_short(content, after):
        return False
    if not _AMOUNT.match(content):
        return not _is_prose(content)
    if _words(content):
        return bool(_QUANTITY.fullmatch(content))
    return content[-1].isalnum() or content[-1] in _LAST_SIGNS


def is_display(content: str) -> bool:
    """Whether `$$content$$` is a formula; `$$ to $$$` is how dear a restaurant is."""
    text = content.strip()
    if _MATHEMATICAL.search(text):
        return True
    return any(sign.isalnum() for sign in text) and not any(
        len(word) > 1 and not _OPERATION.search(text) for word in _words(text)
    )


def is_bracketed(content: str) -> bool:
    r"""Whether `\\(content\\)` is a formula, and no bracket that was only escaped."""
    text = content.strip()
    if not text:
        return False
    if _MATHEMATICAL.search(text):
        return True
    words = _words(text)
    return len(words) < 2 and all(  # noqa: PLR2004 - two words are a sentence
        len(word) <= _SHORT_WORD or _OPERATION.search(text) for word in words
    )


def is_mathematical(content: str) -> bool:
    r"""Whether `\\[content\\]` can be nothing but a formula, wherever it stands."""
    return bool(
        _MATHEMATICAL.search(content)
        or (_OPERATION.search(content) and is_bracketed(content) and not _WORD.search(content))
    )


def end_of_inline(text: str, at: int) -> int:
    r"""Where the `$` stands that may end a formula begun at `at`, -1 for none; `\$` ends none."""
    found = _END_OF_INLINE.search(text, at + 1, at + LONGEST_INLINE)
    return found.start() if found else -1


def with_percent_signs(content: str) -> str:
    """A formula in which a `%` is one, and does not begin a comment."""
    return _COMMENT_SIGN.sub(r"\\%", content)


def _names_money(content: str) -> bool:
    """Whether a currency makes it no formula; after a command it is a sign in one."""
    if _COMMAND.match(content):
        return False
    return bool(_CURRENCY.search(content)) or ("\\$" in content and "=" not in content)


def _is_cut_short(content: str, after: str) -> bool:
    """Whether the second sign begins something of its own, as in `$HOME/$PATH`."""
    begins = after.isalpha() or after in set("{([_") if after else False
    if not begins:
        return False
    is_name = len(content) > 1 and content.replace("_", "").isalnum()
    return is_name or not (content[-1].isalnum() or content[-1] in _LAST_SIGNS)


def _words(content: str) -> list[str]:
    found = _WORD.findall(_PARTS.sub(" = ", content))
    return [word for word in found if word not in _FUNCTIONS]


def _is_prose(content: str) -> bool:
    """Whether two words stand beside each other, with nothing to calculate between them."""
    text = _PARTS.sub("=", content)
    end = -1
    for found in _WORD.finditer(text):
        if found[0] in _FUNCTIONS:
            end = -1
            continue
        if end >= 0 and _BETWEEN_WORDS.fullmatch(text, end, found.start()):
            return True
        end = found.end()
    return False


def end_of_formula(text: str, at: int) -> int | None:
    r"""Where the formula ends that begins at a `$`, `$$`, `\(` or `\[`; None where none begins."""
    sign = text[at : at + 2]
    limit = at + LONGEST_INLINE
    if sign == "\\(":
        end = text.find("\\)", at + 2, limit)
        content = text[at + 2 : end]
        is_one = end > 0 and "\\(" not in content and is_bracketed(content)
        return end + 2 if is_one else None
    if sign in ENDS:
        end = text.find(ENDS[sign], at + 2, limit)
        content = text[at + 2 : end]
        decide = is_display if sign == "$$" else is_mathematical
        is_one = end > 0 and text[end + 2 : end + 3] not in {"$", "("} and decide(content)
        return end + 2 if is_one and "\\[" not in content else None
    end = end_of_inline(text, at) if text[at] == "$" else -1
    content, after = text[at + 1 : end], text[end + 1 : end + 2]
    if end < 0 or after == "$" or "\n" in content:
        return None
    return end + 1 if is_formula(content, before=text[at - 1 : at], after=after) else None


def formula_block(lines: Iterable[str]) -> tuple[str, int] | None:
    """The formula that stands alone in the first of some lines, and how many are its own."""
    held: list[str] = []
    length = 0
    for line in lines:
        length += len(line) + 1
        if (not held and line[:2] not in ENDS) or length > LONGEST_BLOCK:
            return None
        held.append(line)
        text = line[2:] if len(held) == 1 else line
        before, end, behind = text.partition(ENDS[held[0][:2]])
        if any(sign in before for sign in ENDS) or (not line.strip() and held[0][0] != "$"):
            return None
        if end:
            content = "\n".join((*held, ""))[2 : -len(end + behind) - 1]
            is_one = is_display if held[0][0] == "$" else is_mathematical
            if not is_mark(behind) or not is_one(content):
                return None
            return content.strip() + behind.strip(), len(held)
    return None


def is_mark(text: str) -> bool:
    """Whether nothing but the punctuation of a sentence follows."""
    return not text.strip(" \t.,;:!?")
