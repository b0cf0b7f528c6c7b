"""Which structure the lines of a Markdown text have, as far as one line decides about the next.

By CommonMark 0.31 with GitHub's extensions and `$$` formulas: quotes and list items in each other,
fences, HTML, paragraphs that go on, link definitions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

_FENCE = re.compile(r"(`{3,}(?=[^`]*$)|~{3,})(.*)$")
_MATH = re.compile(r"(\${2,})[^$]*$")
RULE = re.compile(r"([-*_])[ ]*(?:\1[ ]*){2,}$")
_UNDERLINE = re.compile(r"(?:=+|-+)[ ]*$")
_HEADING = re.compile(r"#{1,6}(?: |$)")
_ITEM = re.compile(r"([-+*]|(\d{1,9})[.)])( +|$)")
LABEL = r"\[(?:[^\[\]\\]|\\.){1,999}\]"
_DEFINITION = re.compile(
    rf"({LABEL}):[ ]*(?:<[^<>]*>|[^\s<]\S*)(?:[ ]+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?[ ]*$"
)
_BLANK = re.compile(r"^ *$")
_HTML = (  # how HTML begins, and what ends it; CommonMark 0.31, section 4.6
    (re.compile(r"<(?:script|pre|style|textarea)(?:[\s>]|$)", re.IGNORECASE),
     re.compile(r"</(?:script|pre|style|textarea)>", re.IGNORECASE)),
    (re.compile(r"<!--"), re.compile(r"-->")),
    (re.compile(r"<\?"), re.compile(r"\?>")),
    (re.compile(r"<![A-Za-z]"), re.compile(r">")),
    (re.compile(r"<!\[CDATA\["), re.compile(r"\]\]>")),
    (re.compile(
        r"</?(?:address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd"
        r"|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset"
        r"|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol"
        r"|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr"
        r"|track|ul)(?: |/?>|$)", re.IGNORECASE),
     _BLANK),
)  # fmt: skip
_ATTRIBUTE = r"[ ]+[A-Za-z_:][\w.:-]*(?:[ ]*=[ ]*(?:[^ \"'=<>`]+|'[^']*'|\"[^\"]*\"))?"
_TAG = re.compile(
    r"(?:</[A-Za-z][\w-]*[ ]*"
    rf"|<[A-Za-z][\w-]*(?:{_ATTRIBUTE})*[ ]*/?)"
    r">[ ]*$", re.ASCII
)  # fmt: skip
_DEEPEST = 100  # containers in each other; what goes deeper is read as text


@dataclass(frozen=True, slots=True)
class _Container:
    """A quote, or a list item whose content stands `width` columns further in."""

    width: int = 0  # 0 for a quote
    is_empty: bool = False  # an item with nothing in it yet


@dataclass(frozen=True, slots=True)
class Structure:
    """Where in a text the next line stands."""

    containers: tuple[_Container, ...] = ()
    fence: str = ""  # the opening signs of the code or `$$` formula we are in
    html_end: re.Pattern[str] | None = None  # what ends the HTML we are in
    is_paragraph: bool = False  # whether the line before can be continued
    is_list: bool = False  # whether the last thing outside of containers is a list
    is_code: bool = False  # whether the line before belonged to a fenced code block
    is_indented: bool = False  # whether the line before was code by its indentation
    definition: str = ""  # the label of the line before, if it defined a link

    @property
    def is_verbatim(self) -> bool:
        """Whether we are in something that blank lines do not end."""
        return bool(self.fence) or self.html_end is not None


START: Final = Structure()
_START_OF_LIST: Final = Structure(is_list=True)
_PARAGRAPH: Final = Structure(is_paragraph=True)


def advance(before: Structure, line: str) -> Structure:
    """Take one line, without its end, and tell where the next one stands.

    Of a line that has only begun the answer is right about `is_code` once it holds anything besides
    spaces, signs of quotes and lists, and up to three backticks or tildes.
    """
    if not before.containers:
        quick = _advance_quickly(before, line)
        if quick is not None:
            return quick
    text = line.removesuffix("\r").expandtabs(4)
    inside, rest = _match(before.containers, text)
    is_inside = len(inside) == len(before.containers)
    if is_inside and before.is_verbatim:
        return _in_verbatim(before, inside, rest)
    can_continue = before.is_paragraph and bool(rest.strip(" "))
    opened, rest = _open_containers(rest, interrupts=can_continue and is_inside)
    here = replace(
        START,
        containers=_filled((*inside, *opened), rest),
        is_list=_is_list(before, inside, opened),
    )
    if not rest.strip(" "):
        return here
    is_continued = can_continue and not opened
    leaf = _leaf(here, rest, is_continued=is_continued, is_same=is_inside)
    if leaf is not None:
        return replace(leaf, is_list=leaf.is_list and bool(leaf.containers))
    if is_continued:  # also a line further out than the paragraph it goes on with
        return replace(before, is_paragraph=True, is_code=False, definition="")
    is_indented = rest.startswith("    ")
    return replace(
        here,
        is_paragraph=not is_indented,
        is_indented=is_indented,
        is_list=bool(here.containers) and here.is_list,
    )


def _advance_quickly(before: Structure, line: str) -> Structure | None:
    """Advance over the lines that make up most of any text, outside of containers."""
    first = line[:1]
    if before.html_end is not None:
        return None
    if before.fence:
        is_plain = first not in {before.fence[0], " ", "\t"}
        return before if is_plain and before.is_code == (before.fence[0] != "$") else None
    if not first:
        return _START_OF_LIST if before.is_list else START
    return _PARAGRAPH if first.isalpha() else None


def _match(containers: tuple[_Container, ...], text: str) -> tuple[tuple[_Container, ...], str]:
    """Find the containers a line goes on with, and what of the line stands in them."""
    is_blank = not text.strip(" ")
    for depth, container in enumerate(containers):
        indent = len(text) - len(text.lstrip(" "))
        if not container.width:
            if indent > 3 or not text.startswith(">", indent):  # noqa: PLR2004 - 4 is code
                return containers[:depth], text
            text = _without_sign(text, indent)
            is_blank = not text.strip(" ")
        elif is_blank and container.is_empty:
            return containers[:depth], text
        elif not is_blank:
            if indent < container.width:
                return containers[:depth], text
            text = text[container.width :]
    return containers, text


def _without_sign(text: str, indent: int) -> str:
    rest = text[indent + 1 :]
    return rest.removeprefix(" ")


def _open_containers(rest: str, *, interrupts: bool) -> tuple[tuple[_Container, ...], str]:
    """Find the quotes and list items that begin in a line, and what of the line is left."""
    opened: list[_Container] = []
    while len(opened) < _DEEPEST:
        indent = len(rest) - len(rest.lstrip(" "))
        if indent > 3:  # noqa: PLR2004 - 4 is code
            break
        begun = rest[indent:]
        if begun.startswith(">"):
            opened.append(_Container())
            rest = _without_sign(rest, indent)
        elif (item := _item(begun, indent, interrupts=interrupts and not opened)) is not None:
            opened.append(item)
            rest = rest[item.width :]
        else:
            break
    return tuple(opened), rest


def _item(begun: str, indent: int, *, interrupts: bool) -> _Container | None:
    found = _ITEM.match(begun)
    if found is None or RULE.match(begun) or (interrupts and _UNDERLINE.match(begun)):
        return None
    is_empty = found.end() == len(begun)
    if interrupts and (is_empty or found[2] not in {None, "1"}):
        return None
    gap = 1 if is_empty or len(found[3]) > 4 else len(found[3])  # noqa: PLR2004 - 4 more are code
    return _Container(indent + len(found[1]) + gap, is_empty)


def _filled(containers: tuple[_Container, ...], rest: str) -> tuple[_Container, ...]:
    if not rest.strip(" ") or not any(container.is_empty for container in containers):
        return containers
    return tuple(replace(container, is_empty=False) for container in containers)


def _is_list(
    before: Structure, inside: tuple[_Container, ...], opened: tuple[_Container, ...]
) -> bool:
    outermost = (*inside, *opened)[:1]
    return bool(outermost[0].width) if outermost else before.is_list


def _in_verbatim(before: Structure, inside: tuple[_Container, ...], rest: str) -> Structure:
    here = replace(before, containers=_filled(inside, rest), definition="")
    if before.html_end is not None:
        has_ended = bool(before.html_end.search(rest))
        return replace(here, html_end=None) if has_ended else here
    is_code = before.fence[0] != "$"
    closing = rest.strip(" ")
    has_ended = (
        closing.startswith(before.fence)
        and not closing.strip(before.fence[0])
        and not rest.startswith("    ")
    )
    return replace(here, is_code=is_code, fence="" if has_ended else before.fence)


def _leaf(here: Structure, rest: str, *, is_continued: bool, is_same: bool) -> Structure | None:
    """What begins in a line besides a paragraph; `is_continued`: a paragraph could go on here."""
    indent = len(rest) - len(rest.lstrip(" "))
    if indent > 3:  # noqa: PLR2004 - 4 is code
        return None
    begun = rest[indent:]
    verbatim = _verbatim(here, begun, is_continued=is_continued)
    if verbatim is not None:
        return verbatim
    is_underline = is_continued and is_same and _UNDERLINE.match(begun)
    if is_underline or _HEADING.match(begun) or RULE.match(begun):
        return here
    definition = None if is_continued else _DEFINITION.match(begun)
    return replace(here, definition=definition[1]) if definition else None


def _verbatim(here: Structure, begun: str, *, is_continued: bool) -> Structure | None:
    """What begins in a line and is not ended by a line of another kind."""
    if fence := _FENCE.match(begun):
        return replace(here, fence=fence[1], is_code=True)
    if math := _MATH.match(begun):
        return replace(here, fence=math[1])
    for start, end in _HTML:
        if start.match(begun):
            return replace(here, html_end=None if end.search(begun) else end)
    is_tag = not is_continued and _TAG.match(begun)
    return replace(here, html_end=_BLANK) if is_tag else None
