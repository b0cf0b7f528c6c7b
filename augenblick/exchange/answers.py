"""The Markdown of an answer as HTML that can neither run nor load anything.

What the page on the screen changes before Streamlit draws it (`ui/markdown`), this renderer knows:
line ends, harmless tags, emphasis in East Asian texts. Formulas stand there as their source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, blockquote, lheading, table
from markdown_it.rules_inline import StateInline, emphasis, strikethrough
from markdown_it.token import Token
from markupsafe import Markup

from augenblick.core.blocks.emphasis import Side, hindered_side
from augenblick.core.blocks.formulas import end_of_formula, formula_block
from augenblick.core.blocks.link_targets import is_harmless

MOST_TIMES = 4
"""How many times the bytes of an answer its HTML may have, besides `_SPARE_BYTES`."""

Mark = Callable[[str], Markup | None]
"""HTML of a piece of text with marks in it; None where there is nothing to mark."""

_SPARE_BYTES = 1_000
_HEADING = re.compile(r"h([1-6])")
_DEEPEST = 6
_ABOVE = 2  # levels of headings that the page itself uses
_MOST_COLUMNS = 60  # what a table may have; the renderer fills each row up to them
_LOOK = 1_000  # characters in which a tag has to end
_UNDERLINED = 2  # lines of a heading with its underline
_TAG = re.compile(
    r"<(/?br|sub|sup|u|ins|b|strong|i|em|s|del|strike|mark|kbd|code)[ \t]{0,3}/?>", re.IGNORECASE
)
_DETAILS = re.compile(
    r"(?:</details[ ]*>|<details(?: open)?[ ]*>)?[ ]*"
    r"(?:<summary[ ]*>(?P<title>(?:[^<]|<(?!/summary))*)</summary[ ]*>|</?summary[ ]*>)?[ ]*$",
    re.IGNORECASE,
)
_COMPARED = re.compile(r"(?:[-+*]|\d{1,9}[.)])[ \t]+>[ \t]?[$€£¥]?\d")
_BOLD_TAG = re.compile(r"</?(?:b|strong|h[1-6])>", re.IGNORECASE)
_DIRECTED = {"bullet_list_open", "ordered_list_open", "table_open", "blockquote_open"}
_LINK = Markup('<a href="{}" target="_blank" rel="noreferrer nofollow">{}</a>')
_AND = re.compile(r"&(?=[#A-Za-z])")


def answer_html(text: str, mark: Mark | None = None) -> Markup:
    """HTML of a Markdown text: its own HTML is shown as text, a picture becomes a link to it.

    Where the HTML would have more than four times the bytes of the text, and a little, it is the
    text as it was written. `mark` makes HTML of what is to be marked in it.
    """
    size = len(text.encode())
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        if found := _HEADING.fullmatch(token.tag):
            token.tag = f"h{min(int(found[1]) + _ABOVE, _DEEPEST)}"
    _settle_links(size, tokens)
    html: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    if len(html.encode()) > MOST_TIMES * size + _SPARE_BYTES:
        return Markup('<div class="plain">{}</div>').format(plain_html(text))
    if mark is not None:
        _mark_all(tokens, mark)
        html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return Markup(html)  # noqa: S704  # the renderer has escaped whatever came from the text


def plain_html(text: str) -> Markup:
    """Escape what HTML would read in a text, and nothing more: at most four times as long."""
    escaped = _AND.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
    return Markup(escaped)  # noqa: S704  # no tag, comment or character reference is left


def _settle_links(most_bytes: int, tokens: Iterable[Token]) -> None:
    """Have links open elsewhere, for the frame of a preview would lead away, and pictures be links.

    Once addresses from definitions are as long as the text, only the words of links are kept.
    """
    used = 0
    for token in tokens:
        is_taken = False
        for child in token.children or ():
            if child.type == "link_open":
                used += len(str(child.attrs.get("href", "")))
                used += len(str(child.attrs.get("title", "")))
                is_taken = used > most_bytes
                child.attrs |= {"target": "_blank", "rel": "noreferrer nofollow"}
            if child.type == "image":
                address = str(child.attrs.get("src", ""))
                used += len(address)
                child.type = "text"
                if used <= most_bytes:
                    child.type = "html_inline"
                    child.content = _LINK.format(address, child.content or address)
            if is_taken and child.type in {"link_open", "link_close"}:
                is_taken = child.type == "link_open"
                child.type, child.content = "text", ""


def _mark_all(tokens: Iterable[Token], mark: Mark) -> None:
    """Mark words and code, except in links and formulas."""
    for token in tokens:
        if token.type in {"fence", "code_block"} and (marked := mark(token.content)) is not None:
            token.type = "html_block"
            token.content = Markup("<pre><code>{}</code></pre>\n").format(marked)
        depth = 0
        for child in token.children or ():
            depth += {"link_open": 1, "link_close": -1}.get(child.type, 0)
            is_code = child.type == "code_inline" and child.markup
            if depth or not (is_code or child.type == "text"):
                continue
            if (marked := mark(child.content)) is not None:
                child.type = "html_inline"
                child.content = Markup("<code>{}</code>").format(marked) if is_code else marked


def _formula(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as a rule is called
    if state.src[state.pos] not in "$\\":
        return False
    end = end_of_formula(state.src, state.pos)
    if end is None:
        return False
    if not silent:
        width = 1 if state.src[state.pos] == "$" and state.src[state.pos + 1] != "$" else 2
        content = state.src[state.pos + width : end - width]
        state.push("code_inline", "code", 0).content = " ".join(content.split())
    state.pos = end
    return True


def _formula_block(
    state: StateBlock,
    start: int,
    end: int,
    silent: bool,  # noqa: FBT001 - as a rule is called
) -> bool:
    if state.is_code_block(start):
        return False
    found = formula_block(_lines(state, start, end))
    if found is None:
        return False
    if not silent:
        content, count = found
        token = state.push("fence", "code", 0)
        token.content = f"{content}\n"
        token.map = [start, start + count]
        state.line = start + count
    return True


def _lines(state: StateBlock, start: int, end: int) -> Iterator[str]:
    """The lines that a block which begins in one can have."""
    for line in range(start, end):
        if line > start and state.sCount[line] < state.blkIndent:
            return
        yield state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _details(
    state: StateBlock,
    start: int,
    _end: int,
    silent: bool,  # noqa: FBT001 - as a rule is called
) -> bool:
    """What can be unfolded elsewhere: its title is a bold paragraph, its content follows."""
    begin = state.bMarks[start] + state.tShift[start]
    if state.is_code_block(start) or not state.src.startswith("<", begin):
        return False
    found = _DETAILS.match(state.src[begin : min(state.eMarks[start], begin + _LOOK)])
    if found is None or not found[0]:
        return False
    if not silent:
        state.line = start + 1
        title = _BOLD_TAG.sub("", found["title"] or "").strip()
        if title:
            state.push("paragraph_open", "p", 1)
            token = state.push("inline", "", 0)
            token.content = title if "*" in title else f"**{title}**"
            token.children, token.map = [], [start, start + 1]
            state.push("paragraph_close", "p", -1)
    return True


def _tag(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as a rule is called
    """A tag that only says how its text is drawn."""
    found = _TAG.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    name = found[1].lower().removeprefix("/")
    if name == "br":
        if not silent:
            state.push("hardbreak", "br", 0)
        state.pos = found.end()
        return True
    end_tag = re.compile(rf"</{name}[ \t]{{0,3}}>", re.IGNORECASE)
    end = end_tag.search(state.src, found.end(), min(state.posMax, found.end() + _LOOK))
    if end is None or state.level >= state.md.options.maxNesting:
        return False
    if not silent:
        after = state.posMax
        state.pos, state.posMax = found.end(), end.start()
        state.push("tag_open", name, 1)
        state.md.inline.tokenize(state)
        state.push("tag_close", name, -1)
        state.posMax = after
    state.pos = end.end()
    return True


def _unhindered(
    rule: Callable[[StateInline, bool], bool],
    state: StateInline,
    silent: bool,  # noqa: FBT001 - as a rule is called
) -> bool:
    """Let the row of asterisks or tildes that a rule finds open and close emphasis."""
    is_found = rule(state, silent)
    if not is_found or not state.delimiters:
        return is_found
    last = state.delimiters[-1]
    sign, start = chr(last.marker), state.pos - 1
    while start and state.src[start - 1] == sign:
        start -= 1
    before = state.src[start - 1] if start else ""
    if hindered_side(before, state.src[state.pos : state.pos + 1]) is not Side.NONE:
        for delimiter in state.delimiters[-last.length or -1 :]:
            if delimiter.marker == last.marker and delimiter.end < 0:
                delimiter.open = delimiter.close = True
    return True


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    header = state.src[state.bMarks[start] : state.eMarks[start]]
    return header.count("|") <= _MOST_COLUMNS and table(state, start, end, silent)


def _underlined(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """A heading of one line; below several a row of dashes or equals signs is a rule."""
    count, line = len(state.tokens), state.line
    if not lheading(state, start, end, silent) or state.line - start <= _UNDERLINED:
        return state.line != line
    del state.tokens[count:]
    state.line = line
    return False


def _quote(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """A quote; `>= 5`, and `> 5` in a list item, are comparisons."""
    begin = state.bMarks[start] + state.tShift[start]
    line_begin = state.src.rfind("\n", max(0, begin - _LOOK), begin) + 1
    compared = _COMPARED.search(state.src, line_begin, begin + 4)
    is_compared = state.src.startswith(">=", begin) or (compared and begin < compared.end())
    return not is_compared and blockquote(state, start, end, silent)


def _lay_out(tokens: Iterable[Token]) -> None:
    """Make line ends line ends, outside of lists and headings; lists run the way of their text.

    The side of a cell is a class, which is shorter than its style.
    """
    depth = 0
    for token in tokens:
        if side := str(token.attrs.pop("style", "")).removeprefix("text-align:")[:1]:
            token.attrs["class"] = side
        if token.type in _DIRECTED:
            token.attrSet("dir", "auto")
        if token.type in {"list_item_open", "heading_open"}:
            depth += 1
        elif token.type in {"list_item_close", "heading_close"}:
            depth -= 1
        for child in () if depth else token.children or ():
            if child.type == "softbreak":
                child.type, child.tag = "hardbreak", "br"


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.validateLink = is_harmless  # type: ignore[method-assign,assignment]  # as its guide shows
    interrupting: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    markdown.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    markdown.block.ruler.at("blockquote", _quote, interrupting)
    markdown.block.ruler.at("lheading", _underlined)
    markdown.block.ruler.before("fence", "formula", _formula_block, interrupting)
    markdown.block.ruler.before("fence", "details", _details, interrupting)
    markdown.inline.ruler.before("escape", "formula", _formula)
    markdown.inline.ruler.before("html_inline", "tag", _tag)
    markdown.inline.ruler.at("emphasis", partial(_unhindered, emphasis.tokenize))
    markdown.inline.ruler.at("strikethrough", partial(_unhindered, strikethrough.tokenize))
    markdown.core.ruler.push("layout", lambda state: _lay_out(state.tokens))
    return markdown


_MARKDOWN = _markdown()
