r"""Markdown of a model made fit for Streamlit's renderer, piece by piece while it streams.

Code stays as it is. Everything else is changed so that the page shows what was written:

- a picture `![...](...)` becomes a link, for nothing may be loaded from elsewhere, and a link to
  anything but a page, a mailbox or a telephone becomes text;
- formulas in `\(...\)`, `\[...\]`, `$...$` and `$$...$$` get the signs and the place that
  Streamlit asks for, every other dollar sign is an amount;
- `<br>`, `<sub>`, `<sup>`, `<u>`, `<b>`, `<i>`, `<s>`, `<mark>`, `<kbd>` and the like become
  Streamlit's own coloured text, which `page.css` gives its look, and `<code>` becomes code;
  `<details>` becomes its title and its content; any other tag is text;
- `:name[...]`, `:material/...:`, `->`, `>=` and `a~b~c` stay the text they are;
- emphasis beside East Asian punctuation is emphasis;
- a row of dashes or equals signs below several lines is a rule, and does not make them a heading.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from augenblick.core.blocks import START, advance
from augenblick.core.blocks.emphasis import Side, hindered_side
from augenblick.core.blocks.formulas import (
    ENDS,
    LONGEST_BLOCK,
    end_of_inline,
    is_bracketed,
    is_display,
    is_formula,
    is_mark,
    is_mathematical,
    with_percent_signs,
)
from augenblick.core.blocks.link_targets import LONGEST, is_harmless
from augenblick.core.blocks.structure import LABEL

_LOOK = 1_000  # characters in which a code span, a formula or a tag has to end
_DEEPEST = 4  # tags in each other
_APART = "\u200b"  # no backslash keeps Streamlit from drawing an icon or an arrow

_MAY_BE_CODE = re.compile(r"[ \t>|:+*.)\d-]*(?:(?:`{0,2}|~{0,2})$|```|~~~)")
_ONLY_SIGNS = re.compile(r"[ \t>|:+*_-]*$")
_DASHES = re.compile(r" {0,3}-{3,}[ \t]*$")
_LEAD = re.compile(r"(?:[ \t]*(?:>(?!=)|(?:[-+*]|\d{1,9}[.)])(?=[ \t])))*[ \t]*")
_LIST_SIGN = re.compile(r"[-+*]|\d{1,9}[.)]")
_COMPARED = re.compile(r"(?:[-+*]|\d{1,9}[.)])[ \t]+(>[ \t]?)(?=[$€£¥]?\d)")
_DEFINITION = re.compile(rf"{LABEL}:[ \t]*(?P<address>\S*)")
_MAY_BE_DEFINITION = re.compile(r"\[(?:[^\[\]\\]|\\.){0,999}(?:\\|\]|\]:[ \t]*\S*)?$")

_SIGN = re.compile(
    r"[`\\!$:<>~*\]&-]|https?://|www\.|(?:h|ht|htt|https?|https?:/?|w|ww|www)$", re.IGNORECASE
)
_PICTURE_SIGN = re.compile("!")
_RUN = re.compile(r"`{1,99}|\${1,99}|!{1,99}|\*{1,99}|~{1,99}")
_TICKS = re.compile("`+")
_BLANK = re.compile(r"[ \t]*$")
_MARK = re.compile(r"[ \t.,;:!?]*$")
_BEFORE_TITLE = re.compile(r"[ \t]*(?:<summary[ \t]{0,3}>|$)", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"`*\[\]()\\|!]{0,1000}", re.IGNORECASE)
_IN_ANGLES = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*)>")
_TARGET = re.compile(rf"\]\([ \t]*(<[^<>]{{0,{LONGEST}}}|[^\s)]{{0,{LONGEST}}})")
_IMAGE = re.compile(r"\[[^\[\]]{0,300}\]\(")
_MAY_BE_IMAGE = re.compile(r"(?:\[[^\[\]]{0,300}\]?)?$")
_NAME = re.compile(r"[A-Za-z][\w-]{0,99}", re.ASCII)
_ICON = re.compile(r"(\\?:|&#0{0,5}58;|&#[xX]0{0,5}3[aA];|&colon;)(?=material|streamlit)")
_TAG = re.compile(
    r"<(?:(/?br|sub|sup|u|ins|b|strong|i|em|s|del|strike|mark|kbd|code|summary)[ \t]{0,3}/?"
    r"|(details)(?: open)?[ \t]{0,3})>",
    re.IGNORECASE,
)
_END_TAG = re.compile(r"</(details|summary)[ \t]{0,3}>", re.IGNORECASE)
_MAY_BE_TAG = re.compile(r"<(?:details [open]{0,4}|[^\s<>]*)[ \t]{0,3}/?$", re.IGNORECASE)
_BOLD_TAG = re.compile(r"</?(?:b|strong|h[1-6])>", re.IGNORECASE)
_OPERATOR = re.compile(  # what Streamlit draws as arrows and such, however it is written
    r"(?:(?:\\?<|&lt;)?\\?-(?:\\?>|&gt;)|(?:\\?<|&lt;)\\?[-=]|(?:\\?>|&gt;)\\?=|\\?-\\?-|\\?~\\?=)"
    r"(?![^\s*_~`\[\]|<:\\])"
)
_MAY_BE_OPERATOR = re.compile(r"[-<>~\\&][-<>=~\\&a-z;]{0,12}$")
_LONGEST_OPERATOR = 12
_BEFORE_OPERATOR = " \t*_~`[]|)"
_BRACKETS = re.compile(r"\\.|[\[\]]")

_LOOKS = {  # colours that stand for looks, see `page.css`
    "#001": "sub", "#002": "sup", "#003": "u ins", "#004": "b strong", "#005": "i em",
    "#006": "s del strike",
}  # fmt: skip
_DRAWN = {
    **{
        name: f":color[{{}}]{{{{foreground={colour}}}}}"
        for colour, names in _LOOKS.items()
        for name in names.split()
    },
    "mark": ":yellow-background[{}]",
    "kbd": ":gray-badge[{}]",
}
_LINE_END = ":gray[&#10;]"


class _UndecidedError(Exception):
    """The characters to come decide."""


class MarkdownFilter:
    """Takes text in pieces of any size and gives it back changed.

    Whatever the pieces, the results joined are the same. What the next characters decide is held
    back until they have come: a sign, a code span, a formula, a line that may be a fence. Linear in
    the text.
    """

    def __init__(self) -> None:
        self._rest = ""  # of the open line, not yet given back
        self._line: _Line | None = None  # the open line, once we know what it is
        self._formula: _OpenFormula | None = None
        self._given: list[str] = []  # of the line that is being written
        self._structure = START  # of what was written before that line
        self._paragraph_lines = 0  # that an underline would make a heading
        self._ended_with_return = False

    def feed(self, text: str) -> str:
        """Give back what of the text so far is decided."""
        *closed, rest = self._with_plain_ends(text).split("\n")
        out = [self._close_line(self._rest_with(part)) for part in closed]
        self._rest_with(rest)
        out.append(self._open_part())
        return "".join(out)

    def finish(self) -> str:
        """Give back what was held, at the end of the text."""
        out = self._close_line(self._rest)
        if self._formula is not None:
            out += self._give_up()
        return out.removesuffix("\n")

    def _with_plain_ends(self, text: str) -> str:
        """Make every line end a line feed, whichever of the three ways it was written."""
        if not text:
            return text
        was_return, self._ended_with_return = self._ended_with_return, text.endswith("\r")
        text = text.removeprefix("\n") if was_return else text
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _rest_with(self, part: str) -> str:
        self._rest += part
        return self._rest

    def _open_part(self) -> str:
        if self._formula is not None:
            if self._formula.length + len(self._rest) <= LONGEST_BLOCK:
                return ""
            rest, self._rest = self._rest, ""
            given = self._give_up()
            self._rest = rest
            return given + self._open_part()
        if not self._rest:
            return ""
        if self._line is None:
            if len(self._rest) < _LOOK and _MAY_BE_CODE.match(self._rest):
                return ""
            self._line = self._begin(self._rest)
        given, at = self._line.change(self._rest, is_whole=False)
        self._rest = self._rest[at:]
        return self._write(given)

    def _close_line(self, rest: str, *, has_formulas: bool = True) -> str:
        self._rest = ""
        if self._formula is not None:
            return self._end_formula(rest)
        if self._line is None:
            is_plain = len(rest) < _LOOK and bool(_ONLY_SIGNS.match(rest))
            self._line = _Line() if is_plain else self._begin(rest)
        line, self._line = self._line, None
        line.has_formulas = has_formulas
        given, at = line.change(rest, is_whole=True)
        if self._paragraph_lines > 1 and _DASHES.match(given):
            given = "\n" + given
        if at == len(rest):
            return self._write(given + "\n")
        self._formula = _OpenFormula(rest[at:], line)
        return self._write(given)

    def _begin(self, rest: str) -> _Line:
        """Tell what an open line is, by its beginning."""
        start = rest[:_LOOK]
        after = advance(self._structure, start)
        if after.is_code:
            return _Line()
        if after.is_indented:
            return _Line({"!": _picture_in_code}, _PICTURE_SIGN)
        return _Line(_CHANGES, _SIGN, is_below_lines=self._paragraph_lines > 1)

    def _end_formula(self, rest: str) -> str:
        """Take the next line of a formula; give it back once it is whole, or is none."""
        formula = self._formula
        assert formula is not None  # noqa: S101 - asked by all who call
        if not formula.may_go_on(rest):
            return self._give_up() + self._close_line(rest)
        at = rest.find(formula.end)
        if at < 0:
            formula.lines.append(rest)
            formula.length += len(rest) + 1
            return ""
        content = "\n".join((*formula.lines, rest[:at]))[2:]
        behind = rest[at + 2 :].strip()
        is_one = (is_display if formula.end == "$$" else is_mathematical)(content)
        if not is_one or not _has_room(content, formula.line):
            return self._give_up() + self._close_line(rest)
        self._formula = None
        written = _block(content, formula.line, behind)
        if not is_mark(behind):
            lead = formula.line.next_lead
            return self._write(written + "\n") + self._close_line(lead + behind)
        return self._write(written + "\n")

    def _give_up(self) -> str:
        """Give back as text what was held for a formula."""
        formula, self._formula = self._formula, None
        assert formula is not None  # noqa: S101 - asked by all who call
        first, *others = formula.lines
        line = formula.line
        line.has_formulas = False
        given, _ = line.change(first, is_whole=True)
        return self._write(given + "\n") + "".join(map(self._close_line, others))

    def _write(self, text: str) -> str:
        """Keep up with the structure of what is given back."""
        *closed, rest = text.split("\n")
        for part in closed:
            before = self._structure
            after = self._structure = advance(before, "".join((*self._given, part)))
            goes_on = after.is_paragraph and not after.containers
            self._paragraph_lines = goes_on * (before.is_paragraph * self._paragraph_lines + 1)
            self._given.clear()
        if rest:
            self._given.append(rest)
        return text


class _OpenFormula:
    """A formula that goes on beyond the line in which it begins."""

    def __init__(self, first: str, line: _Line) -> None:
        self.lines = [first]
        self.line = line
        self.length = len(first)
        self.end = ENDS[first[:2]]
        self._may_have_blanks = first[:2] == "$$" and line.is_at_lead

    def may_go_on(self, rest: str) -> bool:
        """Whether a line can belong to it."""
        if self.length + len(rest) > LONGEST_BLOCK:
            return False
        if not rest.strip(" \t>"):
            return self._may_have_blanks
        before_end = rest.partition(self.end)[0]
        is_other = any(sign in before_end for sign in ENDS)
        return not is_other and not rest.lstrip(" \t>").startswith(("```", "~~~"))


class _Line:
    """One line of a text, changed from left to right; without `changes` it stays as it is."""

    def __init__(
        self,
        changes: dict[str, _Change] | None = None,
        sign: re.Pattern[str] = _SIGN,
        *,
        is_below_lines: bool = False,
    ) -> None:
        self.has_formulas = True
        self.lead = ""  # the signs of quotes and lists
        self.is_at_lead = True  # whether nothing was given back behind them
        self.is_whole = False
        self.is_long_run = False
        self.depth = 0
        self._changes = changes or {}
        self._sign = sign
        self._has_begun = False
        self._is_below_lines = is_below_lines
        self._before = ""  # the character before what is not yet given back
        self._text = ""

    @property
    def next_lead(self) -> str:
        """What a line begins with that goes on in the same quotes and list items."""
        return _LIST_SIGN.sub(lambda found: " " * len(found[0]), self.lead)

    @property
    def is_row(self) -> bool:
        """Whether the line can only be a row of a table."""
        return self.lead.endswith("|")

    def before(self, at: int) -> str:
        """The character before one; "" at the start of the line."""
        return self._text[at - 1] if at else self._before

    def change(self, text: str, *, is_whole: bool) -> tuple[str, int]:
        """Change as much of the rest of the line as is decided; tells where that ends."""
        self._text, self.is_whole = text, is_whole
        out: list[str] = []
        at = 0
        if self._changes and not self._has_begun:
            self.lead = _lead_of(text)
            at = len(self.lead)
            out.append(self.lead)
            if self._is_sign_of_text(text, at):
                out.append("\\")
            try:
                given, end = _definition(self, text, at) if text[at : at + 1] == "[" else ("", at)
            except _UndecidedError:
                return "", 0
            if text[at : at + 1] == "|":
                self.lead += "|"
            out.append(given)
            at = end
            self._has_begun = True
        while self._changes and (found := self._sign.search(text, at)):
            if found.start() > at:
                out.append(text[at : found.start()])
                self.is_at_lead = False
            at = found.start()
            change = self._changes.get(found[0], _address)
            try:
                given, end = change(self, text, at)
            except _UndecidedError:
                break
            self.is_at_lead = self.is_at_lead and not given
            out.append(given)
            at = end
        else:
            if at < len(text):
                self.is_at_lead = False
            out.append(text[at:])
            at = len(text)
        if at:
            self._before = text[at - 1]
        return "".join(out), at

    def _is_sign_of_text(self, text: str, at: int) -> bool:
        """Whether a line would begin a quote or underline a heading, and is to do neither."""
        if text[at : at + 1] == "=":
            return self._is_below_lines
        return text[at : at + 1] == ">" and text[at + 1 : at + 2] != "="

    def wait_if_short(self, text: str, at: int, *, most: int = _LOOK) -> None:
        """Wait for more, unless the line ends here or that much of it was looked at."""
        if not self.is_whole and len(text) - at < most:
            raise _UndecidedError

    def changed_inside(self, text: str, before: str) -> str:
        """Change what stands between two tags."""
        line = _Line(self._changes)
        line.depth = self.depth + 1
        line.lead, line.is_at_lead, line._has_begun = self.lead, False, True
        line._before = before
        return line.change(text, is_whole=True)[0]


_Change = Callable[[_Line, str, int], tuple[str, int]]


def fit_for_page(text: str) -> str:
    """Change a whole text as `MarkdownFilter` does."""
    markdown = MarkdownFilter()
    return markdown.feed(text) + markdown.finish()


def literal(text: str) -> str:
    """Escape a text so that Markdown shows it as it is; for names and words of others."""
    text = _ICON.sub(rf"\1{_APART}", text)
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|~$:" else sign for sign in text)


def _lead_of(text: str) -> str:
    """The signs of quotes and lists; in an item, `> 5` is a comparison and no quote."""
    found = _LEAD.match(text)
    end = found.end() if found else 0
    compared = _COMPARED.search(text, 0, end + 2)
    return text[: min(end, compared.start(1) if compared else end)]


def _code(line: _Line, text: str, at: int) -> tuple[str, int]:
    """A code span, from some backticks to the next run of as many; CommonMark 0.31, section 6.1."""
    end = _end_of_run(text, at)
    if end == len(text):
        line.wait_if_short(text, at)
    was_long, line.is_long_run = line.is_long_run, text[end : end + 1] == "`"
    if was_long or line.is_long_run:  # longer than any that begins code
        return text[at:end], end
    limit = at + _LOOK
    for found in _TICKS.finditer(text, end, limit):
        if len(found[0]) == end - at and found.end() < limit:
            if found.end() == len(text):  # one more backtick would undo it
                line.wait_if_short(text, at)
            return text[at : found.end()], found.end()
    line.wait_if_short(text, at)
    return text[at:end], end


def _backslash(line: _Line, text: str, at: int) -> tuple[str, int]:
    following = text[at + 1 : at + 2]
    if not following:
        line.wait_if_short(text, at)
        return "\\", at + 1
    if following == "(":
        return _inline(line, text, at)
    if following == "[":
        return _display(line, text, at)
    if following in "<>-~" and (changed := _operator(line, text, at)):
        return changed
    if following == ":":
        return _colon(line, text, at)
    return text[at : at + 2], at + 2


def _inline(line: _Line, text: str, at: int) -> tuple[str, int]:
    r"""A formula in `\(...\)`."""
    end = text.find("\\)", at + 2, at + _LOOK) if line.has_formulas else -1
    if end < 0:
        if line.has_formulas and text.find("\\(", at + 2, at + _LOOK) < 0:
            line.wait_if_short(text, at)
        return "\\(", at + 2
    content = text[at + 2 : end].strip()
    if "\\(" in content or not is_bracketed(content) or (line.is_row and "|" in content):
        return "\\(", at + 2
    after = text[end + 2 : end + 3]
    if not after:
        line.wait_if_short(text, at)
    return _between_dollars(content, after), end + 2


def _between_dollars(content: str, after: str) -> str:
    content = with_percent_signs(content)
    if "$$" in content or content[:1] == "$" or content[-1:] in {"$", "\\"}:
        return f"`{content.replace('`', '')}`"
    signs = "$$" if "$" in content or after.isdigit() else "$"
    return f"{signs}{content}{signs}"


def _display(line: _Line, text: str, at: int) -> tuple[str, int]:
    r"""A formula in `\[...\]` or `$$...$$`; raises at the end of a line that it may go beyond."""
    sign = text[at : at + 2]
    as_text = sign if sign == "\\[" else "\\$\\$"
    end = text.find(ENDS[sign], at + 2, at + _LOOK)
    if not line.has_formulas or (end < 0 and not _may_go_on(line, text, at)):
        return as_text, at + 2
    if end < 0:
        raise _UndecidedError  # the filter looks for its end in the lines to come
    content = text[at + 2 : end]
    is_last = bool(_MARK.match(text, end + 2))
    if is_last:
        line.wait_if_short(text, at)
    is_alone = line.is_at_lead and is_last and not line.depth and not line.is_row
    after = text[end + 2 : end + 3]
    if (line.is_row and "|" in content) or after in {"$", "("}:
        return as_text, at + 2
    if not _is_display(sign, content, is_alone=is_alone):
        return as_text, at + 2
    if is_alone and _has_room(content, line):
        return _block(content, line, text[end + 2 :].strip()), len(text)
    if sign == "$$" or "$" in content:
        return f"$${with_percent_signs(content.strip())}$$", end + 2
    return _between_dollars(content.strip(), after), end + 2


def _may_go_on(line: _Line, text: str, at: int) -> bool:
    """Whether a formula that does not end in its line can end in a later one."""
    if text.find("\\[", at + 2, at + _LOOK) > 0:  # another begins before this one ends
        return False
    line.wait_if_short(text, at)
    rest = text[at + 2 : at + _LOOK]
    is_one = text[at] == "$" or not rest.strip() or is_mathematical(rest)
    return is_one and len(text) - at < _LOOK and not line.depth


def _is_display(sign: str, content: str, *, is_alone: bool) -> bool:
    if "\\[" in content:
        return False
    if sign == "$$":
        return is_display(content)
    is_spaced = is_alone and content[:1] == " "
    return (is_mathematical(content) or is_spaced) and is_bracketed(content)


def _has_room(content: str, line: _Line) -> bool:
    """Whether a block stays short, whose every line repeats the signs of quotes and lists."""
    return len(line.lead) * (content.count("\n") + 3) <= len(content) + 60


def _block(content: str, line: _Line, behind: str) -> str:
    """Write a formula as a block of its own, where its line stands."""
    lead = line.next_lead
    marks = ">" * lead.count(">")
    parts = with_percent_signs(content).split("\n")
    lines = [part.strip(" \t").removeprefix(marks).strip(" \t") for part in parts]
    if not lines[-1]:
        del lines[-1]
    if lines and not lines[0]:
        del lines[0]
    if lines and is_mark(behind):
        lines[-1] += behind
    start = "$$" if line.is_at_lead else f"\n{lead}$$"
    return "\n".join((start, *(f"{lead}{part}" for part in lines), f"{lead}$$"))


def _dollar(line: _Line, text: str, at: int) -> tuple[str, int]:
    run = _end_of_run(text, at) - at
    if at + run == len(text):
        line.wait_if_short(text, at)
    if run == 2:  # noqa: PLR2004 - the signs of a formula
        return _display(line, text, at)
    if run > 1 or text[at + 1 : at + 2].isspace():
        return "\\$" * run, at + run
    end = end_of_inline(text, at)
    content, after = text[at + 1 : end], text[end + 1 : end + 2]
    if end < 0 or not after:
        line.wait_if_short(text, at)
    is_none = end < 0 or after == "$"
    if is_none or (line.is_row and "|" in content):
        return "\\$", at + 1
    if is_formula(content, before=line.before(at), after=after):
        return _between_dollars(content, after), end + 1
    return "\\$", at + 1


def _colon(line: _Line, text: str, at: int) -> tuple[str, int]:
    start = at + 1 if text[at] == ":" else at + 2
    if start == len(text):
        line.wait_if_short(text, at)
    name = _NAME.match(text, start)
    if name and name.end() == len(text):
        line.wait_if_short(text, start, most=100)
    if _ICON.match(text, at):
        return text[at:start] + _APART, start
    is_emoji = name is not None and text[name.end() : name.end() + 1] == ":"
    is_read = (name and not is_emoji) or text[start : start + 1] in {":", "<"}
    return ("\\:" if is_read and text[start : start + 1] else text[at:start]), start


def _exclamation(line: _Line, text: str, at: int) -> tuple[str, int]:
    """What would make a link a picture."""
    end = _end_of_run(text, at)
    if end == len(text):
        line.wait_if_short(text, at)
    if text[end : end + 1] == "[":
        return "\\!" * (end - at - 1), end
    return text[at:end] if text[end : end + 1] != "!" else "\\!" * (end - at), end


def _end_of_run(text: str, at: int) -> int:
    """Where the same character ends; a run may go on beyond what is looked at."""
    found = _RUN.match(text, at)
    return found.end() if found else at


def _picture_in_code(line: _Line, text: str, at: int) -> tuple[str, int]:
    """A picture in indented lines, which may be no code after all."""
    end = _end_of_run(text, at)
    if _MAY_BE_IMAGE.match(text, end):
        line.wait_if_short(text, at)
    return ("" if _IMAGE.match(text, end) else text[at:end]), end


def _tag(line: _Line, text: str, at: int) -> tuple[str, int]:
    if _MAY_BE_TAG.match(text, at):
        line.wait_if_short(text, at)
    if found := _TAG.match(text, at):
        changed = _drawn(line, text, at, found)
    elif found := _END_TAG.match(text, at):
        changed = _end_of_details(line, text, found)
    elif found := _IN_ANGLES.match(text, at):
        changed = (found[0], found.end()) if is_harmless(found[1]) else None
    else:
        changed = _operator(line, text, at)
    if changed:
        return changed
    following = text[at + 1 : at + 2]
    if following == "!":
        return "\\<\\!", at + 2
    is_read = following.isalpha() or following in {"/", "?"}
    return ("\\<" if is_read and following else "<"), at + 1


def _drawn(  # noqa: PLR0911 - one for each kind of tag
    line: _Line, text: str, at: int, tag: re.Match[str]
) -> tuple[str, int] | None:
    """What a tag becomes that is drawn; None where it stays text."""
    name = (tag[1] or tag[2]).lower().removeprefix("/")
    if name == "br":
        return _LINE_END, tag.end()
    if name == "details":
        if len(text) - tag.end() < len("<summary   >") or _BLANK.match(text, tag.end()):
            line.wait_if_short(text, at)
        is_one = line.is_at_lead and _BEFORE_TITLE.match(text, tag.end())
        return ("", _end_of_space(text, tag.end())) if is_one else None
    end_tag = re.compile(rf"</{name}[ \t]{{0,3}}>", re.IGNORECASE)
    end = end_tag.search(text, tag.end(), at + _LOOK)
    if end is None:
        line.wait_if_short(text, at)
        is_alone = name == "summary" and _BLANK.match(text, tag.end())
        return ("", len(text)) if is_alone else None
    content = text[tag.end() : end.start()]
    if line.depth == _DEEPEST or "|" in content or not content.strip():
        return None
    if name == "summary":
        return _title(line, text, at, content, end.end())
    if name == "code" and "`" not in content:
        return f"`{content}`", end.end()
    inside = line.changed_inside(content, ">")
    inside = inside if _has_pairs(inside) else literal(content)
    return _DRAWN.get(name, "{}").format(inside), end.end()


def _title(line: _Line, text: str, at: int, content: str, end: int) -> tuple[str, int] | None:
    """The title of what can be unfolded elsewhere: a bold paragraph."""
    if line.depth or line.is_row or not line.is_at_lead:
        return None
    if _BLANK.match(text, end):
        line.wait_if_short(text, at)
    inside = line.changed_inside(_BOLD_TAG.sub("", content).strip(), "")
    bold = inside if "*" in inside else f"**{inside}**"
    behind = _end_of_space(text, end)
    lead = line.next_lead
    if behind == len(text):
        return f"{bold}\n{lead.rstrip()}", behind
    return f"{bold}\n{lead.rstrip()}\n{lead}", behind


def _end_of_details(line: _Line, text: str, tag: re.Match[str]) -> tuple[str, int] | None:
    if _BLANK.match(text, tag.end()):
        line.wait_if_short(text, tag.start())
        return "", len(text)
    return None


def _end_of_space(text: str, at: int) -> int:
    while text[at : at + 1] in {" ", "\t"}:
        at += 1
    return at


def _has_pairs(text: str) -> bool:
    """Whether brackets stand in pairs, so that they can stand in others."""
    depth = 0
    for found in _BRACKETS.finditer(text):
        depth += {"[": 1, "]": -1}.get(found[0], 0)
        if depth < 0 or depth > 20:  # noqa: PLR2004 - Streamlit's parser knows 32
            return False
    return not depth and not text.endswith("\\")


def _emphasis(line: _Line, text: str, at: int) -> tuple[str, int]:
    sign = text[at]
    end = _end_of_run(text, at)
    if end == len(text):
        line.wait_if_short(text, at)
    run = text[at:end]
    if sign == "~" and len(run) == 1:
        return _operator(line, text, at) or ("\\~", end)
    side = hindered_side(line.before(at), text[end : end + 1])
    if side is Side.RIGHT:
        return run + _APART, end
    return (_APART + run if side is Side.LEFT else run), end


def _comparison(line: _Line, text: str, at: int) -> tuple[str, int]:
    return _operator(line, text, at) or (text[at], at + 1)


def _operator(line: _Line, text: str, at: int) -> tuple[str, int] | None:
    """An arrow or a comparison, kept from becoming another sign; None where there is none."""
    if _MAY_BE_OPERATOR.match(text, at):
        line.wait_if_short(text, at, most=_LONGEST_OPERATOR)
    found = _OPERATOR.match(text, at)
    before = line.before(at)
    if found is None or (before and before not in _BEFORE_OPERATOR):
        return None
    sign = found[0]
    return _APART + (f"\\{sign}" if sign[0] == "~" else sign), found.end()


def _entity(line: _Line, text: str, at: int) -> tuple[str, int]:
    line.wait_if_short(text, at, most=20)
    if icon := _ICON.match(text, at):
        return icon[0] + _APART, icon.end()
    return _comparison(line, text, at)


def _link(line: _Line, text: str, at: int) -> tuple[str, int]:
    """What stands between the words and the address of a link."""
    target = _TARGET.match(text, at)
    if target is None:
        if at + 1 == len(text):
            line.wait_if_short(text, at)
        return "]", at + 1
    if target.end() == len(text):
        line.wait_if_short(text, at, most=LONGEST)
    address = target[1].removeprefix("<")
    goes_on = target.end() == len(text)  # an address may stand on the next line
    is_link = is_harmless(address) and not (goes_on and not address)
    return ("](" if is_link else "]\\("), at + 2


def _definition(line: _Line, text: str, at: int) -> tuple[str, int]:
    """The beginning of a line that may define a link."""
    if _MAY_BE_DEFINITION.match(text, at):
        line.wait_if_short(text, at)
    found = _DEFINITION.match(text, at)
    if found is None or text[at + 1 : at + 2] == "^":
        return "", at
    address = found["address"]
    is_link = address and is_harmless(address.removeprefix("<"))
    return ("" if is_link else "\\["), at if is_link else at + 1


def _address(line: _Line, text: str, at: int) -> tuple[str, int]:
    """An address that is a link by itself; its signs are none of Markdown's."""
    found = _ADDRESS.match(text, at)
    if found is None or found.end() == len(text):
        line.wait_if_short(text, at)
    if found is None:
        return text[at], at + 1
    address = found[0].rstrip(".,;:?'")
    if text[found.end() : found.end() + 1] not in {"<", ">", '"'} or "." not in address:
        return found[0], found.end()
    # what we write for a tag would belong to the address
    is_whole = address[0] in "hH"
    link = f"<{address}>" if is_whole else f"[{address}](http://{address})"
    return link + found[0][len(address) :], found.end()


_CHANGES: dict[str, _Change] = {
    "`": _code,
    "\\": _backslash,
    "!": _exclamation,
    "$": _dollar,
    ":": _colon,
    "<": _tag,
    ">": _comparison,
    "-": _comparison,
    "~": _emphasis,
    "*": _emphasis,
    "]": _link,
    "&": _entity,
}
